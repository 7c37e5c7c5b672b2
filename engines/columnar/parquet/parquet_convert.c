/* Stored values → the vector's physical values, one plain loop per conversion. */
#include <string.h>

#include "engines/columnar/parquet/parquet_decode.h"

enum { JULIAN_DAY_OF_EPOCH = 2440588 };
static const int64_t MICROS_PER_DAY = INT64_C(86400000000);

static inline int32_t load_i32(const uint8_t *from) {
    int32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline int64_t load_i64(const uint8_t *from) {
    int64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* IEEE 754 binary16 → binary32. */
static float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023, bits;
    float value;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero or subnormal: fraction × 2^-24, exact */
        value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int64_t floor_divide(int64_t value, int64_t by) {
    int64_t quotient = value / by;
    return quotient - (value % by < 0);
}

static bool convert_millis64(const uint8_t *in, int64_t count, int64_t *restrict out) {
    bool overflow = false;
    for (int64_t i = 0; i < count; i++)
        overflow |= __builtin_mul_overflow(load_i64(in + i * 8), INT64_C(1000), &out[i]);
    return !overflow;
}

/* Impala's and Spark's timestamps: nanoseconds of the day, then the Julian day. */
static bool convert_int96(const uint8_t *in, int64_t count, int64_t *restrict out) {
    bool overflow = false;
    for (int64_t i = 0; i < count; i++, in += 12) {
        int64_t day = (int64_t)load_i32(in + 8) - JULIAN_DAY_OF_EPOCH;
        int64_t micros;
        overflow |= __builtin_mul_overflow(day, MICROS_PER_DAY, &micros);
        overflow |= __builtin_add_overflow(micros, floor_divide(load_i64(in), 1000), &out[i]);
    }
    return !overflow;
}

bool parquet_load_decimal(const uint8_t *bytes, size_t length, __int128 *out) {
    __uint128_t value = length > 0 && (bytes[0] & 0x80) ? ~(__uint128_t)0 : 0;
    for (size_t i = 0; i < length; i++) {
        if (i + 16 < length && bytes[i] != (uint8_t)value) return false;
        value = value << 8 | bytes[i];
    }
    if (length > 16 && ((value >> 127) != 0) != ((bytes[0] & 0x80) != 0)) return false;
    *out = (__int128)value;
    return true;
}

static bool convert_decimal(const uint8_t *bytes, size_t length, bool wide, void *out, int64_t index) {
    __int128 value;
    if (!parquet_load_decimal(bytes, length, &value)) return false;
    if (wide) {
        ((__int128 *)out)[index] = value;
        return true;
    }
    ((int64_t *)out)[index] = (int64_t)value;
    return value == (int64_t)value;
}

static bool convert_fixed_decimals(const uint8_t *in, size_t width, int64_t count, bool wide, void *out) {
    bool fits = true;
    for (int64_t i = 0; i < count; i++, in += width)
        fits &= convert_decimal(in, width, wide, out, i);
    return fits;
}

static void convert_intervals(const uint8_t *in, int64_t count, Interval *restrict out) {
    for (int64_t i = 0; i < count; i++, in += 12) {
        out[i].months = load_i32(in);
        out[i].days = load_i32(in + 4);
        out[i].microseconds = (int64_t)(uint32_t)load_i32(in + 8) * 1000;
    }
}

bool parquet_convert_fixed(const ParquetLeaf *leaf, const uint8_t *restrict in, int64_t count,
                           void *restrict out, const char **why) {
    int16_t *i16 = out;
    int32_t *i32 = out;
    int64_t *i64 = out;
    __int128 *i128 = out;
    *why = "a value is out of range for its type";
    switch (leaf->conversion) {
    case CONVERT_SAME: memcpy(out, in, (size_t)count * (size_t)leaf->type_length); return true;
    case CONVERT_I32_I16:
        for (int64_t i = 0; i < count; i++)
            i16[i] = (int16_t)load_i32(in + i * 4);
        return true;
    case CONVERT_U8_I16:
        for (int64_t i = 0; i < count; i++)
            i16[i] = (uint8_t)load_i32(in + i * 4);
        return true;
    case CONVERT_U16_I32:
        for (int64_t i = 0; i < count; i++)
            i32[i] = (uint16_t)load_i32(in + i * 4);
        return true;
    case CONVERT_U32_I64:
        for (int64_t i = 0; i < count; i++)
            i64[i] = (uint32_t)load_i32(in + i * 4);
        return true;
    case CONVERT_I32_I64:
        for (int64_t i = 0; i < count; i++)
            i64[i] = load_i32(in + i * 4);
        return true;
    case CONVERT_I32_I128:
        for (int64_t i = 0; i < count; i++)
            i128[i] = load_i32(in + i * 4);
        return true;
    case CONVERT_I32_MILLIS:
        for (int64_t i = 0; i < count; i++)
            i64[i] = (int64_t)load_i32(in + i * 4) * 1000;
        return true;
    case CONVERT_I64_MILLIS: return convert_millis64(in, count, i64);
    case CONVERT_I64_NANOS:
        for (int64_t i = 0; i < count; i++)
            i64[i] = floor_divide(load_i64(in + i * 8), 1000);
        return true;
    case CONVERT_I64_I128:
        for (int64_t i = 0; i < count; i++)
            i128[i] = load_i64(in + i * 8);
        return true;
    case CONVERT_U64_I128:
        for (int64_t i = 0; i < count; i++)
            i128[i] = (uint64_t)load_i64(in + i * 8);
        return true;
    case CONVERT_INT96: return convert_int96(in, count, i64);
    case CONVERT_FLOAT16:
        for (int64_t i = 0; i < count; i++)
            ((float *)out)[i] = half_to_float((uint16_t)(in[i * 2] | in[i * 2 + 1] << 8));
        return true;
    case CONVERT_FIXED_STRING:
        parquet_decode_fixed_strings(in, (size_t)leaf->type_length, count, out);
        return true;
    case CONVERT_DECIMAL_I64: return convert_fixed_decimals(in, (size_t)leaf->type_length, count, false, out);
    case CONVERT_DECIMAL_I128: return convert_fixed_decimals(in, (size_t)leaf->type_length, count, true, out);
    case CONVERT_INTERVAL: convert_intervals(in, count, out); return true;
    default: *why = "the column's values have no fixed width"; return false;
    }
}

bool parquet_convert_bytes(const ParquetLeaf *leaf, const StringView *in, int64_t count, void *restrict out,
                           const char **why) {
    bool wide = leaf->conversion == CONVERT_DECIMAL_I128, fits = true;
    *why = "a decimal is out of range for its type";
    if (leaf->conversion == CONVERT_STRING) {
        memcpy(out, in, (size_t)count * sizeof *in);
        return true;
    }
    for (int64_t i = 0; i < count; i++)
        fits &= convert_decimal((const uint8_t *)stringview_data(&in[i]), in[i].length, wide, out, i);
    return fits;
}
