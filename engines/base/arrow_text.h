/* One value of an Arrow array as text, the way PostgreSQL prints it: for every format of answers, and for
 * rows on their way to another server. */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/base/strbuf.h"

typedef enum ValueShape {
    SHAPE_BOOL,
    SHAPE_NUMBER, /* digits as they are: JSON number unless NaN or infinite */
    SHAPE_FLOAT,  /* as NUMBER, may be NaN/Infinity */
    SHAPE_JSON,   /* already JSON text */
    SHAPE_TEXT,   /* everything else */
    SHAPE_LIST,
    SHAPE_STRUCT
} ValueShape;

typedef struct ColumnFormat ColumnFormat;

/* How to print one column; children for lists and structs. The schema is borrowed. */
struct ColumnFormat {
    const char *name;
    SqlType type;
    ValueShape shape;
    char layout; /* first character of the Arrow format, 'I' for oid ..., see arrow_text.c */
    const char *format;
    int scale; /* decimals */
    int child_count;
    ColumnFormat *children;
    ColumnFormat *dictionary;
};

Status column_format_init(ColumnFormat *column, const ArrowSchema *schema, Arena *arena, Error *err);

bool is_binary(const ColumnFormat *column);
/* Where the list at `at` (offset already added) starts and ends among the child's values. */
void list_range(const ColumnFormat *column, const ArrowArray *array, int64_t at, int64_t *start,
                int64_t *end);
bool array_is_null(const ArrowArray *array, int64_t row);
/* Appends the value's text (not NULL; not a list or struct): what PostgreSQL's output function gives. */
void append_value_text(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row);
/* Text of list values in PostgreSQL's array notation {1,2,"a b"}; structs as (…). */
void append_nested_text(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row);
/* Bytes of a string-like value without a copy, or NULL when the column is not one (follows dictionaries). */
const char *string_value(const ColumnFormat *column, const ArrowArray *array, int64_t row, size_t *length);
