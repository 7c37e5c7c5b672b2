/* Schema elements of a nested column → its tree. The rules for lists and maps of older writers are those of
 * parquet-format's LogicalTypes.md, "Backward-compatibility rules". */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_nested.h"

enum { CONVERTED_MAP = 1, CONVERTED_MAP_KEY_VALUE = 2, CONVERTED_LIST = 3, REPEATED = 2 };

typedef struct TreeBuilder {
    ParquetMetadata *metadata;
    Arena *arena;
    int next;       /* schema element */
    int first_leaf; /* of the column */
    int next_leaf;  /* from there, in the order of the schema */
    const char *why;
} TreeBuilder;

static NestedNode *build_field(TreeBuilder *builder, int definition, int repetition, int depth);
static NestedNode *build_group(TreeBuilder *builder, int definition, int repetition, int depth);

static NestedNode *new_node(TreeBuilder *builder, NestedKind kind, const SchemaElement *element,
                            int definition) {
    NestedNode *node = ARENA_NEW(builder->arena, NestedNode);
    node->kind = (uint8_t)kind;
    node->name = element->name;
    node->definition = definition;
    node->first_leaf = builder->next_leaf;
    return node;
}

static NestedNode *finish_node(TreeBuilder *builder, NestedNode *node) {
    node->leaf_count = builder->next_leaf - node->first_leaf;
    if (node->leaf_count == 0) builder->why = "a group without columns";
    return node;
}

static NestedNode *build_leaf(TreeBuilder *builder, int definition, int repetition) {
    const SchemaElement *element = &builder->metadata->schema[builder->next++];
    NestedNode *node = new_node(builder, NESTED_LEAF, element, definition);
    ParquetLeaf *leaf = &builder->metadata->leaves[builder->first_leaf + builder->next_leaf++];
    node->leaf = leaf;
    leaf->nested = true;
    leaf->max_definition = (uint8_t)definition;
    leaf->max_repetition = (uint8_t)repetition;
    return finish_node(builder, node);
}

static int by_key(const void *a, const void *b) {
    const NestedNode *left = *(NestedNode *const *)a, *right = *(NestedNode *const *)b;
    size_t left_length = strlen(left->name), right_length = strlen(right->name);
    if (left_length != right_length) return left_length < right_length ? -1 : 1;
    int order = memcmp(left->name, right->name, left_length);
    return order ? order : (left->first_leaf > right->first_leaf) - (left->first_leaf < right->first_leaf);
}

static NestedNode *build_struct(TreeBuilder *builder, int definition, int repetition, int depth) {
    const SchemaElement *element = &builder->metadata->schema[builder->next++];
    NestedNode *node = new_node(builder, NESTED_STRUCT, element, definition);
    node->child_count = element->child_count;
    node->children = ARENA_NEW_ARRAY(builder->arena, NestedNode *, element->child_count + 1);
    for (int i = 0; i < node->child_count && !builder->why; i++)
        node->children[i] = build_field(builder, definition, repetition, depth + 1);
    if (builder->why) return node;
    qsort(node->children, (size_t)node->child_count, sizeof(NestedNode *), by_key);
    return finish_node(builder, node);
}

static bool is_list(const SchemaElement *element) {
    return element->logical == LOGICAL_LIST ||
           (element->logical == 0 && element->converted == CONVERTED_LIST);
}

static bool is_map(const SchemaElement *element) {
    return element->logical == LOGICAL_MAP ||
           (element->logical == 0 &&
            (element->converted == CONVERTED_MAP || element->converted == CONVERTED_MAP_KEY_VALUE));
}

/* The repeated group under a list is itself the element: writers before the three-level form. */
static bool group_is_element(const TreeBuilder *builder, const SchemaElement *list,
                             const SchemaElement *group) {
    if (group->child_count != 1) return true;
    if (group[1].repetition == REPEATED) return true;
    size_t length = strlen(list->name);
    return strcmp(group->name, "array") == 0 ||
           (strncmp(group->name, list->name, length) == 0 && strcmp(group->name + length, "_tuple") == 0);
}

/* What repeats stands at builder->next, `definition` and `repetition` being those of an element. */
static NestedNode *build_element(TreeBuilder *builder, const SchemaElement *list, int definition,
                                 int repetition, int depth) {
    const SchemaElement *repeated = &builder->metadata->schema[builder->next];
    if (repeated->physical >= 0) return build_leaf(builder, definition, repetition);
    if (list && !group_is_element(builder, list, repeated)) {
        builder->next++;
        return build_field(builder, definition, repetition, depth + 1);
    }
    return build_group(builder, definition, repetition, depth + 1);
}

static NestedNode *build_repeated(TreeBuilder *builder, NestedNode *node, const SchemaElement *list,
                                  int definition, int repetition, int depth) {
    node->repeated_definition = definition + 1;
    node->repetition = repetition + 1;
    node->child_count = 1;
    node->children = ARENA_NEW_ARRAY(builder->arena, NestedNode *, 2);
    node->children[0] = build_element(builder, list, definition + 1, repetition + 1, depth);
    return finish_node(builder, node);
}

