/* Hash table of groups: key → group number, with the aggregates' states beside the key. Internal to exec/.
 *
 * A group's row: hash, place of its first appearance, key words, states. Rows move when the table grows;
 * numbers stay.
 */
#pragma once

#include "engines/columnar/exec/rows.h"

typedef struct GroupTable {
    Query *query;
    const KeyLayout *layout;
    size_t state_offset, state_bytes, row_bytes;
    char *rows;
    int64_t count, capacity;
    uint64_t *slots; /* upper half of the hash | group number + 1; 0 = free */
    uint64_t slot_count;
    ChargedArena arena; /* strings of keys and states */
} GroupTable;

/* Prepares a new group's states; may be NULL (all zero). */
typedef void (*GroupInit)(const void *context, char *states);

void group_table_init(GroupTable *table, Query *query, const KeyLayout *layout, size_t state_bytes);
void group_table_deinit(GroupTable *table);
/* Frees rows and slots, keeps the arena that merged keys and states point into. */
void group_table_drop_rows(GroupTable *table);

static inline char *group_row(const GroupTable *table, int64_t group) {
    return table->rows + (size_t)group * table->row_bytes;
}
static inline uint64_t *group_hash(char *row) {
    return (uint64_t *)row;
}
static inline uint64_t *group_first(char *row) {
    return (uint64_t *)row + 1;
}
static inline uint64_t *group_key(char *row) {
    return (uint64_t *)row + 2;
}
static inline char *group_states(const GroupTable *table, char *row) {
    return row + table->state_offset;
}

/* Number of each key's group, made when new. first[k] is where key k appeared. `own` copies long strings of
 * new keys. */
Status group_table_resolve(GroupTable *table, const uint64_t *keys, const uint64_t *hashes,
                           const uint64_t *first, int count, bool own, GroupInit init, const void *context,
                           uint32_t *groups, Error *err);
/* Rows of another table of the same format: those of new keys are copied whole (existing[k] = UINT32_MAX),
 * the others' groups are given so that their states can be combined. */
Status group_table_absorb(GroupTable *table, const char *rows, int count, uint32_t *existing, Error *err);
/* Room for about so many groups, so that the slots need not grow. */
Status group_table_reserve(GroupTable *table, int64_t groups, Error *err);
/* No groups; memory is kept for the next ones. Strings stay until the arena goes. */
void group_table_clear(GroupTable *table);
/* The group of a key, -1 when there is none. */
int64_t group_table_find(const GroupTable *table, const uint64_t *key, uint64_t hash);
