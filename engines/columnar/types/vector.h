/* A Vector is one column of a batch; a Batch is up to BATCH_ROWS rows in columns.
 *
 * Shapes. `encoding` says how rows map to values:
 *   VECTOR_FLAT        row i is values[i], NULL when validity bit i is 0
 *   VECTOR_CONSTANT    every row is values[0] (validity bit 0)
 *   VECTOR_DICTIONARY  row i is dictionary->values[codes[i]]; NULL when validity bit i is 0. The dictionary
 * is a FLAT vector of its own length, never NULL, shared by many batches (dictionary_id tells when two
 * batches share it, 0 = unknown). VECTOR_SEQUENCE    row i is sequence_start + i × sequence_step (i64 only,
 * never NULL) `validity` NULL means no NULLs. Values at NULL rows are unspecified but initialised.
 *
 * Ownership. A Vector borrows its memory: from a batch arena, a page buffer or a dictionary, all of which
 * live until the batch was consumed (the pipeline's next morsel). What must live longer is copied by the
 * operator that keeps it. Strings longer than 12 bytes point into such memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engines/base/arena.h"
#include "engines/base/bitmap.h"
#include "engines/base/sqltype.h"

enum { BATCH_ROWS = 2048 };

typedef enum PhysicalType {
    PHYS_BOOL, /* uint8_t 0/1 */
    PHYS_I8,
    PHYS_I16,
    PHYS_I32,
    PHYS_I64,
    PHYS_I128,
    PHYS_F32,
    PHYS_F64,
    PHYS_STRING,   /* StringView */
    PHYS_INTERVAL, /* Interval */
    PHYS_NUMERIC,  /* Numeric: scale varies by row (results of division and avg, numeric without precision) */
    PHYS_TYPE_COUNT
} PhysicalType;

/* 16 bytes: inline up to 12, else a pointer with a 4-byte prefix. Unused inline bytes are zero, so that two
 * short strings are equal exactly when their 16 bytes are. */
typedef struct StringView {
    uint32_t length;
    union {
        char inlined[12];
        struct {
            char prefix[4];
            const char *pointer;
        } __attribute__((packed)); /* does not inherit it; without, the pointer would move to offset 12 */
    };
} __attribute__((packed, aligned(8))) StringView;
_Static_assert(sizeof(StringView) == 16, "StringView is 16 bytes, its pointer aligned");

typedef struct Interval {
    int32_t months;
    int32_t days;
    int64_t microseconds;
} Interval;

typedef enum NumericSpecial {
    NUMERIC_MINUS_INFINITY = -1,
    NUMERIC_FINITE = 0,
    NUMERIC_INFINITY = 1,
    NUMERIC_NAN = 2
} NumericSpecial;

typedef struct Numeric {
    __int128 value;  /* unscaled */
    int32_t scale;   /* display scale, 0.. */
    int32_t special; /* NumericSpecial; in the order of values, but for finite ones */
} Numeric;

static inline const char *numeric_special_text(Numeric value) {
    return value.special == NUMERIC_NAN ? "NaN" : value.special > 0 ? "Infinity" : "-Infinity";
}
/* 0 -infinity, 1 below zero, 2 zero, 3 above, 4 infinity, 5 NaN: the first byte of a key in order. */
static inline char numeric_order_class(Numeric value) {
    if (value.special) return value.special < 0 ? 0 : value.special == NUMERIC_NAN ? 5 : 4;
    return value.value < 0 ? 1 : value.value > 0 ? 3 : 2;
}

typedef enum VectorEncoding {
    VECTOR_FLAT,
    VECTOR_CONSTANT,
    VECTOR_DICTIONARY,
    VECTOR_SEQUENCE
} VectorEncoding;

typedef struct Vector {
    SqlType type;
    uint8_t physical; /* PhysicalType */
    uint8_t encoding; /* VectorEncoding */
    uint64_t *validity;
    void *values;    /* FLAT, CONSTANT: array of the physical type */
    uint32_t *codes; /* DICTIONARY */
    const struct Vector *dictionary;
    uint32_t dictionary_length;
    uint64_t dictionary_id; /* process-unique, 0 = unknown */
    int64_t sequence_start, sequence_step;
} Vector;

typedef struct Batch {
    int row_count; /* rows in the vectors */
    int column_count;
    Vector *columns;
    const uint16_t *selection; /* NULL = all rows; else `selected` ascending row numbers */
    int selected;              /* rows that count; == row_count when selection is NULL */
} Batch;

/* The physical type a SQL type is held in: int2 I16, int4/date I32, int8/time/timestamps/oid I64, bool BOOL,
 * numeric(p≤18) I64 and numeric(p≤38) I128 (both scaled by type.scale), numeric without precision NUMERIC,
 * floats F32/F64, interval INTERVAL, everything else STRING (uuid: 16 raw bytes; bytea: raw; json: text). */
PhysicalType physical_type_of(SqlType type);
size_t physical_width(PhysicalType physical); /* bytes per value */

static inline const char *stringview_data(const StringView *view) {
    return view->length <= 12 ? view->inlined : view->pointer;
}
static inline StringView stringview_make(const char *data, uint32_t length) {
    StringView view;
    memset(&view, 0, sizeof view);
    view.length = length;
    if (length <= 12) {
        memcpy(view.inlined, data, length);
    } else {
        memcpy(view.prefix, data, 4);
        view.pointer = data;
    }
    return view;
}
bool stringview_equals(const StringView *a, const StringView *b);
/* Byte order (collation "C"): <0, 0, >0. */
int stringview_compare(const StringView *a, const StringView *b);

static inline bool vector_is_null(const Vector *vector, int row) {
    if (!vector->validity) return false;
    return !bitmap_get(vector->validity, vector->encoding == VECTOR_CONSTANT ? 0 : (size_t)row);
}

/* A FLAT vector with room for `capacity` values (≥ 1) in the arena; validity NULL. */
void vector_init_flat(Vector *vector, SqlType type, int capacity, Arena *arena);
void vector_init_constant(Vector *vector, SqlType type, const void *value /* NULL = SQL NULL */,
                          Arena *arena);
/* Gives the vector an all-valid bitmap for `rows` rows if it has none, and returns it. */
uint64_t *vector_make_validity(Vector *vector, int rows, Arena *arena);
/* `out` = the same rows as FLAT (shares memory when it is FLAT already). */
void vector_flatten(const Vector *vector, int rows, Vector *out, Arena *arena);
