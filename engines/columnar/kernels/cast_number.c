/* Casts among numbers and boolean. Widening ones are plain loops; narrowing ones compute every row, gather a
 * flag and look for the row only when it is up. */
#include <math.h>

#include "engines/columnar/kernels/numeric_math.h"

#define CAST_NAME       i16_to_i32
#define FROM            int16_t
#define TO              int32_t
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "integer"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i16_to_i64
#define FROM            int16_t
#define TO              int64_t
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "bigint"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i32_to_i64
#define FROM            int32_t
#define TO              int64_t
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "bigint"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i16_to_f32
#define FROM            int16_t
#define TO              float
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "real"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i16_to_f64
#define FROM            int16_t
#define TO              double
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "double precision"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i32_to_f32
#define FROM            int32_t
#define TO              float
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "real"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i32_to_f64
#define FROM            int32_t
#define TO              double
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "double precision"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i64_to_f32
#define FROM            int64_t
#define TO              float
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "real"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i64_to_f64
#define FROM            int64_t
#define TO              double
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "double precision"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       f32_to_f64
#define FROM            float
#define TO              double
#define CONVERT(x, out) (*(out) = (TO)(x), 0)
#define RANGE_ERROR     "double precision"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i32_to_i16
#define FROM            int32_t
#define TO              int16_t
#define CONVERT(x, out) (*(out) = (TO)(x), *(out) != (x))
#define RANGE_ERROR     "smallint"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i64_to_i16
#define FROM            int64_t
#define TO              int16_t
#define CONVERT(x, out) (*(out) = (TO)(x), *(out) != (x))
#define RANGE_ERROR     "smallint"
#include "engines/columnar/kernels/cast_body.inc.c"
#define CAST_NAME       i64_to_i32
#define FROM            int64_t
#define TO              int32_t
#define CONVERT(x, out) (*(out) = (TO)(x), *(out) != (x))
#define RANGE_ERROR     "integer"
#include "engines/columnar/kernels/cast_body.inc.c"
static inline bool convert_f32_i16(float value, int16_t *out) {
    double whole = rint((double)value);
    bool bad = !(whole >= -32768.0 && whole < 32768.0);
    *out = bad ? 0 : (int16_t)whole;
    return bad;
}
#define CAST_NAME       f32_to_i16
#define FROM            float
#define TO              int16_t
#define CONVERT(x, out) convert_f32_i16(x, out)
#define RANGE_ERROR     "smallint"
#include "engines/columnar/kernels/cast_body.inc.c"
static inline bool convert_f32_i32(float value, int32_t *out) {
    double whole = rint((double)value);
    bool bad = !(whole >= -2147483648.0 && whole < 2147483648.0);
    *out = bad ? 0 : (int32_t)whole;
    return bad;
}
#define CAST_NAME       f32_to_i32
#define FROM            float
#define TO              int32_t
#define CONVERT(x, out) convert_f32_i32(x, out)
#define RANGE_ERROR     "integer"
#include "engines/columnar/kernels/cast_body.inc.c"
static inline bool convert_f32_i64(float value, int64_t *out) {
    double whole = rint((double)value);
    bool bad = !(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0);
    *out = bad ? 0 : (int64_t)whole;
    return bad;
}
#define CAST_NAME       f32_to_i64
#define FROM            float
#define TO              int64_t
#define CONVERT(x, out) convert_f32_i64(x, out)
#define RANGE_ERROR     "bigint"
#include "engines/columnar/kernels/cast_body.inc.c"
static inline bool convert_f64_i16(double value, int16_t *out) {
    double whole = rint((double)value);
    bool bad = !(whole >= -32768.0 && whole < 32768.0);
    *out = bad ? 0 : (int16_t)whole;
    return bad;
}
#define CAST_NAME       f64_to_i16
#define FROM            double
#define TO              int16_t
#define CONVERT(x, out) convert_f64_i16(x, out)
#define RANGE_ERROR     "smallint"
#include "engines/columnar/kernels/cast_body.inc.c"
static inline bool convert_f64_i32(double value, int32_t *out) {
    double whole = rint((double)value);
    bool bad = !(whole >= -2147483648.0 && whole < 2147483648.0);
    *out = bad ? 0 : (int32_t)whole;
    return bad;
}
#define CAST_NAME       f64_to_i32
#define FROM            double
#define TO              int32_t
#define CONVERT(x, out) convert_f64_i32(x, out)
#define RANGE_ERROR     "integer"
#include "engines/columnar/kernels/cast_body.inc.c"
static inline bool convert_f64_i64(double value, int64_t *out) {
    double whole = rint((double)value);
    bool bad = !(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0);
    *out = bad ? 0 : (int64_t)whole;
    return bad;
}
#define CAST_NAME       f64_to_i64
#define FROM            double
#define TO              int64_t
#define CONVERT(x, out) convert_f64_i64(x, out)
#define RANGE_ERROR     "bigint"
#include "engines/columnar/kernels/cast_body.inc.c"
/* double to float: too large and too small are different errors. */
static Status f64_to_f32(const KernelCall *call, Error *err) {
    float *out = call->out->values;
    KERNEL_ROWS(call, row) {
        double value = KERNEL_ARG(call, 0, double, row);
        out[row] = (float)value;
        if (isinf(out[row]) && !isinf(value))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: overflow");
        if (out[row] == 0 && value != 0)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: underflow");
    }
    return STATUS_OK;
}

