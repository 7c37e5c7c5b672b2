/* Array columns: rows of lists until the row group is full, and their levels.
 *
 * group NAME (LIST) { repeated group list { optional element } }: three definition levels below the column's
 * own (is the list there, has it an element, is that not NULL), one repetition level. */
#include <stdlib.h>

#include "engines/base/power_of_ten.h"
#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_encode.h"
#include "engines/columnar/parquet/parquet_write.h"
#include "engines/columnar/types/array_value.h"

static Status reserve_lists(ColumnBuffer *buffer, int64_t rows, Error *err) {
    ListRows *lists = &buffer->lists;
    if (rows <= lists->capacity) return STATUS_OK;
    int64_t capacity = lists->capacity ? lists->capacity * 2 : 4096;
    while (capacity < rows)
        capacity *= 2;
    uint32_t *ends = realloc(lists->ends, (size_t)capacity * sizeof *ends);
    if (ends) lists->ends = ends;
    uint8_t *null_rows = realloc(lists->null_rows, (size_t)capacity);
    if (null_rows) lists->null_rows = null_rows;
    if (!ends || !null_rows)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory for %lld rows of column %s",
                         (long long)capacity, buffer->column->name);
    lists->capacity = capacity;
    return STATUS_OK;
}

/* A Numeric as the column's scaled integer. */
static Status store_numeric(const ColumnBuffer *buffer, const Numeric *number, void *out, Error *err) {
    __int128 value = number->value, limit = power_of_ten[buffer->storage.type.precision];
    bool fits = !number->special;
    for (int scale = number->scale; fits && scale < buffer->storage.type.scale; scale++)
        fits = !__builtin_mul_overflow(value, (__int128)10, &value);
    for (int scale = number->scale; fits && scale > buffer->storage.type.scale; scale--) {
        fits = value % 10 == 0;
        value /= 10;
    }
    if (!fits || value >= limit || value <= -limit)
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                         "column %s: an element does not fit numeric(%d,%d)", buffer->column->name,
                         buffer->storage.type.precision, buffer->storage.type.scale);
    if (buffer->storage.vector_physical == PHYS_I128) {
        memcpy(out, &value, sizeof value);
    } else {
        int64_t narrow = (int64_t)value;
        memcpy(out, &narrow, sizeof narrow);
    }
    return STATUS_OK;
}

static Status store_element(ColumnBuffer *buffer, const ArrayValue *array, int index, Error *err) {
    char *out = buffer->values + (size_t)buffer->row_count * physical_width(buffer->storage.vector_physical);
    if (array->physical == PHYS_NUMERIC) {
        Numeric number;
        array_get(array, index, &number);
        return store_numeric(buffer, &number, out, err);
    }
    array_get(array, index, out);
    if (array->physical != PHYS_STRING) return STATUS_OK;
    StringView *view = (StringView *)(void *)out;
    if (buffer->storage.type.id == SQL_UUID && view->length != 16)
        return error_set(err, SQLSTATE_INTERNAL, "column %s: a uuid has %u bytes", buffer->column->name,
                         view->length);
    if (view->length > 12) view->pointer = arena_memdup(&buffer->strings, view->pointer, view->length);
    return STATUS_OK;
}

static Status append_list(ColumnBuffer *buffer, const StringView *blob, Error *err) {
    size_t width = physical_width(buffer->storage.vector_physical);
    ArrayValue array;
    TRY(array_open(blob, &array, err));
    PhysicalType expected = array_element_physical(buffer->storage.type);
    if (array.physical != (uint8_t)expected || array.element != buffer->storage.type.id)
        return error_set(err, SQLSTATE_INTERNAL, "column %s: an array of another type", buffer->column->name);
    if (array.dimension_count > 1 || (array.dimension_count == 1 && array.dimensions[0].lower != 1))
        return error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "column %s: an array of several dimensions, or one that does not begin at 1, cannot be "
            "stored as a list",
            buffer->column->name);
    if (buffer->row_count + array.count > INT32_MAX)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "column %s: too many elements in one row group",
                         buffer->column->name);
    TRY(column_buffer_reserve(buffer, buffer->row_count + array.count, err));
    if (buffer->validity || array.nulls) TRY(column_buffer_reserve_validity(buffer, err));
    for (int i = 0; i < array.count; i++, buffer->row_count++) {
        if (!array_is_null(&array, i)) {
            TRY(store_element(buffer, &array, i, err));
            continue;
        }
        bitmap_clear(buffer->validity, (size_t)buffer->row_count);
        memset(buffer->values + (size_t)buffer->row_count * width, 0, width);
    }
    distinct_sketch_add(&buffer->sketch, hash64_bytes(stringview_data(blob), blob->length, 0));
    return STATUS_OK;
}

Status list_buffer_append(ColumnBuffer *buffer, const Vector *vector, const uint16_t *selection, int count,
                          Error *err) {
    ListRows *lists = &buffer->lists;
    const StringView *blobs =
        vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    if (vector->physical != PHYS_STRING || count > BATCH_ROWS)
        return error_set(err, SQLSTATE_INTERNAL, "column %s: a batch of another type", buffer->column->name);
    TRY(reserve_lists(buffer, lists->count + count, err));
    for (int i = 0; i < count; i++) {
        int row = selection ? selection[i] : i;
        bool null = vector_is_null(vector, row);
        if (null && !buffer->column->nullable)
            return error_set(err, "23502", "null value in column \"%s\" violates not-null constraint",
                             buffer->column->name);
        uint32_t at = vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                      : vector->encoding == VECTOR_CONSTANT ? 0
                                                            : (uint32_t)row;
        if (!null) TRY(append_list(buffer, &blobs[at], err));
        lists->null_rows[lists->count] = null;
        lists->ends[lists->count++] = (uint32_t)buffer->row_count;
    }
    return STATUS_OK;
}

/* ---- levels ---- */

static void append_prefixed(const uint32_t *levels, int64_t count, int width, StrBuf *out) {
    size_t at = out->length;
    uint32_t length = 0;
    strbuf_append(out, &length, sizeof length);
    parquet_encode_hybrid(levels, count, width, out);
    length = (uint32_t)(out->length - at - sizeof length);
    memcpy(out->data + at, &length, sizeof length);
}

int64_t list_levels_write(const ColumnBuffer *buffer, int64_t first, int64_t rows, StrBuf *out) {
    const ListRows *lists = &buffer->lists;
    uint32_t empty = buffer->column->nullable; /* the level of a list without elements */
    uint32_t from = first ? lists->ends[first - 1] : 0, to = rows ? lists->ends[first + rows - 1] : from;
    size_t most = (size_t)(to - from) + (size_t)rows;
    uint32_t *levels = malloc((2 * most + 1) * sizeof *levels), *repetitions = levels + most;
    if (!levels) abort();
    int64_t entries = 0;
    for (int64_t row = first; row < first + rows; row++) {
        uint32_t begin = row ? lists->ends[row - 1] : 0, end = lists->ends[row];
        if (begin == end) {
            levels[entries] = lists->null_rows[row] ? 0 : empty;
            repetitions[entries++] = 0;
        }
        for (uint32_t i = begin; i < end; i++) {
            bool is_null = buffer->validity && !bitmap_get(buffer->validity, i);
            levels[entries] = empty + (is_null ? 1 : 2);
            repetitions[entries++] = i > begin;
        }
    }
    append_prefixed(repetitions, entries, 1, out);
    append_prefixed(levels, entries, 2, out);
    free(levels);
    return entries;
}
