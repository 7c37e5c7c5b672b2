#include "engines/columnar/types/array_value.h"

#include <assert.h>
#include <stdlib.h>

/* The first byte tells an array from stray text and leaves room for another layout. */
enum { ARRAY_BLOB_MARK = 0xA1, ARRAY_HEADER_BYTES = 8, ARRAY_MAX_BYTES = 0x3fffffff };

typedef struct ArrayHeader {
    uint8_t mark;
    uint8_t element;
    uint8_t dimension_count;
    uint8_t has_nulls;
    int32_t count;
} ArrayHeader;
_Static_assert(sizeof(ArrayHeader) == ARRAY_HEADER_BYTES, "the header has no padding");

PhysicalType array_element_physical(SqlType element) {
    if (element.id == SQL_NUMERIC) return PHYS_NUMERIC;
    element.is_array = false;
    return physical_type_of(element);
}

static Status corrupted(Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "array value is damaged");
}

static Status too_long(Error *err) {
    return error_set(err, SQLSTATE_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                     ARRAY_MAX_ELEMENTS);
}

/* ---- reading --------------------------------------------------------------------------------------------
 */

static Status open_dimensions(const char **at, const char *end, ArrayValue *out, Error *err) {
    size_t bytes = sizeof(ArrayDimension) * (size_t)out->dimension_count;
    if ((size_t)(end - *at) < bytes) return corrupted(err);
    memcpy(out->dimensions, *at, bytes);
    *at += bytes;
    int64_t product = out->dimension_count ? 1 : 0;
    for (int i = 0; i < out->dimension_count; i++) {
        const ArrayDimension *dimension = &out->dimensions[i];
        if (dimension->length <= 0 || dimension->length > ARRAY_MAX_ELEMENTS) return corrupted(err);
        if (dimension->lower > INT32_MAX - dimension->length) return corrupted(err);
        product *= dimension->length;
        if (product > ARRAY_MAX_ELEMENTS) return corrupted(err);
    }
    return product == out->count ? STATUS_OK : corrupted(err);
}

/* Offsets rise from 0 to exactly the bytes that are left. */
static bool offsets_are_sound(const char *offsets, int count, size_t bytes) {
    uint32_t previous;
    memcpy(&previous, offsets, sizeof previous);
    if (previous != 0) return false;
    for (int i = 1; i <= count; i++) {
        uint32_t offset;
        memcpy(&offset, offsets + (size_t)i * 4, sizeof offset);
        if (offset < previous) return false;
        previous = offset;
    }
    return previous == bytes;
}

Status array_open(const StringView *blob, ArrayValue *out, Error *err) {
    const char *at = stringview_data(blob), *end = at + blob->length;
    ArrayHeader header;
    if (blob->length < ARRAY_HEADER_BYTES) return corrupted(err);
    memcpy(&header, at, sizeof header);
    at += ARRAY_HEADER_BYTES;
    if (header.mark != ARRAY_BLOB_MARK || header.element >= SQL_TYPE_COUNT || header.has_nulls > 1 ||
        header.dimension_count > ARRAY_MAX_DIMENSIONS || header.count < 0)
        return corrupted(err);
    out->element = header.element;
    out->physical = (uint8_t)array_element_physical(sqltype_of((SqlTypeId)header.element));
    out->width = (uint32_t)physical_width(out->physical);
    out->dimension_count = header.dimension_count;
    out->count = header.count;
    TRY(open_dimensions(&at, end, out, err));
    out->nulls = NULL;
    if (header.has_nulls) {
        size_t bytes = ((size_t)out->count + 7) / 8;
        if ((size_t)(end - at) < bytes) return corrupted(err);
        out->nulls = (const uint8_t *)at;
        at += bytes;
    }
    size_t left = (size_t)(end - at);
    out->values = at;
    out->offsets = NULL;
    if (out->physical != PHYS_STRING)
        return left == (size_t)out->count * out->width ? STATUS_OK : corrupted(err);
    size_t offsets = ((size_t)out->count + 1) * 4;
    if (left < offsets) return corrupted(err);
    out->offsets = at;
    out->values = at + offsets;
    return offsets_are_sound(at, out->count, left - offsets) ? STATUS_OK : corrupted(err);
}