static Status bool_to_i32(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = KERNEL_ARG(call, 0, uint8_t, row);
    return STATUS_OK;
}
static Status i32_to_bool(const KernelCall *call, Error *err) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = KERNEL_ARG(call, 0, int32_t, row) != 0;
    return STATUS_OK;
}
static Status i32_to_oid(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = (uint32_t)KERNEL_ARG(call, 0, int32_t, row);
    return STATUS_OK;
}
static Status i64_to_oid(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        out[row] = KERNEL_ARG(call, 0, int64_t, row);
        if (out[row] < 0 || out[row] > UINT32_MAX)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "OID out of range");
    }
    return STATUS_OK;
}
static Status oid_to_i64(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = KERNEL_ARG(call, 0, int64_t, row);
    return STATUS_OK;
}

/* ---- numeric
 * ------------------------------------------------------------------------------------------------------ */

/* An integer column becomes numeric(5,0), (10,0) or (19,0) unless a precision is asked for: same value, same
 * text, and arithmetic on it stays in 64 or 128 bits. */
static SqlType numeric_of_integer(const SqlType *args, int arg_count) {
    return sqltype_numeric(args[0].id == SQL_INT2 ? 5 : args[0].id == SQL_INT4 ? 10 : 19, 0);
}

KERNEL_INLINE Status integer_to_numeric(const KernelCall *call, int bytes, Error *err) {
    Vector *out = call->out;
    bool plain =
        out->type.scale == 0 && (out->physical == PHYS_NUMERIC || out->type.precision >= (bytes == 2   ? 5
                                                                                          : bytes == 4 ? 10
                                                                                                       : 19));
    KERNEL_ROWS(call, row) {
        int64_t value = bytes == 2   ? KERNEL_ARG(call, 0, int16_t, row)
                        : bytes == 4 ? KERNEL_ARG(call, 0, int32_t, row)
                                     : KERNEL_ARG(call, 0, int64_t, row);
        if (plain && out->physical == PHYS_I64)
            ((int64_t *)out->values)[row] = value;
        else if (plain && out->physical == PHYS_I128)
            ((Int128 *)out->values)[row] = value;
        else
            TRY(numeric_store(out, row, numeric_make(value, 0), err));
    }
    return STATUS_OK;
}
static Status i16_to_numeric(const KernelCall *call, Error *err) {
    return integer_to_numeric(call, 2, err);
}
static Status i32_to_numeric(const KernelCall *call, Error *err) {
    return integer_to_numeric(call, 4, err);
}
static Status i64_to_numeric(const KernelCall *call, Error *err) {
    return integer_to_numeric(call, 8, err);
}

