/* = <> < <= > >= of every type. NaN equals NaN and is above all numbers; text compares by bytes (collation
 * "C"); character(n) without its trailing blanks; intervals by their length with months of 30 days; dates
 * against timestamps as midnight, and timestamptz in UTC, the session's time zone. */
#include "engines/columnar/kernels/numeric_math.h"

#define PLAIN_EQUALS(a, b)     ((a) == (b))
#define PLAIN_LESS(a, b)       ((a) < (b))
#define PLAIN_LESS_EQUAL(a, b) ((a) <= (b))
#define FLOAT_EQUALS(a, b)     (((a) == (b)) | (((a) != (a)) & ((b) != (b))))
#define FLOAT_LESS(a, b)       (((a) < (b)) | (((b) != (b)) & ((a) == (a))))
#define FLOAT_LESS_EQUAL(a, b) (((a) <= (b)) | ((b) != (b)))

#define COMPARE_NAME(name) bool_##name
#define COMPARE_LEFT       uint8_t
#define COMPARE_RIGHT      uint8_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i16_i16_##name
#define COMPARE_LEFT       int16_t
#define COMPARE_RIGHT      int16_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i16_i32_##name
#define COMPARE_LEFT       int16_t
#define COMPARE_RIGHT      int32_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i16_i64_##name
#define COMPARE_LEFT       int16_t
#define COMPARE_RIGHT      int64_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i32_i16_##name
#define COMPARE_LEFT       int32_t
#define COMPARE_RIGHT      int16_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i32_i32_##name
#define COMPARE_LEFT       int32_t
#define COMPARE_RIGHT      int32_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i32_i64_##name
#define COMPARE_LEFT       int32_t
#define COMPARE_RIGHT      int64_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i64_i16_##name
#define COMPARE_LEFT       int64_t
#define COMPARE_RIGHT      int16_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i64_i32_##name
#define COMPARE_LEFT       int64_t
#define COMPARE_RIGHT      int32_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) i64_i64_##name
#define COMPARE_LEFT       int64_t
#define COMPARE_RIGHT      int64_t
#define EQUALS             PLAIN_EQUALS
#define LESS               PLAIN_LESS
#define LESS_EQUAL         PLAIN_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) f32_f32_##name
#define COMPARE_LEFT       float
#define COMPARE_RIGHT      float
#define EQUALS             FLOAT_EQUALS
#define LESS               FLOAT_LESS
#define LESS_EQUAL         FLOAT_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) f32_f64_##name
#define COMPARE_LEFT       float
#define COMPARE_RIGHT      double
#define EQUALS             FLOAT_EQUALS
#define LESS               FLOAT_LESS
#define LESS_EQUAL         FLOAT_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) f64_f32_##name
#define COMPARE_LEFT       double
#define COMPARE_RIGHT      float
#define EQUALS             FLOAT_EQUALS
#define LESS               FLOAT_LESS
#define LESS_EQUAL         FLOAT_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) f64_f64_##name
#define COMPARE_LEFT       double
#define COMPARE_RIGHT      double
#define EQUALS             FLOAT_EQUALS
#define LESS               FLOAT_LESS
#define LESS_EQUAL         FLOAT_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"

/* Infinite dates stay infinite as timestamps; those beyond the last timestamp stand between it and infinity.
 * What stands under a NULL is any number. */
static inline int64_t date_as_timestamp(int32_t date) {
    int64_t timestamp;
    if (date == INT32_MAX || date == INT32_MIN) return date == INT32_MAX ? INT64_MAX : INT64_MIN;
    if (__builtin_mul_overflow((int64_t)date, INT64_C(86400000000), &timestamp))
        return date > 0 ? INT64_MAX - 1 : INT64_MIN + 1;
    return timestamp;
}
#define DATE_LEFT_EQUALS(a, b)      (date_as_timestamp(a) == (b))
#define DATE_LEFT_LESS(a, b)        (date_as_timestamp(a) < (b))
#define DATE_LEFT_LESS_EQUAL(a, b)  (date_as_timestamp(a) <= (b))
#define DATE_RIGHT_EQUALS(a, b)     ((a) == date_as_timestamp(b))
#define DATE_RIGHT_LESS(a, b)       ((a) < date_as_timestamp(b))
#define DATE_RIGHT_LESS_EQUAL(a, b) ((a) <= date_as_timestamp(b))
#define COMPARE_NAME(name)          date_timestamp_##name
#define COMPARE_LEFT                int32_t
#define COMPARE_RIGHT               int64_t
#define EQUALS                      DATE_LEFT_EQUALS
#define LESS                        DATE_LEFT_LESS
#define LESS_EQUAL                  DATE_LEFT_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"
#define COMPARE_NAME(name) timestamp_date_##name
#define COMPARE_LEFT       int64_t
#define COMPARE_RIGHT      int32_t
#define EQUALS             DATE_RIGHT_EQUALS
#define LESS               DATE_RIGHT_LESS
#define LESS_EQUAL         DATE_RIGHT_LESS_EQUAL
#include "engines/columnar/kernels/compare.inc.c"

