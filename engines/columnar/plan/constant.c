#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "engines/base/calendar.h"
#include "engines/base/clock.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel_limits.h"
#include "engines/columnar/plan/logical.h"

static Expr *constant_make(Arena *arena, SqlType type, const void *value) {
    Expr *expr = expr_new(arena, EXPR_CONSTANT, type, 0);
    Vector *constant = ARENA_NEW(arena, Vector);
    vector_init_constant(constant, type, value, arena);
    expr->constant = constant;
    return expr;
}

Expr *constant_int(Arena *arena, int64_t value, SqlType type) {
    int16_t narrow = (int16_t)value;
    int32_t middle = (int32_t)value;
    __int128 wide = value;
    switch (physical_type_of(type)) {
    case PHYS_I16: return constant_make(arena, type, &narrow);
    case PHYS_I32: return constant_make(arena, type, &middle);
    case PHYS_I128: return constant_make(arena, type, &wide);
    default: return constant_make(arena, type, &value);
    }
}

Expr *constant_text(Arena *arena, const char *text, SqlType type) {
    StringView view = stringview_make(arena_strdup(arena, text), (uint32_t)strlen(text));
    Expr *expr = constant_make(arena, type, &view);
    return expr;
}

/* A literal with a point or an exponent, or too long for int8. Digits are kept exactly. */
Status constant_number(Arena *arena, const char *digits, Expr **out, Error *err) {
    __int128 value = 0;
    const __int128 limit = ((__int128)1 << 126) / 10;
    int scale = 0, precision = 0;
    bool after_point = false;
    const char *at = digits;
    for (; *at && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        if (value > limit || precision >= NUMERIC_MAX_PRECISION)
            return error_set(
                err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                "numeric constant of more than 38 digits is not available in the columnar engine");
        value = value * 10 + (*at - '0');
        if (value != 0 || after_point) precision++;
        scale += after_point;
    }
    long exponent = *at ? strtol(at + 1, NULL, 10) : 0;
    if (exponent > NUMERIC_MAX_PRECISION || exponent < -NUMERIC_MAX_PRECISION)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "numeric constant %s is not available in the columnar engine", digits);
    scale -= (int)exponent;
    for (; scale < 0; scale++, precision++) {
        if (value > limit)
            return error_set(
                err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                "numeric constant of more than 38 digits is not available in the columnar engine");
        value *= 10;
    }
    if (precision < scale) precision = scale;
    if (precision < 1) precision = 1;
    if (precision > NUMERIC_MAX_PRECISION)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "numeric constant of more than 38 digits is not available in the columnar engine");
    SqlType type = sqltype_numeric(precision, scale);
    int64_t narrow = (int64_t)value;
    *out = physical_type_of(type) == PHYS_I64 ? constant_make(arena, type, &narrow)
                                              : constant_make(arena, type, &value);
    return STATUS_OK;
}

/* ---- folding
 * ------------------------------------------------------------------------------------------------- */

/* What takes longer or more is left for run time, where it can be cancelled and has a budget. */
static Status evaluate_briefly(const ScalarFunction *function, const KernelCall *call, Error *err) {
    Budget budget;
    CancelToken deadline;
    budget_init(&budget, NULL, INT64_C(64) << 20);
    cancel_init(&deadline, clock_now_ns() + INT64_C(100000000));
    KernelLimits limits = {.budget = &budget, .cancel = &deadline};
    KernelLimits *before = kernel_limits_enter(&limits);
    Status status = function->eval(call, err);
    return kernel_limits_leave(before, status, err);
}

Status constant_fold(Arena *arena, const Expr *expr, Expr **out, Error *err) {
    *out = NULL;
    const ScalarFunction *function = expr->function;
    if (!function || !function->eval || (expr->kind != EXPR_CALL && expr->kind != EXPR_CAST))
        return STATUS_OK;
    Vector args[64];
    const Vector *bind_args[64];
    if (expr->arg_count > 64) return STATUS_OK;
    bool any_null = false;
    for (int i = 0; i < expr->arg_count; i++) {
        if (!expr_is_constant(expr->args[i])) return STATUS_OK;
        args[i] = *expr->args[i]->constant;
        bind_args[i] = expr->args[i]->constant;
        any_null = any_null || vector_is_null(&args[i], 0);
    }
    if (function->strict && any_null) {
        *out = expr_null(arena, expr->type);
        (*out)->position = expr->position;
        return STATUS_OK;
    }
    const void *bind_data = expr->bind_data;
    if (function->bind) TRY(function->bind(bind_args, expr->arg_count, arena, &bind_data, err));
    Vector result;
    vector_init_flat(&result, expr->type, 1, arena);
    memset(result.values, 0, physical_width(result.physical));
    vector_make_validity(&result, 1, arena);
    KernelCall call = {.args = args,
                       .arg_count = expr->arg_count,
                       .row_count = 1,
                       .selected = 1,
                       .out = &result,
                       .arena = arena,
                       .bind_data = bind_data};
    TRY(evaluate_briefly(function, &call, err));
    *out = vector_is_null(&result, 0) ? expr_null(arena, expr->type)
                                      : constant_make(arena, expr->type, result.values);
    (*out)->position = expr->position;
    return STATUS_OK;
}

