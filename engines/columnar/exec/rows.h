/* Rows side by side in memory: how operators that must keep rows (sort, join, aggregate) hold them.
 *
 * A RowLayout places columns in a fixed-width row; strings longer than 12 bytes point into an arena. A
 * KeyLayout places columns so that two keys are equal exactly when their words are (strings: when their bytes
 * are): floats and numerics are made canonical, NULLs are flagged in the first words with zero values.
 */
#pragma once

#include "engines/columnar/exec/query.h"

typedef struct RowColumn {
    SqlType type;
    uint8_t physical;
    uint32_t offset;
    uint32_t width;
    uint32_t null_offset; /* one byte, 1 = NULL */
} RowColumn;

typedef struct RowLayout {
    int column_count;
    RowColumn *columns;
    uint32_t begin, width; /* fields stand in [begin, width); width is a multiple of 8 */
} RowLayout;

void row_layout_init(RowLayout *layout, const SqlType *types, int count, uint32_t begin, Arena *arena);
/* Row k at base + k × stride gets column `column` of the k-th selected row; long strings are copied to
 * `strings`. */
void rows_scatter(const RowLayout *layout, int column, const Vector *vector, const uint16_t *selection,
                  int selected, char *base, size_t stride, Arena *strings);
/* out (allocated FLAT here, `capacity` values) at positions[k] (NULL = k) = row k's column; a NULL row
 * pointer is SQL NULL. */
void rows_gather(const RowLayout *layout, int column, char *const *rows, int count, const uint16_t *positions,
                 int capacity, Vector *out, Arena *arena);

/* Row storage in blocks, charged to the query. Rows never move. */
typedef struct RowBlock {
    char *data;
    int64_t row_count, row_capacity;
} RowBlock;
typedef struct RowStore {
    Query *query;
    size_t row_width;
    RowBlock *blocks;
    int block_count, block_capacity;
    int64_t row_count;
    ChargedArena strings;
} RowStore;
void row_store_init(RowStore *store, Query *query, size_t row_width);
void row_store_deinit(RowStore *store);
/* Room for `count` (≤ BATCH_ROWS) rows side by side, counted as used. */
Status row_store_append(RowStore *store, int count, char **out, Error *err);
int64_t row_store_bytes(const RowStore *store);

typedef enum KeyKind { KEY_WORD, KEY_I128, KEY_INTERVAL, KEY_NUMERIC, KEY_STRING, KEY_BPCHAR } KeyKind;
typedef struct KeyColumn {
    SqlType type;
    uint8_t physical;
    uint8_t kind;
    uint32_t word;     /* first word */
    uint32_t original; /* word of the value as first seen, 0 = the key itself tells it */
} KeyColumn;
typedef struct KeyLayout {
    int column_count;
    KeyColumn *columns;
    uint32_t null_words;   /* words of NULL flags at the front */
    uint32_t fixed_words;  /* compared as words, flags included */
    uint32_t string_count; /* two words each, behind the fixed ones */
    uint32_t compare_words;
    uint32_t words; /* with the originals */
} KeyLayout;

void key_layout_init(KeyLayout *layout, const SqlType *types, int count, bool keep_originals, Arena *arena);
/* The type two sides are compared in, and whether values of a type can be encoded for it. */
SqlType key_common_type(SqlType a, SqlType b);
bool key_types_meet(SqlType key, SqlType value);
/* Key rows of the selected rows, `words` each, side by side; has_null[k] (may be NULL) tells whether any part
 * is NULL. */
void keys_encode(const KeyLayout *layout, const Vector *columns, const uint16_t *selection, int selected,
                 uint64_t *out, uint8_t *has_null);
void keys_hash(const KeyLayout *layout, const uint64_t *keys, int count, uint64_t *hashes);
bool keys_equal_strings(const KeyLayout *layout, const uint64_t *a, const uint64_t *b);
static inline bool keys_equal(const KeyLayout *layout, const uint64_t *a, const uint64_t *b) {
    for (uint32_t i = 0; i < layout->fixed_words; i++)
        if (a[i] != b[i]) return false;
    return !layout->string_count || keys_equal_strings(layout, a, b);
}
/* Copies long strings of one key into the arena. */
void key_own(const KeyLayout *layout, uint64_t *key, Arena *arena);
/* Column `column` of key rows as a FLAT vector. */
void keys_gather(const KeyLayout *layout, int column, uint64_t *const *keys, int count, Vector *out,
                 Arena *arena);
