/* A row of a nested column from its leaves' entries: as jsonb's text or as an array's elements. */
#include <string.h>

#include "engines/columnar/parquet/parquet_entries.h"
#include "engines/columnar/parquet/parquet_nested.h"
#include "engines/columnar/parquet/parquet_variant.h"

/* What one row may come to. */
static const size_t LARGEST_ROW_BYTES = (size_t)256 << 20;

typedef struct Assembly {
    NestedLeaf **leaves;
    const char *path;
    StrBuf *out;
    Error *err;
} Assembly;

static Status uneven(const Assembly *assembly) {
    return parquet_corrupt(assembly->err, assembly->path,
                           "the levels of a nested column do not fit together");
}

static void start_row(const NestedNode *tree, NestedLeaf **leaves, int row) {
    for (int i = 0; i < tree->leaf_count; i++) {
        leaves[i]->entry = leaves[i]->row_entry[row];
        leaves[i]->entry_end = leaves[i]->row_entry[row + 1];
        leaves[i]->value = leaves[i]->row_value[row];
    }
}

static bool all_used(const NestedNode *tree, NestedLeaf **leaves) {
    for (int i = 0; i < tree->leaf_count; i++)
        if (leaves[i]->entry != leaves[i]->entry_end) return false;
    return true;
}

/* Passes over the entry that every leaf below has for a NULL or an empty list. */
static Status pass_entry(const Assembly *assembly, const NestedNode *node) {
    for (int i = 0; i < node->leaf_count; i++) {
        NestedLeaf *leaf = assembly->leaves[node->first_leaf + i];
        if (leaf->entry == leaf->entry_end) return uneven(assembly);
        leaf->value += leaf->definitions[leaf->entry] == leaf->leaf->max_definition;
        leaf->entry++;
    }
    return STATUS_OK;
}

/* Whether the list has another element: all leaves below must agree. */
static Status has_more(const Assembly *assembly, const NestedNode *node, bool *more) {
    for (int i = 0; i < node->leaf_count; i++) {
        const NestedLeaf *leaf = assembly->leaves[node->first_leaf + i];
        bool here = leaf->entry < leaf->entry_end && leaf->repetitions[leaf->entry] >= node->repetition;
        if (here && leaf->repetitions[leaf->entry] > node->repetition) return uneven(assembly);
        if (i > 0 && here != *more) return uneven(assembly);
        *more = here;
    }
    return STATUS_OK;
}

static Status definition_of(const Assembly *assembly, const NestedNode *node, int *out) {
    const NestedLeaf *leaf = assembly->leaves[node->first_leaf];
    if (leaf->entry == leaf->entry_end) return uneven(assembly);
    *out = leaf->definitions[leaf->entry];
    return STATUS_OK;
}

static const void *next_value(NestedLeaf *leaf) {
    leaf->entry++;
    return leaf->values + (size_t)leaf->value++ * physical_width(leaf->leaf->vector_physical);
}

/* ---- jsonb ---- */

static Status put_value(const Assembly *assembly, const NestedNode *node);

