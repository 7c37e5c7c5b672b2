#include "engines/columnar/ingest/column_profile.h"

#include "engines/columnar/ingest/value_parse.h"

/* A double tells apart any two numbers of this many digits. */
enum { EXACT_FLOAT_DIGITS = 17, NARROW_DIGITS = 18, SPARE_DIGITS = 3, MAX_NUMBER_BYTES = 300 };

#define SHAPE_BIT(shape) (UINT32_C(1) << (shape))

static void add_number(ColumnProfile *profile, const NumberShape *number) {
    if (number->integer_digits > profile->max_integer_digits)
        profile->max_integer_digits = number->integer_digits;
    if (number->scale > profile->max_scale) profile->max_scale = number->scale;
    if (number->integer_digits + number->scale > profile->max_digits)
        profile->max_digits = number->integer_digits + number->scale;
    if (number->shape != SHAPE_INT) return;
    if (!number->fits_i64) profile->beyond_i64 = true;
    if (number->i64 < profile->min_int) profile->min_int = number->i64;
    if (number->i64 > profile->max_int) profile->max_int = number->i64;
}

/* What no number type can hold stays text: 1e400, or thousands of digits. */
static bool is_beyond_double(const Cell *cell, ValueShape shape) {
    double value;
    return cell->length > MAX_NUMBER_BYTES ||
           (shape == SHAPE_FLOAT && !value_parse_f64(cell->data, cell->length, &value));
}

void column_profile_add(ColumnProfile *profile, const Cell *cell) {
    ValueShape shape;
    switch (cell->kind) {
    case CELL_NULL: return;
    case CELL_NESTED: profile->nested = profile->from_json = true; return;
    case CELL_BOOL: shape = SHAPE_BOOL; break;
    case CELL_STRING:
        /* Quotes in JSON mean text: only dates, which JSON has no other way to write, are recognised in them.
         */
        shape = value_shape(cell->data, cell->length);
        if (shape != SHAPE_DATE && shape != SHAPE_TIMESTAMP && shape != SHAPE_TIMESTAMPTZ) shape = SHAPE_TEXT;
        break;
    default:
        if (cell->length == 0) return;
        /* Once a column is text, no other shape changes that. */
        if (profile->shapes & SHAPE_BIT(SHAPE_TEXT) && cell->kind != CELL_NUMBER) return;
        shape = cell->kind == CELL_NUMBER ? SHAPE_INT : value_shape(cell->data, cell->length);
        if (shape == SHAPE_INT || shape == SHAPE_NUMERIC || shape == SHAPE_FLOAT) {
            NumberShape number = value_number_shape(cell->data, cell->length);
            shape = number.shape;
            if (is_beyond_double(cell, shape))
                shape = SHAPE_TEXT;
            else
                add_number(profile, &number);
        }
    }
    profile->shapes |= SHAPE_BIT(shape);
    profile->from_json |= cell->kind == CELL_STRING || cell->kind == CELL_NUMBER || cell->kind == CELL_BOOL;
}

static SqlType exact_type(const ColumnProfile *profile) {
    int digits = profile->max_integer_digits + profile->max_scale;
    if (digits == 0) digits = 1;
    bool fractions = profile->shapes & SHAPE_BIT(SHAPE_NUMERIC);
    /* Fractions in JSON with this many digits are printed doubles, not decimals. */
    if (profile->from_json && fractions && digits > NARROW_DIGITS &&
        profile->max_digits <= EXACT_FLOAT_DIGITS + 3)
        return sqltype_of(SQL_FLOAT8);
    if (digits <= NARROW_DIGITS) {
        int precision = digits + SPARE_DIGITS < NARROW_DIGITS ? digits + SPARE_DIGITS : NARROW_DIGITS;
        return sqltype_numeric(precision, profile->max_scale);
    }
    if (digits <= NUMERIC_MAX_PRECISION) return sqltype_numeric(NUMERIC_MAX_PRECISION, profile->max_scale);
    return sqltype_of(profile->max_digits <= EXACT_FLOAT_DIGITS ? SQL_FLOAT8 : SQL_TEXT);
}

static SqlType number_type(const ColumnProfile *profile) {
    if (profile->shapes & (SHAPE_BIT(SHAPE_FLOAT) | SHAPE_BIT(SHAPE_NOT_FINITE)))
        return sqltype_of(SQL_FLOAT8);
    if (profile->shapes & SHAPE_BIT(SHAPE_NUMERIC) || profile->beyond_i64) return exact_type(profile);
    bool narrow = profile->min_int >= INT32_MIN && profile->max_int <= INT32_MAX;
    return sqltype_of(narrow ? SQL_INT4 : SQL_INT8);
}

SqlType column_profile_type(const ColumnProfile *profile) {
    const uint32_t numbers = SHAPE_BIT(SHAPE_INT) | SHAPE_BIT(SHAPE_NUMERIC) | SHAPE_BIT(SHAPE_FLOAT);
    uint32_t shapes = profile->shapes;
    if (profile->nested) return sqltype_of(SQL_JSON);
    if (shapes == SHAPE_BIT(SHAPE_BOOL)) return sqltype_of(SQL_BOOL);
    if (shapes & numbers && !(shapes & ~(numbers | SHAPE_BIT(SHAPE_NOT_FINITE)))) return number_type(profile);
    if (shapes == SHAPE_BIT(SHAPE_DATE)) return sqltype_of(SQL_DATE);
    if (shapes == SHAPE_BIT(SHAPE_TIMESTAMPTZ)) return sqltype_of(SQL_TIMESTAMPTZ);
    if (shapes && !(shapes & ~(SHAPE_BIT(SHAPE_DATE) | SHAPE_BIT(SHAPE_TIMESTAMP))))
        return sqltype_of(SQL_TIMESTAMP);
    return sqltype_of(SQL_TEXT);
}
