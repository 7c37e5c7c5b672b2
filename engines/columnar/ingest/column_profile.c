#include "engines/columnar/ingest/column_profile.h"

#include "engines/columnar/ingest/batch_builder.h"
#include "engines/columnar/ingest/fast_parse.h"
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

void column_profile_merge(ColumnProfile *into, const ColumnProfile *from) {
    into->shapes |= from->shapes;
    into->nested |= from->nested;
    into->from_json |= from->from_json;
    into->beyond_i64 |= from->beyond_i64;
    if (from->min_int < into->min_int) into->min_int = from->min_int;
    if (from->max_int > into->max_int) into->max_int = from->max_int;
    if (from->max_integer_digits > into->max_integer_digits)
        into->max_integer_digits = from->max_integer_digits;
    if (from->max_scale > into->max_scale) into->max_scale = from->max_scale;
    if (from->max_digits > into->max_digits) into->max_digits = from->max_digits;
}

/* The spellings that fill most columns. False: look closer. */
static bool add_usual(ColumnProfile *profile, CellKind kind, const char *text, size_t length) {
    int64_t value;
    bool utc;
    if (kind == CELL_TEXT || kind == CELL_QUOTED || kind == CELL_NUMBER) {
        if (fast_integer(text, length, &value)) {
            NumberShape number = {.shape = SHAPE_INT, .fits_i64 = true, .i64 = value};
            number.integer_digits = value == 0 ? 0 : (int)length - (*text == '-');
            add_number(profile, &number);
            profile->shapes |= SHAPE_BIT(SHAPE_INT);
            profile->from_json |= kind == CELL_NUMBER;
            return true;
        }
    }
    if (kind == CELL_NUMBER) return false;
    if (length == 10 && fast_date(text, &value))
        profile->shapes |= SHAPE_BIT(SHAPE_DATE);
    else if (length >= 19 && fast_timestamp(text, length, &value, &utc))
        profile->shapes |= utc ? SHAPE_BIT(SHAPE_TIMESTAMPTZ) : SHAPE_BIT(SHAPE_TIMESTAMP);
    else
        return false;
    profile->from_json |= kind == CELL_STRING;
    return true;
}

void column_profile_add_cells(ColumnProfile *profile, const char *base, const CellRef *cells, int count,
                              Arena *arena, StrBuf *scratch) {
    for (int i = 0; i < count; i++) {
        CellKind kind = cell_ref_kind(cells[i]);
        uint32_t length = cell_ref_length(cells[i]);
        const char *text = base + cells[i].offset;
        if (kind == CELL_NULL || (length == 0 && kind <= CELL_QUOTED_ESCAPED)) continue;
        /* Once a column is text, nothing but nested values changes that. */
        if (profile->shapes & SHAPE_BIT(SHAPE_TEXT) && kind != CELL_NESTED) continue;
        if (kind != CELL_NESTED && kind != CELL_QUOTED_ESCAPED && kind != CELL_STRING_ESCAPED &&
            add_usual(profile, kind, text, length))
            continue;
        Cell cell;
        const char *problem; /* what is no text cannot be loaded either: reported then */
        if (cell_resolve(base, cells[i], arena, scratch, &cell, &problem)) column_profile_add(profile, &cell);
    }
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
