#include "engines/columnar/parquet/parquet_bounds.h"

#include <math.h>
#include <string.h>

#include "engines/base/utf8.h"

static inline bool is_valid(const uint64_t *validity, int64_t row) {
    return !validity || bitmap_get(validity, (size_t)row);
}

#define BOUNDS_NAME  collect_bool
#define BOUNDS_TYPE  uint8_t
#define BOUNDS_FIELD i64
#include "engines/columnar/parquet/parquet_bounds.inc.c"
#define BOUNDS_NAME  collect_i16
#define BOUNDS_TYPE  int16_t
#define BOUNDS_FIELD i64
#include "engines/columnar/parquet/parquet_bounds.inc.c"
#define BOUNDS_NAME  collect_i32
#define BOUNDS_TYPE  int32_t
#define BOUNDS_FIELD i64
#include "engines/columnar/parquet/parquet_bounds.inc.c"
#define BOUNDS_NAME  collect_i64
#define BOUNDS_TYPE  int64_t
#define BOUNDS_FIELD i64
#include "engines/columnar/parquet/parquet_bounds.inc.c"
#define BOUNDS_NAME  collect_i128
#define BOUNDS_TYPE  __int128
#define BOUNDS_FIELD i128
#include "engines/columnar/parquet/parquet_bounds.inc.c"

static void collect_floats(PhysicalType physical, const void *values, const uint64_t *validity, int64_t first,
                           int64_t rows, ParquetBounds *out) {
    for (int64_t i = first; i < first + rows; i++) {
        if (!is_valid(validity, i)) continue;
        double value = physical == PHYS_F32 ? ((const float *)values)[i] : ((const double *)values)[i];
        if (isnan(value)) {
            out->nan_count++;
            continue;
        }
        if (!out->any || value < out->min.f64) out->min.f64 = value;
        if (!out->any || value > out->max.f64) out->max.f64 = value;
        out->any = true;
    }
}

static void collect_strings(const StringView *values, const uint64_t *validity, int64_t first, int64_t rows,
                            ParquetBounds *out) {
    for (int64_t i = first; i < first + rows; i++) {
        if (!is_valid(validity, i)) continue;
        if (!out->any || stringview_compare(&values[i], &out->min.string) < 0) out->min.string = values[i];
        if (!out->any || stringview_compare(&values[i], &out->max.string) > 0) out->max.string = values[i];
        out->any = true;
    }
}

int64_t parquet_count_nulls(const uint64_t *validity, int64_t first, int64_t rows) {
    int64_t nulls = 0;
    if (!validity) return 0;
    if (first % 64 == 0) return rows - (int64_t)bitmap_count(validity + first / 64, (size_t)rows);
    for (int64_t i = first; i < first + rows; i++)
        nulls += !bitmap_get(validity, (size_t)i);
    return nulls;
}

void parquet_bounds_collect(PhysicalType physical, const void *values, const uint64_t *validity,
                            int64_t first, int64_t rows, ParquetBounds *out) {
    memset(out, 0, sizeof *out);
    out->null_count = parquet_count_nulls(validity, first, rows);
    switch (physical) {
    case PHYS_BOOL: collect_bool(values, validity, first, rows, out); break;
    case PHYS_I16: collect_i16(values, validity, first, rows, out); break;
    case PHYS_I32: collect_i32(values, validity, first, rows, out); break;
    case PHYS_I64: collect_i64(values, validity, first, rows, out); break;
    case PHYS_I128: collect_i128(values, validity, first, rows, out); break;
    case PHYS_F32:
    case PHYS_F64: collect_floats(physical, values, validity, first, rows, out); break;
    default: collect_strings(values, validity, first, rows, out); break;
    }
}

static bool less(PhysicalType physical, const union ParquetBound *a, const union ParquetBound *b) {
    switch (physical) {
    case PHYS_I128: return a->i128 < b->i128;
    case PHYS_F32:
    case PHYS_F64: return a->f64 < b->f64;
    case PHYS_STRING: return stringview_compare(&a->string, &b->string) < 0;
    default: return a->i64 < b->i64;
    }
}

int parquet_bound_compare(PhysicalType physical, const union ParquetBound *a, const union ParquetBound *b) {
    return less(physical, a, b) ? -1 : less(physical, b, a);
}

