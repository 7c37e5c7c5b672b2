/* Sort keys as bytes whose memcmp order is the ORDER BY order, as far as a fixed width goes. Internal to
 * exec/.
 *
 * Per key: one byte for NULL, then the value, inverted for DESC. Strings give their first bytes; two rows
 * equal in all bytes are told apart by their columns (sort_compare) and at last by the place they came from,
 * so the order is total.
 */
#pragma once

#include "engines/columnar/exec/operators.h"

enum { SORT_STRING_BYTES = 16 };

typedef struct SortKeyColumn {
    Program *program;
    SqlType type;
    uint8_t physical;
    bool descending, nulls_first;
    uint32_t offset, width; /* in the row, after the place; width without the NULL byte */
    int column;             /* of the row layout: the value itself, -1 when the bytes say all */
} SortKeyColumn;

/* A row: place (8 bytes), key bytes, columns. */
typedef struct SortLayout {
    SortKeyColumn *keys;
    int key_count;
    uint32_t key_begin, key_bytes; /* key_bytes is a multiple of 8 */
    bool exact;                    /* equal bytes are equal keys */
    uint32_t ordered_bytes;        /* of the key bytes: up to the first key they do not tell fully */
    RowLayout rows;                /* output columns, then the values of inexact keys, then of the extras */
    int output_count;
    int *from_key;    /* by output column: the key whose bytes hold it, so that the row need not; -1 = the row
                         does.    NULL: all rows do */
    Program **extras; /* further values kept with each row */
    int *extra_columns; /* of `rows` */
    int extra_count;
} SortLayout;

/* Rows of the columns that `input` gives, and of `extras`, in the order of the keys. `compact`: columns that
 * keys tell are left out, for sort_gather alone to make again. */
Status sort_layout_init(SortLayout *layout, Query *query, const PlanNode *input, const SortKey *keys,
                        int key_count, Expr *const *extras, int extra_count, bool compact, Error *err);
static inline bool sort_row_holds(const SortLayout *layout, int column) {
    return !layout->from_key || column >= layout->output_count || layout->from_key[column] < 0;
}
/* Output column `column` of the rows as a FLAT vector. */
void sort_gather(const SortLayout *layout, int column, char *const *rows, int count, Vector *out,
                 Arena *arena);
void sort_keys_encode(const SortLayout *layout, const Vector *key_values, const uint16_t *selection,
                      int selected, char *rows, size_t stride);
static inline uint64_t sort_prefix(const SortLayout *layout, const char *row) {
    uint64_t word;
    memcpy(&word, row + layout->key_begin, sizeof word);
    return __builtin_bswap64(word);
}
/* The first key of a row when it is an integer in the widest sense; false for NULL. */
bool sort_first_integer(const SortLayout *layout, const char *row, int64_t *out);
/* The first `key_count` keys of two rows are equal. */
bool sort_keys_equal(const SortLayout *layout, int key_count, const char *a, const char *b);
/* Total order. */
int sort_compare(const SortLayout *layout, const char *a, const char *b);
