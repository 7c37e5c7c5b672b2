/* Rows of one column until their row group is full. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/power_of_ten.h"
#include "engines/columnar/parquet/parquet_write.h"
#include "engines/columnar/types/array_value.h"

static int decimal_bytes(int precision) {
    /* The fewest bytes whose two's complement holds 10^precision - 1, as Iceberg asks. */
    int bits = 1;
    for (__int128 largest = power_of_ten[precision] - 1; largest > 0; largest >>= 1)
        bits++;
    return (bits + 7) / 8;
}

Status parquet_storage_of(const ParquetWriterColumn *column, ParquetStorage *out, Error *err) {
    SqlType type = array_element_type(column->type);
    *out = (ParquetStorage){
        .type = type, .vector_physical = physical_type_of(type), .list = column->type.is_array};
    switch (out->vector_physical) {
    case PHYS_BOOL: out->physical = PARQUET_BOOLEAN; break;
    case PHYS_I16:
    case PHYS_I32:
        out->physical = PARQUET_INT32;
        out->bytes = 4;
        break;
    case PHYS_I64:
        out->physical = PARQUET_INT64;
        out->bytes = 8;
        break;
    case PHYS_I128:
        out->physical = PARQUET_FIXED;
        out->bytes = decimal_bytes(type.precision);
        break;
    case PHYS_F32:
        out->physical = PARQUET_FLOAT;
        out->bytes = 4;
        break;
    case PHYS_F64:
        out->physical = PARQUET_DOUBLE;
        out->bytes = 8;
        break;
    case PHYS_STRING: out->physical = PARQUET_BYTE_ARRAY; break;
    case PHYS_NUMERIC:
        return error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "column %s is numeric without a precision, which Parquet cannot store: declare it as "
            "numeric(p,s) with p up to 38",
            column->name);
    default:
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "column %s has a type that Parquet cannot store without loss: cast it to text",
                         column->name);
    }
    if (sqltype_is(type, SQL_UUID)) {
        out->physical = PARQUET_FIXED;
        out->bytes = 16;
    }
    if (sqltype_is(type, SQL_NUMERIC)) {
        if (type.scale < 0 || type.scale > type.precision)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "column %s: a decimal's scale must lie between 0 and its precision",
                             column->name);
        out->decimal_precision = type.precision;
        out->decimal_scale = type.scale;
        if (type.precision <= 9) {
            out->physical = PARQUET_INT32;
            out->bytes = 4;
        }
    }
    return STATUS_OK;
}

Status column_buffer_reserve(ColumnBuffer *buffer, int64_t rows, Error *err) {
    if ((size_t)rows <= buffer->value_capacity) return STATUS_OK;
    size_t capacity = buffer->value_capacity ? buffer->value_capacity : 4096;
    while (capacity < (size_t)rows)
        capacity *= 2;
    char *values = realloc(buffer->values, capacity * physical_width(buffer->storage.vector_physical));
    if (!values)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory for %zu rows of column %s", capacity,
                         buffer->column->name);
    buffer->values = values;
    buffer->value_capacity = capacity;
    return STATUS_OK;
}

/* Bits for all rows of the buffer's capacity, those so far set. */
Status column_buffer_reserve_validity(ColumnBuffer *buffer, Error *err) {
    size_t words = bitmap_words(buffer->value_capacity) + 1, known = buffer->validity_words;
    if (known >= words) return STATUS_OK;
    uint64_t *validity = realloc(buffer->validity, words * 8);
    if (!validity)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory for column %s", buffer->column->name);
    memset(validity + known, 0xff, (words - known) * 8);
    buffer->validity = validity;
    buffer->validity_words = words;
    return STATUS_OK;
}

static inline __attribute__((always_inline)) void copy_value(void *to, const void *from, size_t width) {
    memcpy(to, from, width);
}

static void copy_rows(char *to, const char *from, const uint32_t *index, int count, size_t width) {
    switch (width) {
    case 1:
        for (int i = 0; i < count; i++)
            copy_value(to + i, from + index[i], 1);
        break;
    case 2:
        for (int i = 0; i < count; i++)
            copy_value(to + i * 2, from + (size_t)index[i] * 2, 2);
        break;
    case 4:
        for (int i = 0; i < count; i++)
            copy_value(to + i * 4, from + (size_t)index[i] * 4, 4);
        break;
    case 8:
        for (int i = 0; i < count; i++)
            copy_value(to + i * 8, from + (size_t)index[i] * 8, 8);
        break;
    default:
        for (int i = 0; i < count; i++)
            copy_value(to + i * 16, from + (size_t)index[i] * 16, 16);
        break;
    }
}

