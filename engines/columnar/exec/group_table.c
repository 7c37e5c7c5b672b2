#include "engines/columnar/exec/group_table.h"

enum { FIRST_ROWS = 64, PREFETCH_FROM = 1 << 15 };
#define TAG_MASK 0xFFFFFFFF00000000u

void group_table_init(GroupTable *table, Query *query, const KeyLayout *layout, size_t state_bytes) {
    memset(table, 0, sizeof *table);
    table->query = query;
    table->layout = layout;
    table->state_bytes = state_bytes;
    table->state_offset = (16 + 8 * (size_t)layout->words + 15) & ~(size_t)15;
    table->row_bytes = table->state_offset + state_bytes;
    charged_arena_init(&table->arena);
}

void group_table_drop_rows(GroupTable *table) {
    query_free(table->query, table->rows, (size_t)table->capacity * table->row_bytes);
    query_free(table->query, table->slots, (size_t)table->slot_count * sizeof *table->slots);
    table->rows = NULL;
    table->slots = NULL;
    table->count = table->capacity = 0;
    table->slot_count = 0;
}

void group_table_deinit(GroupTable *table) {
    if (!table->query) return;
    group_table_drop_rows(table);
    charged_arena_deinit(table->query, &table->arena);
    table->query = NULL;
}

static void place(GroupTable *table, uint64_t hash, uint64_t group) {
    uint64_t mask = table->slot_count - 1, slot = hash & mask;
    while (table->slots[slot])
        slot = (slot + 1) & mask;
    table->slots[slot] = (hash & TAG_MASK) | (group + 1);
}

static Status grow_slots(GroupTable *table, Error *err) {
    uint64_t count = table->slot_count ? table->slot_count * 4 : FIRST_ROWS * 4;
    void *slots;
    if (count > UINT64_C(1) << 33)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "more groups than one hash table can hold");
    TRY(query_zalloc(table->query, (size_t)count * sizeof *table->slots, &slots, err));
    query_free(table->query, table->slots, (size_t)table->slot_count * sizeof *table->slots);
    table->slots = slots;
    table->slot_count = count;
    for (int64_t g = 0; g < table->count; g++) {
        TRY(query_check_each(table->query, g + 1, err));
        place(table, *group_hash(group_row(table, g)), (uint64_t)g);
    }
    return STATUS_OK;
}

static Status grow_rows(GroupTable *table, Error *err) {
    int64_t capacity = table->capacity ? table->capacity * 2 : FIRST_ROWS;
    void *rows = table->rows;
    if (capacity >= INT64_C(1) << 32)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "more groups than one hash table can hold");
    TRY(query_realloc(table->query, &rows, (size_t)table->capacity * table->row_bytes,
                      (size_t)capacity * table->row_bytes, err));
    table->rows = rows;
    table->capacity = capacity;
    return STATUS_OK;
}

/* Room for `count` more groups, at most half of the slots taken. */
static Status make_room(GroupTable *table, int count, Error *err) {
    while (table->slot_count < (uint64_t)(table->count + count) * 2)
        TRY(grow_slots(table, err));
    return charged_arena_settle(table->query, &table->arena, err);
}

static Status add_group(GroupTable *table, const uint64_t *key, uint64_t hash, uint64_t first, bool own,
                        GroupInit init, const void *context, Error *err) {
    if (table->count == table->capacity) TRY(grow_rows(table, err));
    char *row = group_row(table, table->count++);
    *group_hash(row) = hash;
    *group_first(row) = first;
    memcpy(group_key(row), key, 8 * (size_t)table->layout->words);
    if (own) key_own(table->layout, group_key(row), &table->arena.arena);
    memset(group_states(table, row), 0, table->state_bytes);
    if (init) init(context, group_states(table, row));
    return STATUS_OK;
}