void array_elements(const ArrayValue *array, SqlType element, Arena *arena, Vector *out) {
    element.is_array = false;
    if (element.id == SQL_NUMERIC) element = sqltype_of(SQL_NUMERIC);
    vector_init_flat(out, element, array->count, arena);
    assert(out->physical == array->physical);
    if (array->physical == PHYS_STRING)
        for (int i = 0; i < array->count; i++)
            ((StringView *)out->values)[i] = array_string(array, i);
    else
        memcpy(out->values, array->values, (size_t)array->count * array->width);
    if (!array->nulls) return;
    uint64_t *validity = vector_make_validity(out, array->count, arena);
    for (int i = 0; i < array->count; i++)
        if (array_is_null(array, i)) bitmap_clear(validity, (size_t)i);
}

/* ---- building -------------------------------------------------------------------------------------------
 */

void array_builder_init(ArrayBuilder *builder, SqlType element, Arena *arena) {
    memset(builder, 0, sizeof *builder);
    builder->arena = arena;
    builder->element = element.id;
    builder->physical = (uint8_t)array_element_physical(element);
    builder->width = builder->physical == PHYS_STRING ? 4 : (uint32_t)physical_width(builder->physical);
}

void array_builder_deinit(ArrayBuilder *builder) {
    if (!builder->arena) {
        free(builder->nulls);
        free(builder->values);
        free(builder->bytes);
    }
    memset(builder, 0, sizeof *builder);
}

static void *resize(ArrayBuilder *builder, void *data, size_t old_bytes, size_t bytes) {
    if (!builder->arena) {
        void *grown = realloc(data, bytes);
        if (!grown) abort();
        return grown;
    }
    void *grown = arena_alloc(builder->arena, bytes);
    if (old_bytes) memcpy(grown, data, old_bytes);
    return grown;
}

/* Makes room for one more element and counts it. */
static Status add_slot(ArrayBuilder *builder, bool null, Error *err) {
    if (builder->count == builder->capacity) {
        if (builder->count >= ARRAY_MAX_ELEMENTS) return too_long(err);
        size_t old = (size_t)builder->capacity, capacity = old ? old * 2 : 8;
        builder->nulls = resize(builder, builder->nulls, old, capacity);
        builder->values = resize(builder, builder->values, old * builder->width, capacity * builder->width);
        builder->capacity = (int)capacity;
    }
    builder->nulls[builder->count] = null;
    builder->has_nulls |= null;
    builder->count++;
    return STATUS_OK;
}

static char *last_value(ArrayBuilder *builder) {
    return builder->values + (size_t)(builder->count - 1) * builder->width;
}

static Status add_bytes(ArrayBuilder *builder, const char *data, size_t length, bool null, Error *err) {
    size_t total = builder->byte_count + length;
    if (total > ARRAY_MAX_BYTES)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "array size exceeds the maximum allowed (1 GB)");
    TRY(add_slot(builder, null, err));
    if (total > builder->byte_capacity) {
        size_t capacity = builder->byte_capacity ? builder->byte_capacity * 2 : 64;
        while (capacity < total)
            capacity *= 2;
        builder->bytes = resize(builder, builder->bytes, builder->byte_count, capacity);
        builder->byte_capacity = capacity;
    }
    if (length) memcpy(builder->bytes + builder->byte_count, data, length);
    builder->byte_count = total;
    uint32_t offset = (uint32_t)total;
    memcpy(last_value(builder), &offset, sizeof offset);
    return STATUS_OK;
}

static void store_value(ArrayBuilder *builder, const void *value) {
    if (builder->physical == PHYS_BOOL) {
        *last_value(builder) = *(const uint8_t *)value != 0;
        return;
    }
    memcpy(last_value(builder), value, builder->width);
}

Status array_builder_add(ArrayBuilder *builder, const void *value, Error *err) {
    if (builder->physical == PHYS_STRING) {
        if (!value) return add_bytes(builder, NULL, 0, true, err);
        const StringView *view = value;
        return add_bytes(builder, stringview_data(view), view->length, false, err);
    }
    TRY(add_slot(builder, !value, err));
    if (value)
        store_value(builder, value);
    else
        memset(last_value(builder), 0, builder->width);
    return STATUS_OK;
}

Status array_builder_add_string(ArrayBuilder *builder, const char *data, size_t length, Error *err) {
    assert(builder->physical == PHYS_STRING);
    return add_bytes(builder, data, length, false, err);
}