KERNEL_INLINE Status numeric_to_integer(const KernelCall *call, int bytes, const char *name, Error *err) {
    const Numeric *values = numeric_rows(&call->args[0], call);
    KERNEL_ROWS(call, row) {
        Numeric value = values[kernel_index(&call->args[0], row)];
        int64_t whole = 0;
        if (value.special)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "cannot convert %s to %s",
                             value.special == NUMERIC_NAN ? "NaN" : "infinity", name);
        bool fits = numeric_to_int64(value, &whole);
        if (!fits || (bytes == 2 && whole != (int16_t)whole) || (bytes == 4 && whole != (int32_t)whole))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", name);
        if (bytes == 2)
            ((int16_t *)call->out->values)[row] = (int16_t)whole;
        else if (bytes == 4)
            ((int32_t *)call->out->values)[row] = (int32_t)whole;
        else
            ((int64_t *)call->out->values)[row] = whole;
    }
    return STATUS_OK;
}
static Status numeric_to_i16(const KernelCall *call, Error *err) {
    return numeric_to_integer(call, 2, "smallint", err);
}
static Status numeric_to_i32(const KernelCall *call, Error *err) {
    return numeric_to_integer(call, 4, "integer", err);
}
static Status numeric_to_i64(const KernelCall *call, Error *err) {
    return numeric_to_integer(call, 8, "bigint", err);
}

static Status numeric_to_f64(const KernelCall *call, Error *err) {
    double *out = call->out->values;
    const Vector *from = &call->args[0];
    if (from->physical ==
        PHYS_I64) { /* values up to 2^53 divide exactly rounded; the others take the careful way */
        const int64_t *values = from->values;
        double divisor = (double)power_of_ten[from->type.scale];
        KERNEL_ROWS(call, row) {
            int64_t value = values[kernel_index(from, row)];
            out[row] = value <= 1LL << 53 && value >= -(1LL << 53)
                           ? (double)value / divisor
                           : numeric_to_double(numeric_make(value, from->type.scale));
        }
        return STATUS_OK;
    }
    const Numeric *values = numeric_rows(from, call);
    KERNEL_ROWS(call, row) out[row] = numeric_to_double(values[kernel_index(from, row)]);
    return STATUS_OK;
}
static Status numeric_to_f32(const KernelCall *call, Error *err) {
    float *out = call->out->values;
    const Numeric *values = numeric_rows(&call->args[0], call);
    KERNEL_ROWS(call, row) out[row] = numeric_to_float(values[kernel_index(&call->args[0], row)]);
    return STATUS_OK;
}
static Status f64_to_numeric(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row) {
        Numeric value;
        if (!numeric_from_double(KERNEL_ARG(call, 0, double, row), 15, &value)) return numeric_overflow(err);
        TRY(numeric_store(call->out, row, value, err));
    }
    return STATUS_OK;
}
static Status f32_to_numeric(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row) {
        Numeric value;
        if (!numeric_from_double((double)KERNEL_ARG(call, 0, float, row), 6, &value))
            return numeric_overflow(err);
        TRY(numeric_store(call->out, row, value, err));
    }
    return STATUS_OK;
}
/* To another precision and scale (or to none, which keeps each value's own). */
static Status numeric_to_numeric(const KernelCall *call, Error *err) {
    const Numeric *values = numeric_rows(&call->args[0], call);
    KERNEL_ROWS(call, row) TRY(numeric_store(call->out, row, values[kernel_index(&call->args[0], row)], err));
    return STATUS_OK;
}

#define CAST_TYPED(a, kernel)                                                                                \
    {                                                                                                        \
        .from = SQL_##a, .to = SQL_NUMERIC, .weakest = CAST_IMPLICIT, .strongest = CAST_EXPLICIT,            \
        .function = {                                                                                        \
            .name = "cast",                                                                                  \
            .arg_count = 1,                                                                                  \
            .args = {K_(a)},                                                                                 \
            .result_type = numeric_of_integer,                                                               \
            .strict = true,                                                                                  \
            .eval = kernel                                                                                   \
        }                                                                                                    \
    }

