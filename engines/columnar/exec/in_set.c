/* IN lists of constants as a hash set of canonical keys. */
#include "engines/columnar/exec/expression_internal.h"

Status in_set_build(Query *query, const ExprNode *node, InSet **out, Error *err) {
    Arena *arena = &query->arena;
    InSet *set = ARENA_NEW(arena, InSet);
    SqlType type = node->args[0]->type;
    for (int i = 1; i < node->arg_count; i++)
        if (!vector_is_null(&node->args[i]->constant, 0)) type = key_common_type(type, node->args[i]->type);
    key_layout_init(&set->layout, &type, 1, false, arena);
    uint32_t capacity = 16;
    while (capacity < (uint32_t)node->arg_count * 2)
        capacity *= 2;
    set->mask = capacity - 1;
    set->slots = ARENA_NEW_ARRAY(arena, uint32_t, capacity);
    set->keys = ARENA_NEW_ARRAY(arena, uint64_t, (size_t)node->arg_count * set->layout.words);
    for (int i = 1; i < node->arg_count; i++) {
        const ExprNode *item = node->args[i];
        if (!item->is_constant)
            return error_set(err, SQLSTATE_INTERNAL, "an IN list of non-constants reached the executor");
        if (vector_is_null(&item->constant, 0)) {
            set->has_null = true;
            continue;
        }
        if (!key_types_meet(type, item->constant.type) || !key_types_meet(type, node->args[0]->type))
            return error_set(err, SQLSTATE_INTERNAL, "an IN list of mixed types reached the executor");
        uint64_t *key = set->keys + (size_t)i * set->layout.words, hash;
        keys_encode(&set->layout, &item->constant, NULL, 1, key, NULL);
        keys_hash(&set->layout, key, 1, &hash);
        uint32_t slot = (uint32_t)hash & set->mask;
        while (set->slots[slot])
            slot = (slot + 1) & set->mask;
        set->slots[slot] = (uint32_t)i + 1;
    }
    *out = set;
    return STATUS_OK;
}

static bool contains(const InSet *set, const uint64_t *key, uint64_t hash) {
    for (uint32_t slot = (uint32_t)hash & set->mask; set->slots[slot]; slot = (slot + 1) & set->mask)
        if (keys_equal(&set->layout, set->keys + (size_t)(set->slots[slot] - 1) * set->layout.words, key))
            return true;
    return false;
}

Status in_set_evaluate(const ExprNode *node, const Vector *arg, int rows, const uint16_t *selection,
                       int selected, Vector *out, Arena *arena) {
    const InSet *set = node->set;
    uint64_t *keys = arena_alloc(arena, (size_t)selected * set->layout.words * 8 + 8);
    uint64_t *hashes = arena_alloc(arena, (size_t)selected * 8 + 8);
    uint8_t *nulls = arena_alloc(arena, (size_t)selected + 1);
    keys_encode(&set->layout, arg, selection, selected, keys, nulls);
    keys_hash(&set->layout, keys, selected, hashes);
    uint8_t *values = out->values;
    for (int k = 0; k < selected; k++) {
        int row = selection_row(selection, k);
        bool found = !nulls[k] && contains(set, keys + (size_t)k * set->layout.words, hashes[k]);
        values[row] = found;
        if (!found && (nulls[k] || set->has_null))
            bitmap_clear(vector_make_validity(out, rows, arena), (size_t)row);
    }
    return STATUS_OK;
}
