/* Reads PostgreSQL's array literals: '{1,2,NULL}', '{{"a b",c},{d,"\\e"}}', '[0:1]={1,2}'. The elements come
 * out as texts in storage order; what they mean is their type's affair. */
#pragma once

#include "engines/columnar/kernels/array_kernels.h"

typedef struct ArrayText {
    Arena *arena;
    StringView *elements;
    bool *nulls;
    int count, capacity;
    int dimension_count;
    ArrayDimension dimensions[ARRAY_MAX_DIMENSIONS];
} ArrayText;

/* Appends the elements to `out` (whose dimensions are set). 22P02, 2202E, 54000 as PostgreSQL. */
Status array_text_parse(ArrayText *out, const char *text, size_t length, Error *err);
