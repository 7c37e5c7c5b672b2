/* An array value: one blob that tells its own shape and elements, carried in a PHYS_STRING vector whose type
 * has is_array. It passes through joins, groups, sorts and files of spilled rows like any string.
 *
 * Reading: array_open() checks the whole blob once (it may come from a file), then the accessors need no
 * checks. Building: array_builder_init(), append elements in storage order (last subscript fastest), then one
 * of the finish functions gives the blob in the builder's arena; the builder is empty again and reusable.
 *
 * Blob: ArrayHeader, one ArrayDimension per dimension, then the NULL bitmap when there are NULLs (bit set =
 * NULL, least significant first, (count + 7) / 8 bytes), then the elements: `width` bytes each, zero where
 * NULL; for strings count + 1 offsets of 4 bytes and the bytes. Numbers are little-endian and not aligned.
 * One array has one blob: equal bytes are equal arrays. The reverse holds unless elements have more than one
 * form of a value (numeric, floats, interval, character(n), jsonb, records).
 *
 * An element is held as its type is in a vector, but numeric always as Numeric, whatever its precision.
 */
#pragma once

#include "engines/base/error.h"
#include "engines/columnar/types/vector.h"

enum { ARRAY_MAX_DIMENSIONS = 6, ARRAY_MAX_ELEMENTS = 134217727 };

typedef struct ArrayDimension {
    int32_t length;
    int32_t lower;
} ArrayDimension;

/* An opened array; borrows the blob. No dimensions: the empty array. */
typedef struct ArrayValue {
    uint8_t element;  /* SqlTypeId */
    uint8_t physical; /* PhysicalType of an element */
    int dimension_count;
    int count;
    ArrayDimension dimensions[ARRAY_MAX_DIMENSIONS];
    const uint8_t *nulls; /* NULL when there are none */
    const char *values;   /* fixed width: the elements */
    const char *offsets;  /* strings: count + 1 of them, into `values` */
    uint32_t width;
} ArrayValue;

/* The type of an array's elements, and how they are held. */
static inline SqlType array_element_type(SqlType array) {
    array.is_array = false;
    return array;
}
PhysicalType array_element_physical(SqlType element);

/* XX001 when the bytes are not an array. `blob` must outlive `out` (a short one is inside the view). */
Status array_open(const StringView *blob, ArrayValue *out, Error *err);

static inline bool array_is_null(const ArrayValue *array, int index) {
    return array->nulls && array->nulls[index >> 3] >> (index & 7) & 1;
}
static inline StringView array_string(const ArrayValue *array, int index) {
    uint32_t bounds[2];
    memcpy(bounds, array->offsets + (size_t)index * 4, sizeof bounds);
    return stringview_make(array->values + bounds[0], bounds[1] - bounds[0]);
}
/* Copies an element of its physical type (a StringView points into the blob). */
static inline void array_get(const ArrayValue *array, int index, void *out) {
    if (array->physical == PHYS_STRING) {
        StringView view = array_string(array, index);
        memcpy(out, &view, sizeof view);
    } else {
        memcpy(out, array->values + (size_t)index * array->width, array->width);
    }
}

typedef struct ArrayBuilder {
    Arena *arena;
    uint8_t element;
    uint8_t physical;
    uint32_t width;
    int count, capacity;
    bool has_nulls;
    uint8_t *nulls; /* one byte per element while building */
    char *values;   /* fixed width; strings: the end offset of each, 4 bytes */
    char *bytes;    /* strings */
    size_t byte_count, byte_capacity;
} ArrayBuilder;

/* `element` is the element's type (is_array is ignored). Memory comes from the arena, or, when `arena` is
 * NULL, from malloc: then array_builder_deinit() frees it and finish needs an arena of its own. */
void array_builder_init(ArrayBuilder *builder, SqlType element, Arena *arena);
void array_builder_deinit(ArrayBuilder *builder);
static inline void array_builder_reset(ArrayBuilder *builder) {
    builder->count = 0;
    builder->byte_count = 0;
    builder->has_nulls = false;
}
/* A value of the element's physical type; NULL is SQL NULL. 54000 when the array grows too long. */
Status array_builder_add(ArrayBuilder *builder, const void *value, Error *err);
Status array_builder_add_string(ArrayBuilder *builder, const char *data, size_t length, Error *err);
/* Row `row` of a vector of the element's type, in any encoding; scaled numerics become Numeric. */
Status array_builder_add_row(ArrayBuilder *builder, const Vector *vector, int row, Error *err);
/* Element `index` of an array of the same element type. */
Status array_builder_add_element(ArrayBuilder *builder, const ArrayValue *array, int index, Error *err);
/* Held so far, for who charges a budget. */
size_t array_builder_bytes(const ArrayBuilder *builder);

/* One dimension from 1, or the empty array when nothing was added. */
Status array_builder_finish(ArrayBuilder *builder, Arena *arena, StringView *out, Error *err);
/* The product of the lengths is the number of elements added (an assertion); a length of 0 gives the empty
 * array. 54000 beyond ARRAY_MAX_ELEMENTS or 1 GB. */
Status array_builder_finish_shaped(ArrayBuilder *builder, int dimension_count,
                                   const ArrayDimension *dimensions, Arena *arena, StringView *out,
                                   Error *err);
/* The elements of an array as a FLAT vector of `element` (numeric without precision), NULLs and all. */
void array_elements(const ArrayValue *array, SqlType element, Arena *arena, Vector *out);