static const CastEntry rows[] = {
    CAST_BETWEEN(INT2, INT4, IMPLICIT, EXPLICIT, i16_to_i32),
    CAST_BETWEEN(INT2, INT8, IMPLICIT, EXPLICIT, i16_to_i64),
    CAST_BETWEEN(INT4, INT8, IMPLICIT, EXPLICIT, i32_to_i64),
    CAST_BETWEEN(INT2, FLOAT4, IMPLICIT, EXPLICIT, i16_to_f32),
    CAST_BETWEEN(INT2, FLOAT8, IMPLICIT, EXPLICIT, i16_to_f64),
    CAST_BETWEEN(INT4, FLOAT4, IMPLICIT, EXPLICIT, i32_to_f32),
    CAST_BETWEEN(INT4, FLOAT8, IMPLICIT, EXPLICIT, i32_to_f64),
    CAST_BETWEEN(INT8, FLOAT4, IMPLICIT, EXPLICIT, i64_to_f32),
    CAST_BETWEEN(INT8, FLOAT8, IMPLICIT, EXPLICIT, i64_to_f64),
    CAST_BETWEEN(FLOAT4, FLOAT8, IMPLICIT, EXPLICIT, f32_to_f64),
    CAST_BETWEEN(INT4, INT2, ASSIGNMENT, EXPLICIT, i32_to_i16),
    CAST_BETWEEN(INT8, INT2, ASSIGNMENT, EXPLICIT, i64_to_i16),
    CAST_BETWEEN(INT8, INT4, ASSIGNMENT, EXPLICIT, i64_to_i32),
    CAST_BETWEEN(FLOAT4, INT2, ASSIGNMENT, EXPLICIT, f32_to_i16),
    CAST_BETWEEN(FLOAT4, INT4, ASSIGNMENT, EXPLICIT, f32_to_i32),
    CAST_BETWEEN(FLOAT4, INT8, ASSIGNMENT, EXPLICIT, f32_to_i64),
    CAST_BETWEEN(FLOAT8, INT2, ASSIGNMENT, EXPLICIT, f64_to_i16),
    CAST_BETWEEN(FLOAT8, INT4, ASSIGNMENT, EXPLICIT, f64_to_i32),
    CAST_BETWEEN(FLOAT8, INT8, ASSIGNMENT, EXPLICIT, f64_to_i64),
    CAST_BETWEEN(FLOAT8, FLOAT4, ASSIGNMENT, EXPLICIT, f64_to_f32),
    CAST_BETWEEN(BOOL, INT4, EXPLICIT, EXPLICIT, bool_to_i32),
    CAST_BETWEEN(INT4, BOOL, EXPLICIT, EXPLICIT, i32_to_bool),
    CAST_BETWEEN(INT4, OID, IMPLICIT, EXPLICIT, i32_to_oid),
    CAST_BETWEEN(INT8, OID, IMPLICIT, EXPLICIT, i64_to_oid),
    CAST_BETWEEN(OID, INT8, ASSIGNMENT, EXPLICIT, oid_to_i64),
    CAST_TYPED(INT2, i16_to_numeric),
    CAST_TYPED(INT4, i32_to_numeric),
    CAST_TYPED(INT8, i64_to_numeric),
    CAST_BETWEEN(NUMERIC, INT2, ASSIGNMENT, EXPLICIT, numeric_to_i16),
    CAST_BETWEEN(NUMERIC, INT4, ASSIGNMENT, EXPLICIT, numeric_to_i32),
    CAST_BETWEEN(NUMERIC, INT8, ASSIGNMENT, EXPLICIT, numeric_to_i64),
    CAST_BETWEEN(NUMERIC, FLOAT4, IMPLICIT, EXPLICIT, numeric_to_f32),
    CAST_BETWEEN(NUMERIC, FLOAT8, IMPLICIT, EXPLICIT, numeric_to_f64),
    CAST_BETWEEN(FLOAT4, NUMERIC, ASSIGNMENT, EXPLICIT, f32_to_numeric),
    CAST_BETWEEN(FLOAT8, NUMERIC, ASSIGNMENT, EXPLICIT, f64_to_numeric),
    CAST_BETWEEN(NUMERIC, NUMERIC, IMPLICIT, EXPLICIT, numeric_to_numeric),
};

CastTable number_casts(void) {
    return (CastTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