static Status put_struct(const Assembly *assembly, const NestedNode *node) {
    StrBuf *out = assembly->out;
    bool any = false;
    strbuf_append_char(out, '{');
    for (int i = 0; i < node->child_count; i++) {
        const NestedNode *child = node->children[i];
        size_t before = out->length;
        if (any) strbuf_append_text(out, ", ");
        strbuf_append_json(out, child->name, strlen(child->name));
        strbuf_append_text(out, ": ");
        TRY(put_value(assembly, child));
        bool again = i + 1 < node->child_count && strcmp(node->children[i + 1]->name, child->name) == 0;
        if (again) /* of fields of one name the last counts */
            out->length = before;
        else
            any = true;
    }
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

static Status put_list(const Assembly *assembly, const NestedNode *node, int definition) {
    StrBuf *out = assembly->out;
    bool more = definition >= node->repeated_definition;
    strbuf_append_char(out, '[');
    if (!more) TRY(pass_entry(assembly, node));
    while (more) {
        TRY(put_value(assembly, node->children[0]));
        TRY(has_more(assembly, node, &more));
        if (more) strbuf_append_text(out, ", ");
    }
    strbuf_append_char(out, ']');
    return STATUS_OK;
}

/* The key of a map's next entry as text: what is not text by itself as json prints it. */
static Status take_key(const Assembly *assembly, const NestedNode *node, Arena *arena, StringView *out) {
    NestedLeaf *leaf = assembly->leaves[node->first_leaf];
    int definition;
    TRY(definition_of(assembly, node, &definition));
    if (definition < node->definition) {
        leaf->entry++;
        *out = stringview_make("null", 4);
        return STATUS_OK;
    }
    const void *value = next_value(leaf);
    if (sqltype_is_text(node->leaf->type)) {
        memcpy(out, value, sizeof *out);
        return STATUS_OK;
    }
    StrBuf text;
    strbuf_init(&text);
    nested_scalar_json(node->leaf, value, &text);
    bool quoted = text.data[0] == '"';
    size_t length = text.length - (quoted ? 2 : 0);
    *out = stringview_make(arena_memdup(arena, text.data + quoted, length), (uint32_t)length);
    strbuf_deinit(&text);
    return STATUS_OK;
}

static Status put_entries(const Assembly *assembly, const NestedNode *node, JsonEntries *entries,
                          Arena *arena) {
    for (bool more = true; more;) {
        StringView key;
        TRY(take_key(assembly, node->children[0], arena, &key));
        json_entries_begin(entries, &key, assembly->out);
        TRY(put_value(assembly, node->children[1]));
        json_entries_end(entries, assembly->out);
        TRY(has_more(assembly, node, &more));
    }
    return STATUS_OK;
}

static Status put_map(const Assembly *assembly, const NestedNode *node, int definition) {
    strbuf_append_char(assembly->out, '{');
    if (definition < node->repeated_definition) {
        TRY(pass_entry(assembly, node));
    } else {
        JsonEntries entries;
        Arena arena;
        arena_init(&arena);
        json_entries_init(&entries, assembly->out);
        Status status = put_entries(assembly, node, &entries, &arena);
        if (status == STATUS_OK) json_entries_sort(&entries, assembly->out);
        json_entries_deinit(&entries);
        arena_deinit(&arena);
        TRY(status);
    }
    strbuf_append_char(assembly->out, '}');
    return STATUS_OK;
}

/* ---- variants ---- */

static Status put_variant(const Assembly *assembly, const NestedNode *node, VariantBytes metadata,
                          bool *missing);

/* A byte string's next value; absent when NULL or when there is no such column. */
static Status take_bytes(const Assembly *assembly, const NestedNode *node, StringView *out, bool *present) {
    int definition;
    *present = false;
    if (!node) return STATUS_OK;
    TRY(definition_of(assembly, node, &definition));
    if (definition < node->definition) return pass_entry(assembly, node);
    memcpy(out, next_value(assembly->leaves[node->first_leaf]), sizeof *out);
    *present = true;
    return STATUS_OK;
}

/* Shredded fields, and those that stayed in the value beside them. */
static Status put_shredded_fields(const Assembly *assembly, const NestedNode *typed, VariantBytes metadata,
                                  const StringView *rest, JsonEntries *entries) {
    StrBuf *out = assembly->out;
    for (int i = 0; i < typed->child_count; i++) {
        const NestedNode *field = typed->children[i];
        StringView key = stringview_make(field->name, (uint32_t)strlen(field->name));
        size_t before = out->length;
        bool missing;
        json_entries_begin(entries, &key, out);
        TRY(put_variant(assembly, field, metadata, &missing));
        if (missing)
            out->length = before;
        else
            json_entries_end(entries, out);
    }
    VariantObject object;
    if (!rest) return STATUS_OK;
    if (!variant_open_object(metadata, variant_bytes(rest), &object)) return uneven(assembly);
    for (uint32_t i = 0; i < object.count; i++) {
        StringView key;
        VariantBytes value;
        if (!variant_object_member(&object, i, &key, &value)) return uneven(assembly);
        json_entries_begin(entries, &key, out);
        TRY(variant_put_json(metadata, value, assembly->path, LARGEST_ROW_BYTES, out, assembly->err));
        json_entries_end(entries, out);
    }
    return STATUS_OK;
}

static Status put_shredded_object(const Assembly *assembly, const NestedNode *typed, VariantBytes metadata,
                                  const StringView *rest) {
    JsonEntries entries;
    strbuf_append_char(assembly->out, '{');
    json_entries_init(&entries, assembly->out);
    Status status = put_shredded_fields(assembly, typed, metadata, rest, &entries);
    if (status == STATUS_OK) json_entries_sort(&entries, assembly->out);
    json_entries_deinit(&entries);
    TRY(status);
    strbuf_append_char(assembly->out, '}');
    return STATUS_OK;
}

static Status put_shredded_list(const Assembly *assembly, const NestedNode *typed, VariantBytes metadata,
                                int definition) {
    bool more = definition >= typed->repeated_definition, missing;
    strbuf_append_char(assembly->out, '[');
    if (!more) TRY(pass_entry(assembly, typed));
    while (more) {
        TRY(put_variant(assembly, typed->children[0], metadata, &missing));
        if (missing) strbuf_append_text(assembly->out, "null");
        TRY(has_more(assembly, typed, &more));
        if (more) strbuf_append_text(assembly->out, ", ");
    }
    strbuf_append_char(assembly->out, ']');
    return STATUS_OK;
}

/* `missing`: neither a value nor a typed one. */
static Status put_variant(const Assembly *assembly, const NestedNode *node, VariantBytes metadata,
                          bool *missing) {
    const NestedNode *typed = node->children[2];
    StringView own, value;
    bool has_own, has_value;
    int definition = -1;
    *missing = false;
    TRY(take_bytes(assembly, node->children[0], &own, &has_own));
    if (has_own) metadata = variant_bytes(&own);
    TRY(take_bytes(assembly, node->children[1], &value, &has_value));
    if (typed) TRY(definition_of(assembly, typed, &definition));
    if (!typed || definition < typed->definition) {
        if (typed) TRY(pass_entry(assembly, typed));
        *missing = !has_value;
        if (*missing) return STATUS_OK;
        return variant_put_json(metadata, variant_bytes(&value), assembly->path, LARGEST_ROW_BYTES,
                                assembly->out, assembly->err);
    }
    if (typed->kind == NESTED_STRUCT)
        return put_shredded_object(assembly, typed, metadata, has_value ? &value : NULL);
    if (typed->kind == NESTED_LIST) return put_shredded_list(assembly, typed, metadata, definition);
    nested_scalar_json(typed->leaf, next_value(assembly->leaves[typed->first_leaf]), assembly->out);
    return STATUS_OK;
}

static Status put_outermost_variant(const Assembly *assembly, const NestedNode *node) {
    bool missing;
    TRY(put_variant(assembly, node, (VariantBytes){0}, &missing));
    if (missing) strbuf_append_text(assembly->out, "null");
    return STATUS_OK;
}

static Status put_value(const Assembly *assembly, const NestedNode *node) {
    int definition;
    TRY(definition_of(assembly, node, &definition));
    if (assembly->out->length > LARGEST_ROW_BYTES)
        return error_set(assembly->err, SQLSTATE_PROGRAM_LIMIT, "%s: a row of a nested column is too large",
                         assembly->path);
    if (definition < node->definition) {
        strbuf_append_text(assembly->out, "null");
        return pass_entry(assembly, node);
    }
    switch ((NestedKind)node->kind) {
    case NESTED_LEAF:
        nested_scalar_json(node->leaf, next_value(assembly->leaves[node->first_leaf]), assembly->out);
        return STATUS_OK;
    case NESTED_STRUCT: return put_struct(assembly, node);
    case NESTED_LIST: return put_list(assembly, node, definition);
    case NESTED_VARIANT: return put_outermost_variant(assembly, node);
    default: return put_map(assembly, node, definition);
    }
}

Status nested_row_json(const NestedNode *tree, NestedLeaf **leaves, int row, const char *path, StrBuf *out,
                       bool *null, Error *err) {
    Assembly assembly = {.leaves = leaves, .path = path, .out = out, .err = err};
    int definition;
    start_row(tree, leaves, row);
    TRY(definition_of(&assembly, tree, &definition));
    *null = definition < tree->definition;
    TRY(*null ? pass_entry(&assembly, tree) : put_value(&assembly, tree));
    return all_used(tree, leaves) ? STATUS_OK : uneven(&assembly);
}

/* ---- arrays ---- */

static Status add_element(const ParquetLeaf *leaf, const void *value, ArrayBuilder *out, Error *err) {
    Numeric number = {.scale = leaf->type.scale};
    if (!value || leaf->type.id != SQL_NUMERIC) return array_builder_add(out, value, err);
    if (leaf->vector_physical == PHYS_I128) {
        memcpy(&number.value, value, sizeof number.value);
    } else {
        int64_t narrow;
        memcpy(&narrow, value, sizeof narrow);
        number.value = narrow;
    }
    return array_builder_add(out, &number, err);
}

Status nested_row_array(const NestedNode *tree, NestedLeaf **leaves, int row, const char *path,
                        ArrayBuilder *out, bool *null, Error *err) {
    Assembly assembly = {.leaves = leaves, .path = path, .err = err};
    const NestedNode *element = tree->children[0];
    NestedLeaf *leaf = leaves[0];
    int definition;
    start_row(tree, leaves, row);
    TRY(definition_of(&assembly, tree, &definition));
    *null = definition < tree->definition;
    bool more = definition >= tree->repeated_definition;
    if (!more) TRY(pass_entry(&assembly, tree));
    while (more) {
        TRY(definition_of(&assembly, element, &definition));
        const void *value = NULL;
        if (definition >= element->definition)
            value = next_value(leaf);
        else
            leaf->entry++;
        TRY(add_element(leaf->leaf, value, out, err));
        if (array_builder_bytes(out) > 4 * LARGEST_ROW_BYTES)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "%s: an array is too large", path);
        TRY(has_more(&assembly, tree, &more));
    }
    return all_used(tree, leaves) ? STATUS_OK : uneven(&assembly);
}
