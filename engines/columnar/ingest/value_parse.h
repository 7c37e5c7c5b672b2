/* Text → values. What counts as a number or a date is deliberately narrow: only forms that mean one thing.
 * "007" is text (a code), "03/04/2020" is text (March or April?), "Jun 12 1998" is text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ValueShape {
    SHAPE_TEXT,
    SHAPE_BOOL,
    SHAPE_INT,        /* digits only, optional minus */
    SHAPE_NUMERIC,    /* with a decimal point */
    SHAPE_FLOAT,      /* with an exponent */
    SHAPE_NOT_FINITE, /* NaN, Infinity */
    SHAPE_DATE,
    SHAPE_TIMESTAMP,
    SHAPE_TIMESTAMPTZ
} ValueShape;

typedef struct NumberShape {
    ValueShape shape;
    int integer_digits; /* significant ones before the point */
    int scale;          /* digits after it */
    bool fits_i64;      /* INT only */
    int64_t i64;
} NumberShape;

/* Spaces around are ignored. TEXT when it is no number. */
NumberShape value_number_shape(const char *text, size_t length);
ValueShape value_shape(const char *text, size_t length);

/* Each false when the text is no such value (or out of its range). */
bool value_parse_bool(const char *text, size_t length, bool *out);
bool value_parse_i64(const char *text, size_t length, int64_t *out);
bool value_parse_f64(const char *text, size_t length, double *out);
/* Unscaled value at `scale`, rounded half away from zero; false beyond `precision` digits. Exponents are
 * understood. */
bool value_parse_decimal(const char *text, size_t length, int precision, int scale, __int128 *out);
bool value_parse_date(const char *text, size_t length, int32_t *days);
bool value_parse_time(const char *text, size_t length, int64_t *microseconds);
/* Dates and timestamps, with or without an offset; microseconds since 1970, in UTC when there is an offset.
 */
bool value_parse_timestamp(const char *text, size_t length, int64_t *microseconds, bool *has_offset);
bool value_parse_uuid(const char *text, size_t length, unsigned char out[16]);
