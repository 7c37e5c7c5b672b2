/* Which bounds can be believed, and as what. Rules: parquet.thrift, ColumnOrder and Statistics. */
#include <math.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_decode.h"

static bool is_signed_integer(const ParquetLeaf *leaf) {
    switch (leaf->conversion) {
    case CONVERT_SAME: return leaf->physical == PARQUET_INT32 || leaf->physical == PARQUET_INT64;
    case CONVERT_I32_I16:
    case CONVERT_I32_I64:
    case CONVERT_I32_I128:
    case CONVERT_I32_MILLIS:
    case CONVERT_I64_MILLIS:
    case CONVERT_I64_NANOS:
    case CONVERT_I64_I128: return true;
    default: return false;
    }
}

static bool resolve_bound(const ParquetLeaf *leaf, ThriftBytes bytes, union ParquetBound *out) {
    const char *why;
    _Alignas(16) union {
        uint8_t bytes[16];
        int16_t i16;
        int32_t i32;
        int64_t i64;
        __int128 i128;
        float f32;
        double f64;
    } value;
    memset(out, 0, sizeof *out);
    if (!bytes.data) return false;
    if (leaf->vector_physical == PHYS_STRING) {
        out->string = stringview_make((const char *)bytes.data, bytes.length);
        return true;
    }
    if (leaf->conversion == CONVERT_BOOL) {
        out->i64 = bytes.length == 1 ? bytes.data[0] & 1 : 0;
        return bytes.length == 1;
    }
    if (leaf->physical == PARQUET_BYTE_ARRAY) {
        StringView view = stringview_make((const char *)bytes.data, bytes.length);
        if (!parquet_convert_bytes(leaf, &view, 1, &value, &why)) return false;
    } else if (bytes.length != (uint32_t)leaf->type_length ||
               !parquet_convert_fixed(leaf, bytes.data, 1, &value, &why)) {
        return false;
    }
    switch (leaf->vector_physical) {
    case PHYS_I16: out->i64 = value.i16; return true;
    case PHYS_I32: out->i64 = value.i32; return true;
    case PHYS_I64: out->i64 = value.i64; return true;
    case PHYS_I128: out->i128 = value.i128; return true;
    case PHYS_F32: out->f64 = value.f32; return !isnan(value.f32);
    case PHYS_F64: out->f64 = value.f64; return !isnan(value.f64);
    default: return false;
    }
}

static bool in_order(const ParquetLeaf *leaf, const ParquetColumnStats *stats) {
    switch (leaf->vector_physical) {
    case PHYS_I128: return stats->min.i128 <= stats->max.i128;
    case PHYS_F32:
    case PHYS_F64: return stats->min.f64 <= stats->max.f64;
    case PHYS_STRING: return stringview_compare(&stats->min.string, &stats->max.string) <= 0;
    default: return stats->min.i64 <= stats->max.i64;
    }
}

void parquet_statistics_resolve(const ParquetLeaf *leaf, const ParquetStatistics *statistics,
                                ParquetColumnStats *out) {
    memset(out, 0, sizeof *out);
    out->null_count = out->distinct_count = -1;
    if (!statistics) return;
    out->null_count = statistics->null_count;
    out->distinct_count = statistics->distinct_count;
    if (leaf->conversion == CONVERT_NONE || leaf->conversion == CONVERT_INT96 ||
        leaf->conversion == CONVERT_INTERVAL)
        return;
    ThriftBytes min = {0}, max = {0};
    if (leaf->order != ORDER_UNDEFINED && statistics->min_value.data && statistics->max_value.data) {
        min = statistics->min_value;
        max = statistics->max_value;
    } else if (is_signed_integer(leaf)) {
        /* Without a column order only the deprecated pair has a meaning: signed comparison. */
        min = statistics->min;
        max = statistics->max;
    }
    if (!resolve_bound(leaf, min, &out->min) || !resolve_bound(leaf, max, &out->max)) return;
    bool is_float = leaf->vector_physical == PHYS_F32 || leaf->vector_physical == PHYS_F64;
    /* Bounds leave NaN out, but SQL sorts it above everything: unless there is none, `max` is no upper bound.
     */
    if (is_float && statistics->nan_count != 0) return;
    if (is_float && out->min.f64 == 0) /* either zero may hide the other */
        out->min.f64 = -0.0;
    if (is_float && out->max.f64 == 0) out->max.f64 = 0.0;
    /* Bounds of bytes may be truncated without a word; those of numbers are values unless said otherwise. */
    bool exact_by_default = leaf->vector_physical != PHYS_STRING && !is_float;
    out->has_min_max = in_order(leaf, out);
    out->min_exact = statistics->min_exact < 0 ? exact_by_default : statistics->min_exact;
    out->max_exact = statistics->max_exact < 0 ? exact_by_default : statistics->max_exact;
}