void parquet_bounds_merge(PhysicalType physical, ParquetBounds *into, const ParquetBounds *from) {
    into->null_count += from->null_count;
    into->nan_count += from->nan_count;
    if (!from->any) return;
    if (!into->any || less(physical, &from->min, &into->min)) into->min = from->min;
    if (!into->any || less(physical, &into->max, &from->max)) into->max = from->max;
    into->any = true;
}

void parquet_store_decimal(__int128 value, int bytes, uint8_t *out) {
    for (int i = bytes - 1; i >= 0; i--) {
        out[i] = (uint8_t)value;
        value >>= 8;
    }
}

static uint32_t decode_utf8(const uint8_t *text, size_t length) {
    switch (length) {
    case 1: return text[0];
    case 2: return (uint32_t)(text[0] & 31) << 6 | (text[1] & 63);
    case 3: return (uint32_t)(text[0] & 15) << 12 | (uint32_t)(text[1] & 63) << 6 | (text[2] & 63);
    default:
        return (uint32_t)(text[0] & 7) << 18 | (uint32_t)(text[1] & 63) << 12 |
               (uint32_t)(text[2] & 63) << 6 | (text[3] & 63);
    }
}

static size_t encode_utf8(uint32_t point, uint8_t *out) {
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (point & 63));
    return 4;
}

/* The smallest text of at most `*length` bytes above all that begin so; false when there is none. */
static bool increment_text(uint8_t *text, size_t *length) {
    while (*length > 0) {
        size_t start = *length - 1;
        while (start > 0 && (text[start] & 0xc0) == 0x80)
            start--;
        uint32_t point = decode_utf8(text + start, *length - start) + 1;
        if (point == 0xd800) /* surrogates are no text */
            point = 0xe000;
        if (point <= 0x10ffff) {
            uint8_t encoded[4];
            size_t encoded_length = encode_utf8(point, encoded);
            memcpy(text + start, encoded, encoded_length);
            *length = start + encoded_length;
            return true;
        }
        *length = start;
    }
    return false;
}

static bool increment_bytes(uint8_t *bytes, size_t *length) {
    while (*length > 0) {
        if (bytes[*length - 1] != 0xff) {
            bytes[*length - 1]++;
            return true;
        }
        --*length;
    }
    return false;
}

static void write_string_bound(SqlType type, const StringView *value, bool upper, StrBuf *out, bool *exact) {
    const char *data = stringview_data(value);
    size_t length = value->length;
    *exact = true;
    if (length > PARQUET_BOUND_BYTES) {
        uint8_t cut[PARQUET_BOUND_BYTES + 4];
        size_t cut_length = PARQUET_BOUND_BYTES;
        bool is_text = !sqltype_is(type, SQL_BYTEA) && utf8_is_valid(data, length);
        while (is_text && cut_length > 0 && ((uint8_t)data[cut_length] & 0xc0) == 0x80)
            cut_length--;
        memcpy(cut, data, cut_length);
        bool cuttable =
            !upper || (is_text ? increment_text(cut, &cut_length) : increment_bytes(cut, &cut_length));
        if (cuttable) {
            strbuf_append(out, cut, cut_length);
            *exact = false;
            return;
        }
    }
    strbuf_append(out, data, length);
}

void parquet_bound_write(SqlType type, PhysicalType physical, int stored_bytes,
                         const union ParquetBound *bound, bool upper, StrBuf *out, bool *exact) {
    uint8_t decimal[16];
    int32_t narrow = (int32_t)bound->i64;
    /* Either zero may hide the other. */
    double f64 = bound->f64 == 0 ? (upper ? 0.0 : -0.0) : bound->f64;
    float f32 = (float)f64;
    *exact = true;
    switch (physical) {
    case PHYS_BOOL: strbuf_append_char(out, (char)bound->i64); break;
    case PHYS_I16:
    case PHYS_I32: strbuf_append(out, &narrow, 4); break;
    case PHYS_I64:
        if (stored_bytes == 4)
            strbuf_append(out, &narrow, 4);
        else
            strbuf_append(out, &bound->i64, 8);
        break;
    case PHYS_I128:
        parquet_store_decimal(bound->i128, stored_bytes, decimal);
        strbuf_append(out, decimal, (size_t)stored_bytes);
        break;
    case PHYS_F32: strbuf_append(out, &f32, 4); break;
    case PHYS_F64: strbuf_append(out, &f64, 8); break;
    default: write_string_bound(type, &bound->string, upper, out, exact); break;
    }
}