Status array_builder_add_row(ArrayBuilder *builder, const Vector *vector, int row, Error *err) {
    if (vector_is_null(vector, row)) return array_builder_add(builder, NULL, err);
    if (vector->encoding == VECTOR_SEQUENCE) {
        int64_t value = vector->sequence_start + row * vector->sequence_step;
        return array_builder_add(builder, &value, err);
    }
    const Vector *source = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
    size_t index = vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                   : vector->encoding == VECTOR_CONSTANT ? 0
                                                         : (size_t)row;
    const char *value = (const char *)source->values + index * physical_width(source->physical);
    if (builder->physical != PHYS_NUMERIC || source->physical == PHYS_NUMERIC)
        return array_builder_add(builder, value, err);
    Numeric numeric;
    memset(&numeric, 0, sizeof numeric);
    if (source->physical == PHYS_I128) {
        memcpy(&numeric.value, value, sizeof numeric.value);
    } else {
        int64_t scaled;
        memcpy(&scaled, value, sizeof scaled);
        numeric.value = scaled;
    }
    numeric.scale = source->type.scale;
    return array_builder_add(builder, &numeric, err);
}

Status array_builder_add_element(ArrayBuilder *builder, const ArrayValue *array, int index, Error *err) {
    assert(builder->physical == array->physical);
    if (array_is_null(array, index)) return array_builder_add(builder, NULL, err);
    if (array->physical == PHYS_STRING) {
        uint32_t bounds[2];
        memcpy(bounds, array->offsets + (size_t)index * 4, sizeof bounds);
        return add_bytes(builder, array->values + bounds[0], bounds[1] - bounds[0], false, err);
    }
    TRY(add_slot(builder, false, err));
    memcpy(last_value(builder), array->values + (size_t)index * array->width, array->width);
    return STATUS_OK;
}

size_t array_builder_bytes(const ArrayBuilder *builder) {
    return (size_t)builder->capacity * (builder->width + 1) + builder->byte_capacity;
}

/* ---- finishing ------------------------------------------------------------------------------------------
 */

static size_t blob_bytes(const ArrayBuilder *builder, int dimension_count) {
    size_t count = (size_t)builder->count;
    size_t bytes = ARRAY_HEADER_BYTES + sizeof(ArrayDimension) * (size_t)dimension_count;
    if (builder->has_nulls) bytes += (count + 7) / 8;
    bytes += count * builder->width;
    if (builder->physical == PHYS_STRING) bytes += 4 + builder->byte_count;
    return bytes;
}

static void write_blob(const ArrayBuilder *builder, int dimension_count, const ArrayDimension *dimensions,
                       char *at) {
    ArrayHeader header = {.mark = ARRAY_BLOB_MARK,
                          .element = builder->element,
                          .dimension_count = (uint8_t)dimension_count,
                          .has_nulls = builder->has_nulls,
                          .count = builder->count};
    size_t count = (size_t)builder->count;
    memcpy(at, &header, sizeof header);
    at += sizeof header;
    if (dimension_count) memcpy(at, dimensions, sizeof *dimensions * (size_t)dimension_count);
    at += sizeof *dimensions * (size_t)dimension_count;
    if (builder->has_nulls) {
        memset(at, 0, (count + 7) / 8);
        for (size_t i = 0; i < count; i++)
            if (builder->nulls[i]) at[i >> 3] = (char)(at[i >> 3] | 1 << (i & 7));
        at += (count + 7) / 8;
    }
    if (builder->physical == PHYS_STRING) {
        memset(at, 0, 4);
        at += 4;
    }
    if (count) memcpy(at, builder->values, count * builder->width);
    at += count * builder->width;
    if (builder->physical == PHYS_STRING && builder->byte_count)
        memcpy(at, builder->bytes, builder->byte_count);
}

Status array_builder_finish_shaped(ArrayBuilder *builder, int dimension_count,
                                   const ArrayDimension *dimensions, Arena *arena, StringView *out,
                                   Error *err) {
    assert(dimension_count <= ARRAY_MAX_DIMENSIONS);
    int64_t product = dimension_count ? 1 : 0;
    for (int i = 0; i < dimension_count; i++) {
        product *= dimensions[i].length;
        if (product > ARRAY_MAX_ELEMENTS) return too_long(err);
    }
    assert(product == builder->count);
    if (product == 0) dimension_count = 0;
    size_t bytes = blob_bytes(builder, dimension_count);
    if (bytes > ARRAY_MAX_BYTES)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "array size exceeds the maximum allowed (1 GB)");
    if (!arena) arena = builder->arena;
    char *blob = arena_alloc(arena, bytes);
    write_blob(builder, dimension_count, dimensions, blob);
    *out = stringview_make(blob, (uint32_t)bytes);
    array_builder_reset(builder);
    return STATUS_OK;
}

Status array_builder_finish(ArrayBuilder *builder, Arena *arena, StringView *out, Error *err) {
    ArrayDimension dimension = {.length = builder->count, .lower = 1};
    return array_builder_finish_shaped(builder, builder->count ? 1 : 0, &dimension, arena, out, err);
}
