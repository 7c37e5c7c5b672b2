/* A row of a nested column from its leaves' entries: as jsonb's text or as an array's elements. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_nested.h"

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

/* An entry of a map as it stands in the text: `"key": value`. */
typedef struct MapEntry {
    StringView key; /* of a string */
    bool key_in_text;
    size_t text, length; /* in the buffer */
    size_t key_length;   /* when in the text, behind the quote */
    const char *base;    /* of the buffer, while sorting */
    size_t order;
} MapEntry;

static int by_map_key(const void *a, const void *b) {
    const MapEntry *left = a, *right = b;
    const char *left_key = left->key_in_text ? left->base + left->text + 1 : stringview_data(&left->key);
    const char *right_key = right->key_in_text ? right->base + right->text + 1 : stringview_data(&right->key);
    size_t left_length = left->key_in_text ? left->key_length : left->key.length;
    size_t right_length = right->key_in_text ? right->key_length : right->key.length;
    if (left_length != right_length) return left_length < right_length ? -1 : 1;
    int order = memcmp(left_key, right_key, left_length);
    return order ? order : (left->order > right->order) - (left->order < right->order);
}

static bool same_key(const MapEntry *a, const MapEntry *b) {
    MapEntry left = *a, right = *b;
    left.order = right.order = 0;
    return by_map_key(&left, &right) == 0;
}

static Status put_key(const Assembly *assembly, const NestedNode *node, MapEntry *entry) {
    StrBuf *out = assembly->out;
    NestedLeaf *leaf = assembly->leaves[node->first_leaf];
    int definition;
    TRY(definition_of(assembly, node, &definition));
    size_t before = out->length;
    const void *value = NULL;
    if (definition < node->definition)
        leaf->entry++;
    else
        value = next_value(leaf);
    entry->key_in_text = !value || !sqltype_is_text(node->leaf->type);
    if (value && !entry->key_in_text) {
        memcpy(&entry->key, value, sizeof entry->key);
        strbuf_append_json(out, stringview_data(&entry->key), entry->key.length);
        return STATUS_OK;
    }
    if (value)
        nested_scalar_json(node->leaf, value, out);
    else
        strbuf_append_text(out, "null");
    if (out->data[before] != '"') { /* keys are strings */
        strbuf_append_text(out, "\"\"");
        memmove(out->data + before + 1, out->data + before, out->length - before - 2);
        out->data[before] = '"';
    }
    entry->key_length = out->length - before - 2;
    return STATUS_OK;
}

/* Writes the entries again in jsonb's order, the last of equal keys. */
static void sort_entries(StrBuf *out, size_t start, MapEntry *entries, size_t count) {
    StrBuf sorted;
    strbuf_init(&sorted);
    for (size_t i = 0; i < count; i++)
        entries[i].base = out->data;
    qsort(entries, count, sizeof *entries, by_map_key);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && same_key(&entries[i], &entries[i + 1])) continue;
        if (sorted.length) strbuf_append_text(&sorted, ", ");
        strbuf_append(&sorted, out->data + entries[i].text, entries[i].length);
    }
    out->length = start;
    strbuf_append(out, strbuf_text(&sorted), sorted.length);
    strbuf_deinit(&sorted);
}

static Status collect_entries(const Assembly *assembly, const NestedNode *node, MapEntry **entries,
                              size_t *count) {
    StrBuf *out = assembly->out;
    size_t capacity = 0;
    for (bool more = true; more;) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            MapEntry *grown = realloc(*entries, capacity * sizeof *grown);
            if (!grown) return error_set(assembly->err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
            *entries = grown;
        }
        MapEntry *entry = &(*entries)[*count];
        *entry = (MapEntry){.text = out->length, .order = *count};
        *count += 1;
        TRY(put_key(assembly, node->children[0], entry));
        strbuf_append_text(out, ": ");
        TRY(put_value(assembly, node->children[1]));
        entry->length = out->length - entry->text;
        TRY(has_more(assembly, node, &more));
    }
    return STATUS_OK;
}

static Status put_map(const Assembly *assembly, const NestedNode *node, int definition) {
    StrBuf *out = assembly->out;
    strbuf_append_char(out, '{');
    if (definition < node->repeated_definition) {
        TRY(pass_entry(assembly, node));
    } else {
        MapEntry *entries = NULL;
        size_t start = out->length, count = 0;
        Status status = collect_entries(assembly, node, &entries, &count);
        if (status == STATUS_OK) sort_entries(out, start, entries, count);
        free(entries);
        TRY(status);
    }
    strbuf_append_char(out, '}');
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