/* ---- printing
 * ------------------------------------------------------------------------------------------------ */

static void describe_scaled(__int128 value, int scale, StrBuf *out) {
    char digits[64];
    int length = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        digits[length++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while ((rest || length <= scale) && length < 60);
    if (value < 0) strbuf_append_char(out, '-');
    while (length > 0) {
        if (length == scale) strbuf_append_char(out, '.');
        strbuf_append_char(out, digits[--length]);
    }
}

/* Days since 1970 as a proleptic Gregorian date. */
static void describe_days(int64_t days, StrBuf *out) {
    int64_t year;
    int month, day;
    calendar_date_of(days, &year, &month, &day);
    strbuf_printf(out, "%04" PRId64 "-%02d-%02d", year, month, day);
}

static void describe_time(int64_t microseconds, StrBuf *out) {
    int64_t seconds = microseconds / 1000000;
    strbuf_printf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600, seconds / 60 % 60,
                  seconds % 60);
    if (microseconds % 1000000) strbuf_printf(out, ".%06" PRId64, microseconds % 1000000);
}

static void describe_datetime(SqlType type, int64_t value, StrBuf *out) {
    const int64_t day = INT64_C(86400000000);
    strbuf_append_char(out, '\'');
    if (type.id == SQL_DATE) {
        describe_days(value, out);
    } else if (type.id == SQL_TIME) {
        describe_time(value, out);
    } else {
        int64_t days = value / day - (value % day < 0);
        describe_days(days, out);
        strbuf_append_char(out, ' ');
        describe_time(value - days * day, out);
        if (type.id == SQL_TIMESTAMPTZ) strbuf_append_text(out, "+00");
    }
    strbuf_append_char(out, '\'');
}

static int64_t constant_i64(const Vector *constant) {
    switch (constant->physical) {
    case PHYS_I8: return *(const int8_t *)constant->values;
    case PHYS_I16: return *(const int16_t *)constant->values;
    case PHYS_I32: return *(const int32_t *)constant->values;
    default: return *(const int64_t *)constant->values;
    }
}

void constant_describe(const Vector *constant, StrBuf *out) {
    if (vector_is_null(constant, 0)) {
        strbuf_append_text(out, "NULL");
        return;
    }
    switch ((PhysicalType)constant->physical) {
    case PHYS_BOOL: strbuf_append_text(out, *(const uint8_t *)constant->values ? "true" : "false"); break;
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: {
        int64_t value = constant_i64(constant);
        if (constant->type.id == SQL_NUMERIC)
            describe_scaled(value, constant->type.scale, out);
        else if (constant->type.id == SQL_DATE || constant->type.id == SQL_TIME ||
                 constant->type.id == SQL_TIMESTAMP || constant->type.id == SQL_TIMESTAMPTZ)
            describe_datetime(constant->type, value, out);
        else
            strbuf_append_i64(out, value);
        break;
    }
    case PHYS_I128: describe_scaled(*(const __int128 *)constant->values, constant->type.scale, out); break;
    case PHYS_NUMERIC: {
        const Numeric *numeric = constant->values;
        if (numeric->special)
            strbuf_printf(out, "'%s'", numeric_special_text(*numeric));
        else
            describe_scaled(numeric->value, numeric->scale, out);
        break;
    }
    case PHYS_F32: strbuf_printf(out, "%.9g", (double)*(const float *)constant->values); break;
    case PHYS_F64: strbuf_printf(out, "%.17g", *(const double *)constant->values); break;
    case PHYS_STRING: {
        const StringView *view = constant->values;
        strbuf_append_literal(out, stringview_data(view), view->length);
        break;
    }
    case PHYS_INTERVAL: {
        const Interval *interval = constant->values;
        strbuf_printf(out, "'%d mons %d days %" PRId64 " us'", interval->months, interval->days,
                      interval->microseconds);
        break;
    }
    default: strbuf_append_text(out, "?"); break;
    }
}