static inline Int128 interval_span(const Interval *value) {
    return (Int128)value->microseconds + (Int128)(value->days + (int64_t)value->months * 30) * 86400000000;
}
static inline int interval_order(const Interval *a, const Interval *b) {
    Int128 left = interval_span(a), right = interval_span(b);
    return left < right ? -1 : left > right;
}
static inline bool interval_same(const Interval *a, const Interval *b) {
    return interval_order(a, b) == 0;
}

static inline StringView without_padding(const StringView *text) {
    const char *data = stringview_data(text);
    uint32_t length = text->length;
    while (length > 0 && data[length - 1] == ' ')
        length--;
    return stringview_make(data, length);
}
static inline int padded_order(const StringView *a, const StringView *b) {
    StringView left = without_padding(a), right = without_padding(b);
    return stringview_compare(&left, &right);
}
static inline bool padded_same(const StringView *a, const StringView *b) {
    return padded_order(a, b) == 0;
}

#define COMPARE_NAME(name) string_##name
#define COMPARE_TYPE       StringView
#define EQUALS             stringview_equals
#define ORDER              stringview_compare
#include "engines/columnar/kernels/compare_rows.inc.c"
#define COMPARE_NAME(name) padded_##name
#define COMPARE_TYPE       StringView
#define EQUALS             padded_same
#define ORDER              padded_order
#include "engines/columnar/kernels/compare_rows.inc.c"
#define COMPARE_NAME(name) interval_##name
#define COMPARE_TYPE       Interval
#define EQUALS             interval_same
#define ORDER              interval_order
#include "engines/columnar/kernels/compare_rows.inc.c"

/* Scaled 64-bit numbers of one scale, or against a constant that can be brought to the column's scale,
 * compare as integers; everything else goes through Numeric. */
static const ScalarKernel scaled_kernels[6] = {i64_i64_eq, i64_i64_ne, i64_i64_lt,
                                               i64_i64_le, i64_i64_gt, i64_i64_ge};

static bool constant_at_scale(const KernelCall *call, const Vector *constant, int scale, Vector *out) {
    Numeric value = numeric_rows(constant, call)[0], scaled;
    if (value.special || value.scale > scale || !numeric_rescale(value, scale, &scaled) ||
        scaled.value != (int64_t)scaled.value)
        return false;
    int64_t *slot = arena_alloc(call->arena, sizeof *slot);
    *slot = (int64_t)scaled.value;
    *out = (Vector){.type = sqltype_numeric(18, scale),
                    .physical = PHYS_I64,
                    .encoding = VECTOR_CONSTANT,
                    .values = slot};
    return true;
}

static Status numeric_comparison(const KernelCall *call, int comparison, bool below, bool same, bool above,
                                 Error *err) {
    const Vector *a = &call->args[0], *b = &call->args[1];
    Vector args[2] = {*a, *b};
    KernelCall scaled = *call;
    scaled.args = args;
    if (kernel_is_constant(a) && vector_is_null(a, 0)) return STATUS_OK;
    if (kernel_is_constant(b) && vector_is_null(b, 0)) return STATUS_OK;
    if (a->physical == PHYS_I64 && b->physical == PHYS_I64 && a->type.scale == b->type.scale)
        return scaled_kernels[comparison](&scaled, err);
    if (a->physical == PHYS_I64 && kernel_is_constant(b) &&
        constant_at_scale(call, b, a->type.scale, &args[1]))
        return scaled_kernels[comparison](&scaled, err);
    if (b->physical == PHYS_I64 && kernel_is_constant(a) &&
        constant_at_scale(call, a, b->type.scale, &args[0]))
        return scaled_kernels[comparison](&scaled, err);
    const Numeric *left = numeric_rows(a, call), *right = numeric_rows(b, call);
    size_t step_a = !kernel_is_constant(a), step_b = !kernel_is_constant(b);
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int order = numeric_compare(left[(size_t)row * step_a], right[(size_t)row * step_b]);
        out[row] = order < 0 ? below : order == 0 ? same : above;
    }
    return STATUS_OK;
}
static Status numeric_eq(const KernelCall *call, Error *err) {
    return numeric_comparison(call, 0, 0, 1, 0, err);
}
static Status numeric_ne(const KernelCall *call, Error *err) {
    return numeric_comparison(call, 1, 1, 0, 1, err);
}
static Status numeric_lt(const KernelCall *call, Error *err) {
    return numeric_comparison(call, 2, 1, 0, 0, err);
}
static Status numeric_le(const KernelCall *call, Error *err) {
    return numeric_comparison(call, 3, 1, 1, 0, err);
}
static Status numeric_gt(const KernelCall *call, Error *err) {
    return numeric_comparison(call, 4, 0, 0, 1, err);
}
static Status numeric_ge(const KernelCall *call, Error *err) {
    return numeric_comparison(call, 5, 0, 1, 1, err);
}

