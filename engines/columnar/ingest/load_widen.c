#include "engines/columnar/ingest/load_widen.h"

#include <string.h>

#include "engines/base/power_of_ten.h"
#include "engines/columnar/ingest/json_scan.h"

static bool is_float(SqlType type) {
    return sqltype_is(type, SQL_FLOAT4) || sqltype_is(type, SQL_FLOAT8);
}

static bool is_integer(SqlType type) {
    return sqltype_is(type, SQL_INT2) || sqltype_is(type, SQL_INT4) || sqltype_is(type, SQL_INT8);
}

/* Digits before the point, -1 for what is no exact number. */
static int whole_digits(SqlType type) {
    if (sqltype_is(type, SQL_NUMERIC)) return type.precision ? type.precision - type.scale : -1;
    return sqltype_is(type, SQL_INT2)   ? 5
           : sqltype_is(type, SQL_INT4) ? 10
           : sqltype_is(type, SQL_INT8) ? 19
                                        : -1;
}

static int scale_of(SqlType type) {
    return sqltype_is(type, SQL_NUMERIC) ? type.scale : 0;
}

bool load_widens(SqlType from, SqlType to) {
    if (sqltype_equals(from, to)) return true;
    if (from.is_array || to.is_array) return false;
    if (sqltype_is_text(from) && from.id == to.id && from.precision && from.precision <= to.precision)
        return true;
    if (sqltype_is_text(from) || sqltype_is(from, SQL_JSON))
        return (sqltype_is_text(to) && to.precision == 0) ||
               (sqltype_is_text(from) && sqltype_is(to, SQL_JSON));
    if (is_integer(from) && is_integer(to))
        return physical_width(physical_type_of(from)) <= physical_width(physical_type_of(to));
    if (is_float(to))
        return sqltype_is(from, SQL_FLOAT4) || sqltype_is(from, SQL_INT2) ||
               (sqltype_is(from, SQL_INT4) && sqltype_is(to, SQL_FLOAT8));
    if (sqltype_is(to, SQL_NUMERIC) && to.precision)
        return whole_digits(from) >= 0 && whole_digits(from) <= whole_digits(to) &&
               scale_of(from) <= to.scale;
    return sqltype_is(from, SQL_DATE) && sqltype_is(to, SQL_TIMESTAMP);
}

bool load_common_type(SqlType a, SqlType b, SqlType *out) {
    bool a_text = sqltype_is_text(a) || sqltype_is(a, SQL_JSON),
         b_text = sqltype_is_text(b) || sqltype_is(b, SQL_JSON);
    *out = a;
    if (a.is_array || b.is_array) return sqltype_equals(a, b);
    if (a_text && b_text && !sqltype_equals(a, b)) {
        *out = sqltype_of(SQL_TEXT);
        return true;
    }
    if (load_widens(b, a)) return true;
    *out = b;
    if (load_widens(a, b)) return true;
    if (is_float(a) != is_float(b)) {
        *out = sqltype_of(SQL_FLOAT8);
        return load_widens(a, *out) && load_widens(b, *out);
    }
    if (whole_digits(a) < 0 || whole_digits(b) < 0) return false;
    int whole = whole_digits(a) > whole_digits(b) ? whole_digits(a) : whole_digits(b);
    int scale = scale_of(a) > scale_of(b) ? scale_of(a) : scale_of(b);
    *out = sqltype_numeric(whole + scale, scale);
    return whole + scale <= NUMERIC_MAX_PRECISION;
}

static __int128 integer_at(const Vector *vector, int row) {
    switch (vector->physical) {
    case PHYS_I16: return ((const int16_t *)vector->values)[row];
    case PHYS_I32: return ((const int32_t *)vector->values)[row];
    case PHYS_I64: return ((const int64_t *)vector->values)[row];
    default: return ((const __int128 *)vector->values)[row];
    }
}

static void put_integer(Vector *vector, int row, __int128 value) {
    switch (vector->physical) {
    case PHYS_I32: ((int32_t *)vector->values)[row] = (int32_t)value; break;
    case PHYS_I64: ((int64_t *)vector->values)[row] = (int64_t)value; break;
    case PHYS_F32: ((float *)vector->values)[row] = (float)value; break;
    case PHYS_F64: ((double *)vector->values)[row] = (double)value; break;
    default: ((__int128 *)vector->values)[row] = value; break;
    }
}

static Status put_timestamp(const Vector *in, Vector *out, int row, Error *err) {
    int32_t days = ((const int32_t *)in->values)[row];
    int64_t *moments = out->values;
    if (days == INT32_MAX || days == INT32_MIN) /* infinity */
        moments[row] = days == INT32_MAX ? INT64_MAX : INT64_MIN;
    else if (__builtin_mul_overflow((int64_t)days, INT64_C(86400000000), &moments[row]))
        return error_set(err, "22008", "a date is out of range for a timestamp");
    return STATUS_OK;
}

static bool is_json(const StringView *view, StrBuf *scratch) {
    CellKind kind;
    const char *value;
    size_t length;
    strbuf_reset(scratch);
    strbuf_append(scratch, stringview_data(view), view->length);
    strbuf_grow(scratch, TEXT_PADDING);
    memset(scratch->data + view->length, 0, TEXT_PADDING);
    JsonScan scan = {.at = json_skip_space(scratch->data), .end = scratch->data + view->length};
    return json_scan_value(&scan, &kind, &value, &length) && json_skip_space(scan.at) == scan.end;
}

/* Text that is to be JSON has to be some already. */
static Status check_json(const Vector *in, int rows, Arena *arena, Error *err) {
    Vector flat;
    StrBuf scratch;
    Status status = STATUS_OK;
    vector_flatten(in, rows, &flat, arena);
    strbuf_init(&scratch);
    for (int row = 0; row < rows && status == STATUS_OK; row++) {
        const StringView *view = (const StringView *)flat.values + row;
        if (!vector_is_null(&flat, row) && !is_json(view, &scratch))
            status = error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type json: \"%.*s\"",
                               view->length > 60 ? 60 : (int)view->length, stringview_data(view));
    }
    strbuf_deinit(&scratch);
    return status;
}

Status load_widen(const Vector *in, int rows, SqlType to, Arena *arena, Vector *out, Error *err) {
    if (sqltype_is(to, SQL_JSON) && sqltype_is_text(in->type)) TRY(check_json(in, rows, arena, err));
    if (in->physical == physical_type_of(to) && in->type.scale == to.scale) {
        *out = *in;
        out->type = to;
        return STATUS_OK;
    }
    Vector flat;
    vector_flatten(in, rows, &flat, arena);
    vector_init_flat(out, to, rows, arena);
    out->validity = flat.validity;
    __int128 factor = power_of_ten[scale_of(to) - scale_of(in->type)];
    for (int row = 0; row < rows; row++) {
        if (vector_is_null(&flat, row))
            memset((char *)out->values + (size_t)row * physical_width(out->physical), 0,
                   physical_width(out->physical));
        else if (flat.physical == PHYS_F32)
            ((double *)out->values)[row] = ((const float *)flat.values)[row];
        else if (sqltype_is(in->type, SQL_DATE))
            TRY(put_timestamp(&flat, out, row, err));
        else
            put_integer(out, row, integer_at(&flat, row) * factor);
    }
    return STATUS_OK;
}