/* A map without values is the list of its keys. */
static NestedNode *build_map(TreeBuilder *builder, NestedNode *node, int definition, int repetition,
                             int depth) {
    const SchemaElement *entries = &builder->metadata->schema[builder->next++];
    node->kind = entries->child_count == 2 ? NESTED_MAP : NESTED_LIST;
    node->repeated_definition = definition + 1;
    node->repetition = repetition + 1;
    node->child_count = entries->child_count;
    node->children = ARENA_NEW_ARRAY(builder->arena, NestedNode *, 2);
    for (int i = 0; i < node->child_count && !builder->why; i++)
        node->children[i] = build_field(builder, definition + 1, repetition + 1, depth + 1);
    if (!builder->why && node->kind == NESTED_MAP && node->children[0]->kind != NESTED_LEAF)
        builder->why = "a map whose keys are not scalars";
    return finish_node(builder, node);
}

/* ---- variants: parquet-format's VariantShredding.md ---- */

static void become_variant(TreeBuilder *builder, NestedNode *node, bool outermost);

static bool is_bytes(const NestedNode *node) {
    return node && node->kind == NESTED_LEAF && node->leaf->conversion == CONVERT_STRING;
}

/* What a shredded value's own children are: variants without metadata. */
static void become_shredded(TreeBuilder *builder, NestedNode *typed) {
    for (int i = 0; typed->kind != NESTED_LEAF && i < typed->child_count; i++) {
        if (typed->kind == NESTED_MAP || typed->children[i]->kind != NESTED_STRUCT)
            builder->why = "a variant shredded in a form that is not known";
        else
            become_variant(builder, typed->children[i], false);
    }
}

static void become_variant(TreeBuilder *builder, NestedNode *node, bool outermost) {
    static const char *const names[3] = {"metadata", "value", "typed_value"};
    NestedNode *parts[3] = {NULL};
    int found = 0;
    for (int i = 0; i < node->child_count; i++)
        for (int k = 0; k < 3; k++)
            if (!parts[k] && strcmp(node->children[i]->name, names[k]) == 0) {
                parts[k] = node->children[i];
                found++;
            }
    bool good = found == node->child_count && (parts[1] || parts[2]) && (!parts[1] || is_bytes(parts[1])) &&
                (outermost ? is_bytes(parts[0]) : parts[0] == NULL);
    if (!good) {
        builder->why = "a variant whose group is not as the format has it";
        return;
    }
    node->kind = NESTED_VARIANT;
    node->child_count = 3;
    node->children = arena_memdup(builder->arena, parts, sizeof parts);
    if (parts[2]) become_shredded(builder, parts[2]);
}

/* A group as a value, whatever its own repetition. */
static NestedNode *build_group(TreeBuilder *builder, int definition, int repetition, int depth) {
    const SchemaElement *element = &builder->metadata->schema[builder->next];
    const SchemaElement *inner = element->child_count == 1 ? element + 1 : NULL;
    bool repeats = inner && inner->repetition == REPEATED;
    if (depth > NESTED_MAX_DEPTH) {
        builder->why = "nested more than 64 levels deep";
        return NULL;
    }
    if (is_list(element) && repeats) {
        NestedNode *node = new_node(builder, NESTED_LIST, element, definition);
        builder->next++;
        return build_repeated(builder, node, element, definition, repetition, depth);
    }
    if (is_map(element) && repeats && inner->physical < 0 && inner->child_count >= 1 &&
        inner->child_count <= 2) {
        NestedNode *node = new_node(builder, NESTED_MAP, element, definition);
        builder->next++;
        return build_map(builder, node, definition, repetition, depth);
    }
    NestedNode *node = build_struct(builder, definition, repetition, depth);
    if (element->logical == LOGICAL_VARIANT && !builder->why) become_variant(builder, node, true);
    return node;
}

static NestedNode *build_field(TreeBuilder *builder, int definition, int repetition, int depth) {
    const SchemaElement *element = &builder->metadata->schema[builder->next];
    if (element->repetition == REPEATED) {
        NestedNode *node = new_node(builder, NESTED_LIST, element, definition);
        return build_repeated(builder, node, NULL, definition, repetition, depth);
    }
    definition += element->repetition == 1;
    if (element->physical >= 0) return build_leaf(builder, definition, repetition);
    return build_group(builder, definition, repetition, depth);
}

NestedNode *nested_tree_build(ParquetMetadata *metadata, int first, int first_leaf, Arena *arena,
                              const char **why) {
    TreeBuilder builder = {.metadata = metadata, .arena = arena, .next = first, .first_leaf = first_leaf};
    NestedNode *tree = build_field(&builder, 0, 0, 0);
    *why = builder.why;
    return tree;
}

SqlType nested_tree_type(const NestedNode *tree) {
    bool is_array = tree->kind == NESTED_LIST && tree->children[0]->kind == NESTED_LEAF;
    return is_array ? sqltype_array_of(tree->children[0]->leaf->type) : sqltype_of(SQL_JSONB);
}