#define COMPARE_ROWS(prefix, left, right)                                                                    \
    KERNEL_FN("=", prefix##_eq, K_BOOL, left, right), KERNEL_FN("<>", prefix##_ne, K_BOOL, left, right),     \
        KERNEL_FN("<", prefix##_lt, K_BOOL, left, right), KERNEL_FN("<=", prefix##_le, K_BOOL, left, right), \
        KERNEL_FN(">", prefix##_gt, K_BOOL, left, right), KERNEL_FN(">=", prefix##_ge, K_BOOL, left, right)

static const ScalarFunction rows[] = {
    COMPARE_ROWS(bool, K_BOOL, K_BOOL),
    COMPARE_ROWS(i16_i16, K_INT2, K_INT2),
    COMPARE_ROWS(i16_i32, K_INT2, K_INT4),
    COMPARE_ROWS(i16_i64, K_INT2, K_INT8),
    COMPARE_ROWS(i32_i16, K_INT4, K_INT2),
    COMPARE_ROWS(i32_i32, K_INT4, K_INT4),
    COMPARE_ROWS(i32_i64, K_INT4, K_INT8),
    COMPARE_ROWS(i64_i16, K_INT8, K_INT2),
    COMPARE_ROWS(i64_i32, K_INT8, K_INT4),
    COMPARE_ROWS(i64_i64, K_INT8, K_INT8),
    COMPARE_ROWS(f32_f32, K_FLOAT4, K_FLOAT4),
    COMPARE_ROWS(f32_f64, K_FLOAT4, K_FLOAT8),
    COMPARE_ROWS(f64_f32, K_FLOAT8, K_FLOAT4),
    COMPARE_ROWS(f64_f64, K_FLOAT8, K_FLOAT8),
    COMPARE_ROWS(numeric, K_NUMERIC, K_NUMERIC),
    COMPARE_ROWS(string, K_TEXT, K_TEXT),
    COMPARE_ROWS(string, K_NAME, K_NAME),
    COMPARE_ROWS(string, K_NAME, K_TEXT),
    COMPARE_ROWS(string, K_TEXT, K_NAME),
    COMPARE_ROWS(padded, K_BPCHAR, K_BPCHAR),
    COMPARE_ROWS(string, K_BYTEA, K_BYTEA),
    COMPARE_ROWS(string, K_UUID, K_UUID),
    COMPARE_ROWS(i32_i32, K_DATE, K_DATE),
    COMPARE_ROWS(i64_i64, K_TIME, K_TIME),
    COMPARE_ROWS(i64_i64, K_TIMESTAMP, K_TIMESTAMP),
    COMPARE_ROWS(i64_i64, K_TIMESTAMPTZ, K_TIMESTAMPTZ),
    COMPARE_ROWS(date_timestamp, K_DATE, K_TIMESTAMP),
    COMPARE_ROWS(date_timestamp, K_DATE, K_TIMESTAMPTZ),
    COMPARE_ROWS(timestamp_date, K_TIMESTAMP, K_DATE),
    COMPARE_ROWS(timestamp_date, K_TIMESTAMPTZ, K_DATE),
    COMPARE_ROWS(i64_i64, K_TIMESTAMP, K_TIMESTAMPTZ),
    COMPARE_ROWS(i64_i64, K_TIMESTAMPTZ, K_TIMESTAMP),
    COMPARE_ROWS(interval, K_INTERVAL, K_INTERVAL),
    COMPARE_ROWS(i64_i64, K_OID, K_OID),
};

FunctionTable compare_functions(void) {
    return KERNEL_TABLE(rows);
}
