/* A column's values as one line: how many, and a hash of their texts, as expected/make.py computes it from
 * pyarrow's. Text of a value: integers, dates (days), times and timestamps (microseconds) and unscaled
 * decimals as digits; floats as the bits in hex; bytes in hex; arrays as {a,b} of those; jsonb as it is; NULL
 * as \N. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/parquet/parquet_reader.h"
#include "engines/columnar/types/array_value.h"

static inline void digest_integer(__int128 value, StrBuf *out) {
    char digits[44];
    int at = (int)sizeof digits;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest);
    if (value < 0) digits[--at] = '-';
    strbuf_append(out, digits + at, sizeof digits - (size_t)at);
}

static inline void digest_scalar(SqlType type, PhysicalType physical, const void *from, StrBuf *out) {
    _Alignas(16) union {
        uint8_t u8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        __int128 i128;
        uint32_t bits32;
        uint64_t bits64;
        StringView string;
        Interval interval;
        Numeric numeric;
    } value;
    memcpy(&value, from, physical_width(physical));
    switch (physical) {
    case PHYS_BOOL: strbuf_append_text(out, value.u8 ? "true" : "false"); break;
    case PHYS_I16: digest_integer(value.i16, out); break;
    case PHYS_I32: digest_integer(value.i32, out); break;
    case PHYS_I64: digest_integer(value.i64, out); break;
    case PHYS_I128: digest_integer(value.i128, out); break;
    case PHYS_NUMERIC: digest_integer(value.numeric.value, out); break;
    case PHYS_F32: /* NaNs have many bits */
        strbuf_printf(out, "%08x", (value.bits32 << 1) > 0xff000000u ? 0x7fc00000u : value.bits32);
        break;
    case PHYS_F64:
        strbuf_printf(out, "%016llx",
                      (value.bits64 << 1) > 0xffe0000000000000u ? 0x7ff8000000000000ull
                                                                : (unsigned long long)value.bits64);
        break;
    case PHYS_INTERVAL:
        strbuf_printf(out, "%d/%d/%lld", value.interval.months, value.interval.days,
                      (long long)value.interval.microseconds);
        break;
    default: {
        const char *data = stringview_data(&value.string);
        if (sqltype_is_text(type) || sqltype_is(type, SQL_JSON) || sqltype_is(type, SQL_JSONB)) {
            strbuf_append(out, data, value.string.length);
            break;
        }
        for (uint32_t i = 0; i < value.string.length; i++)
            strbuf_printf(out, "%02x", (unsigned char)data[i]);
    }
    }
}

static inline Status digest_array(SqlType type, const StringView *blob, StrBuf *out, Error *err) {
    ArrayValue array;
    TRY(array_open(blob, &array, err));
    strbuf_append_char(out, '{');
    for (int i = 0; i < array.count; i++) {
        _Alignas(16) char element[32];
        if (i) strbuf_append_char(out, ',');
        if (array_is_null(&array, i)) {
            strbuf_append_text(out, "\\N");
            continue;
        }
        array_get(&array, i, element);
        digest_scalar(array_element_type(type), (PhysicalType)array.physical, element, out);
    }
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

static inline Status digest_value(const Vector *vector, int row, StrBuf *out, Error *err) {
    if (vector_is_null(vector, row)) {
        strbuf_append_text(out, "\\N");
        return STATUS_OK;
    }
    const Vector *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
    size_t at = vector->encoding == VECTOR_DICTIONARY ? vector->codes[row] : (size_t)row;
    const char *value = (const char *)values->values + at * physical_width(vector->physical);
    if (vector->type.is_array)
        return digest_array(vector->type, (const StringView *)(const void *)value, out, err);
    digest_scalar(vector->type, (PhysicalType)vector->physical, value, out);
    return STATUS_OK;
}

/* FNV-1a; Python has it in a line. */
static inline uint64_t digest_hash(uint64_t hash, const StrBuf *text) {
    for (size_t i = 0; i < text->length; i++)
        hash = (hash ^ (unsigned char)text->data[i]) * 0x100000001b3ull;
    return (hash ^ '\n') * 0x100000001b3ull;
}

/* `column<TAB>type<TAB>rows<TAB>hash`; with `show`, every value to it as well. */
static inline Status digest_column(ParquetFile *file, int column, FILE *show, StrBuf *out, Error *err) {
    uint64_t hash = 0xcbf29ce484222325ull;
    int64_t rows = 0;
    StrBuf text;
    strbuf_init(&text);
    Status status = STATUS_OK;
    const ParquetColumn *described = parquet_file_column(file, column);
    for (int g = 0; g < parquet_file_row_group_count(file) && status == STATUS_OK; g++) {
        ParquetColumnReader *reader = NULL;
        int64_t left = parquet_row_group_row_count(file, g);
        status = parquet_column_open(file, g, column, 0, &reader, err);
        while (status == STATUS_OK && left > 0) {
            Vector vector;
            int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
            status = parquet_column_read(reader, count, &vector, err);
            for (int i = 0; i < count && status == STATUS_OK; i++, rows++) {
                strbuf_reset(&text);
                status = digest_value(&vector, i, &text, err);
                hash = digest_hash(hash, &text);
                if (show) fprintf(show, "%s\t%s\n", described->name, strbuf_text(&text));
            }
            left -= count;
        }
        parquet_column_close(reader);
    }
    char name[SQLTYPE_NAME_BYTES];
    strbuf_printf(out, "%s\t%s\t%lld\t%016llx", described->name, sqltype_name(described->type, true, name),
                  (long long)rows, (unsigned long long)hash);
    strbuf_deinit(&text);
    return status;
}