Status group_table_resolve(GroupTable *table, const uint64_t *keys, const uint64_t *hashes,
                           const uint64_t *first, int count, bool own, GroupInit init, const void *context,
                           uint32_t *groups, Error *err) {
    TRY(make_room(table, count, err));
    uint64_t mask = table->slot_count - 1;
    const KeyLayout *layout = table->layout;
    if (table->slot_count >= PREFETCH_FROM)
        for (int k = 0; k < count; k++)
            __builtin_prefetch(&table->slots[hashes[k] & mask]);
    if (table->slot_count >= PREFETCH_FROM)
        for (int k = 0; k < count; k++) {
            uint64_t entry = table->slots[hashes[k] & mask];
            if (entry) __builtin_prefetch(group_row(table, (int64_t)(entry & ~TAG_MASK) - 1));
        }
    for (int k = 0; k < count; k++) {
        const uint64_t *key = keys + (size_t)k * layout->words;
        uint64_t hash = hashes[k], tag = hash & TAG_MASK, slot = hash & mask, entry;
        /* Clustered data: the row before had the same key, and came first. */
        if (k && hash == hashes[k - 1] && first[k] > first[k - 1] &&
            keys_equal(layout, key, key - layout->words)) {
            groups[k] = groups[k - 1];
            continue;
        }
        for (;; slot = (slot + 1) & mask) {
            entry = table->slots[slot];
            if (!entry) {
                table->slots[slot] = tag | (uint64_t)(table->count + 1);
                groups[k] = (uint32_t)table->count;
                TRY(add_group(table, key, hash, first[k], own, init, context, err));
                break;
            }
            if ((entry & TAG_MASK) != tag) continue;
            char *row = group_row(table, (int64_t)(entry & ~TAG_MASK) - 1);
            if (keys_equal(layout, group_key(row), key)) {
                groups[k] = (uint32_t)(entry & ~TAG_MASK) - 1;
                if (first[k] < *group_first(row)) *group_first(row) = first[k];
                break;
            }
        }
    }
    return STATUS_OK;
}

Status group_table_absorb(GroupTable *table, const char *rows, int count, uint32_t *existing, Error *err) {
    TRY(make_room(table, count, err));
    uint64_t mask = table->slot_count - 1;
    size_t width = table->row_bytes;
    const KeyLayout *layout = table->layout;
    for (int k = 0; k < count; k++)
        __builtin_prefetch(&table->slots[*(const uint64_t *)(rows + width * (size_t)k) & mask]);
    for (int k = 0; k < count; k++) {
        char *from = (char *)rows + width * (size_t)k;
        uint64_t hash = *group_hash(from), tag = hash & TAG_MASK, slot = hash & mask, entry;
        existing[k] = UINT32_MAX;
        for (; (entry = table->slots[slot]); slot = (slot + 1) & mask) {
            if ((entry & TAG_MASK) != tag) continue;
            char *row = group_row(table, (int64_t)(entry & ~TAG_MASK) - 1);
            if (!keys_equal(layout, group_key(row), group_key(from))) continue;
            existing[k] = (uint32_t)(entry & ~TAG_MASK) - 1;
            if (*group_first(from) < *group_first(row)) *group_first(row) = *group_first(from);
            break;
        }
        if (entry) continue;
        if (table->count == table->capacity) TRY(grow_rows(table, err));
        table->slots[slot] = tag | (uint64_t)(table->count + 1);
        memcpy(group_row(table, table->count++), from, width);
    }
    return STATUS_OK;
}

Status group_table_reserve(GroupTable *table, int64_t groups, Error *err) {
    uint64_t count = FIRST_ROWS * 4;
    void *slots;
    if (table->count || table->slot_count) return STATUS_OK;
    while (count < (uint64_t)groups * 2)
        count *= 2;
    TRY(query_zalloc(table->query, (size_t)count * sizeof *table->slots, &slots, err));
    table->slots = slots;
    table->slot_count = count;
    return STATUS_OK;
}

void group_table_clear(GroupTable *table) {
    if (table->slots) memset(table->slots, 0, (size_t)table->slot_count * sizeof *table->slots);
    table->count = 0;
}

int64_t group_table_find(const GroupTable *table, const uint64_t *key, uint64_t hash) {
    if (!table->slot_count) return -1;
    uint64_t mask = table->slot_count - 1;
    for (uint64_t slot = hash & mask; table->slots[slot]; slot = (slot + 1) & mask) {
        uint64_t entry = table->slots[slot];
        int64_t group = (int64_t)(entry & ~TAG_MASK) - 1;
        if ((entry & TAG_MASK) == (hash & TAG_MASK) &&
            keys_equal(table->layout, group_key(group_row(table, group)), key))
            return group;
    }
    return -1;
}