static Status copy_nulls(ColumnBuffer *buffer, const Vector *vector, const uint16_t *selection, int count,
                         Error *err) {
    if (!vector->validity) {
        return STATUS_OK;
    }
    size_t width = physical_width(buffer->storage.vector_physical);
    for (int i = 0; i < count; i++) {
        if (!vector_is_null(vector, selection ? selection[i] : i)) continue;
        if (!buffer->column->nullable)
            return error_set(err, "23502", "null value in column \"%s\" violates not-null constraint",
                             buffer->column->name);
        TRY(column_buffer_reserve_validity(buffer, err));
        bitmap_clear(buffer->validity, (size_t)(buffer->row_count + i));
        memset(buffer->values + (size_t)(buffer->row_count + i) * width, 0, width);
    }
    return STATUS_OK;
}

/* Takes over the bytes of the `count` strings that were appended last, all in one piece of the arena. */
static Status keep_strings(ColumnBuffer *buffer, int count, Error *err) {
    StringView *views = (StringView *)(void *)buffer->values + buffer->row_count;
    bool is_uuid = sqltype_is(buffer->storage.type, SQL_UUID);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        uint32_t length = views[i].length;
        bytes += length > 12 ? length : 0;
        bool null = buffer->validity && !bitmap_get(buffer->validity, (size_t)(buffer->row_count + i));
        if (is_uuid && length != 16 && !null)
            return error_set(err, SQLSTATE_INTERNAL, "column %s: a uuid has %u bytes", buffer->column->name,
                             length);
    }
    char *next = bytes ? arena_alloc(&buffer->strings, bytes) : NULL;
    for (int i = 0; i < count; i++) {
        if (views[i].length <= 12) continue;
        views[i].pointer = memcpy(next, views[i].pointer, views[i].length);
        next += views[i].length;
    }
    return STATUS_OK;
}

static void copy_any(const Vector *vector, const uint16_t *selection, int count, size_t width, char *to) {
    bool codes = vector->encoding == VECTOR_DICTIONARY;
    const char *from = codes ? vector->dictionary->values : vector->values;
    uint32_t index[BATCH_ROWS];
    if (codes && vector->dictionary_length == 0) {
        memset(to, 0, (size_t)count * width);
        return;
    }
    for (int i = 0; i < count; i++) {
        int row = selection ? selection[i] : i;
        index[i] = codes ? vector->codes[row] : vector->encoding == VECTOR_CONSTANT ? 0 : (uint32_t)row;
    }
    if (vector->encoding == VECTOR_SEQUENCE) {
        for (int i = 0; i < count; i++)
            ((int64_t *)(void *)to)[i] = vector->sequence_start + (int64_t)index[i] * vector->sequence_step;
    } else {
        copy_rows(to, from, index, count, width);
    }
}

Status column_buffer_append(ColumnBuffer *buffer, const Vector *vector, const uint16_t *selection, int count,
                            Error *err) {
    size_t width = physical_width(buffer->storage.vector_physical);
    if (buffer->storage.list) return list_buffer_append(buffer, vector, selection, count, err);
    if (vector->physical != buffer->storage.vector_physical || count > BATCH_ROWS)
        return error_set(err, SQLSTATE_INTERNAL, "column %s: a batch of another type", buffer->column->name);
    TRY(column_buffer_reserve(buffer, buffer->row_count + count, err));
    if (buffer->validity) TRY(column_buffer_reserve_validity(buffer, err));
    char *to = buffer->values + (size_t)buffer->row_count * width;
    if (vector->encoding == VECTOR_FLAT && !selection)
        memcpy(to, vector->values, (size_t)count * width);
    else
        copy_any(vector, selection, count, width, to);
    TRY(copy_nulls(buffer, vector, selection, count, err));
    if (buffer->storage.vector_physical == PHYS_STRING) TRY(keep_strings(buffer, count, err));
    buffer->row_count += count;
    return STATUS_OK;
}

void column_buffer_reset(ColumnBuffer *buffer) {
    buffer->row_count = 0;
    buffer->lists.count = 0;
    if (buffer->validity) memset(buffer->validity, 0xff, buffer->validity_words * 8);
    arena_reset(&buffer->strings);
}

void column_buffer_deinit(ColumnBuffer *buffer) {
    free(buffer->values);
    free(buffer->validity);
    free(buffer->lists.ends);
    free(buffer->lists.null_rows);
    arena_deinit(&buffer->strings);
}
