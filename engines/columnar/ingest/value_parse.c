#include "engines/columnar/ingest/value_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/base/calendar.h"

enum { MAX_DIGITS = 38 };
#define MICROSECONDS_PER_DAY INT64_C(86400000000)

static void trim(const char **text, size_t *length) {
    while (*length > 0 && **text == ' ') {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && (*text)[*length - 1] == ' ')
        (*length)--;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool equals(const char *text, size_t length, const char *word) {
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

static bool is_not_finite(const char *text, size_t length) {
    if (length > 0 && *text == '-') {
        text++;
        length--;
        return equals(text, length, "inf") || equals(text, length, "infinity");
    }
    return equals(text, length, "nan") || equals(text, length, "inf") || equals(text, length, "infinity");
}

NumberShape value_number_shape(const char *text, size_t length) {
    NumberShape none = {.shape = SHAPE_TEXT}, out = {.shape = SHAPE_INT, .fits_i64 = true};
    trim(&text, &length);
    const char *at = text, *end = text + length;
    bool negative = at < end && *at == '-';
    at += negative;
    const char *digits = at;
    uint64_t value = 0;
    while (at < end && is_digit(*at)) {
        uint64_t digit = (uint64_t)(*at++ - '0');
        if (value > (UINT64_MAX - digit) / 10) out.fits_i64 = false;
        value = value * 10 + digit;
    }
    int integer_digits = (int)(at - digits);
    if (integer_digits > 1 && *digits == '0') return none;
    out.integer_digits = integer_digits == 1 && *digits == '0' ? 0 : integer_digits;
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        while (at < end && is_digit(*at))
            at++;
        out.scale = (int)(at - fraction);
        out.shape = SHAPE_NUMERIC;
        if (out.scale == 0 && integer_digits == 0) return none;
    } else if (integer_digits == 0) {
        if (is_not_finite(text, length)) out.shape = SHAPE_NOT_FINITE;
        return out.shape == SHAPE_NOT_FINITE ? out : none;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const char *exponent = at;
        while (at < end && is_digit(*at))
            at++;
        if (at == exponent) return none;
        out.shape = SHAPE_FLOAT;
    }
    if (at != end) return none;
    out.fits_i64 = out.fits_i64 && value <= (uint64_t)INT64_MAX + negative;
    if (out.fits_i64) out.i64 = negative ? (int64_t)(0 - value) : (int64_t)value;
    return out;
}

bool value_parse_bool(const char *text, size_t length, bool *out) {
    static const char *const YES[] = {"true", "t", "yes", "y", "on", "1"};
    static const char *const NO[] = {"false", "f", "no", "n", "off", "0"};
    trim(&text, &length);
    for (size_t i = 0; i < sizeof YES / sizeof *YES; i++) {
        if (equals(text, length, YES[i]) || equals(text, length, NO[i])) {
            *out = equals(text, length, YES[i]);
            return true;
        }
    }
    return false;
}

bool value_parse_i64(const char *text, size_t length, int64_t *out) {
    trim(&text, &length);
    if (length > 0 && *text == '+') {
        text++;
        length--;
    }
    bool negative = length > 0 && *text == '-';
    size_t i = negative;
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + negative;
    if (i == length) return false;
    for (; i < length; i++) {
        if (!is_digit(text[i]) || value > (limit - (uint64_t)(text[i] - '0')) / 10) return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool value_parse_f64(const char *text, size_t length, double *out) {
    char copy[512];
    trim(&text, &length);
    NumberShape shape = value_number_shape(text, length);
    bool leading_zeros =
        shape.shape == SHAPE_TEXT && length > 1 && (text[0] == '0' || text[0] == '+' || text[0] == '-');
    if ((shape.shape == SHAPE_TEXT && !leading_zeros) || length == 0 || length >= sizeof copy) return false;
    for (size_t i = 0; i < length && leading_zeros; i++)
        if (!is_digit(text[i]) && !strchr("+-.eE", text[i])) return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    char *end;
    *out = strtod(copy, &end);
    /* A number too large for the type must not become infinity. */
    return *end == 0 && (shape.shape == SHAPE_NOT_FINITE || isfinite(*out));
}

static __int128 power_of_ten(int exponent) {
    __int128 value = 1;
    while (exponent-- > 0)
        value *= 10;
    return value;
}

bool value_parse_decimal(const char *text, size_t length, int precision, int scale, __int128 *out) {
    trim(&text, &length);
    const char *at = text, *end = text + length;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    /* Digits without point and leading zeros; then the value is digits × 10^exponent. */
    char digits[512];
    int count = 0, exponent = 0, seen = 0;
    bool after_point = false;
    for (; at < end && (is_digit(*at) || (*at == '.' && !after_point)); at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        seen++;
        exponent -= after_point;
        if (count == 0 && *at == '0') continue;
        if (count == (int)sizeof digits) return false;
        digits[count++] = *at;
    }
    if (seen == 0) return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        int64_t given;
        if (!value_parse_i64(at + 1, (size_t)(end - at - 1), &given) || given < -10000 || given > 10000)
            return false;
        exponent += (int)given;
        at = end;
    }
    if (at != end) return false;
    int shift = exponent + scale; /* > 0: zeros to append, < 0: digits to round off */
    bool round_up = false;
    if (shift < 0) {
        int kept = count + shift;
        round_up = kept >= 0 && count > 0 && digits[kept] >= '5';
        count = kept < 0 ? 0 : kept;
        shift = 0;
    }
    if (count > 0 && count + shift > MAX_DIGITS) return false;
    __int128 value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (digits[i] - '0');
    value = count > 0 ? value * power_of_ten(shift) : 0;
    value += round_up;
    if (value >= power_of_ten(precision)) return false;
    *out = negative ? -value : value;
    return true;
}

static bool number_at(const char *text, int digits, int *out) {
    *out = 0;
    for (int i = 0; i < digits; i++) {
        if (!is_digit(text[i])) return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return true;
}

/* YYYY-MM-DD or YYYY/MM/DD at the beginning; 10 characters. */
static bool date_at(const char *text, size_t length, int32_t *days) {
    static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (length < 10 || (text[4] != '-' && text[4] != '/') || text[7] != text[4]) return false;
    if (!number_at(text, 4, &year) || !number_at(text + 5, 2, &month) || !number_at(text + 8, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > LENGTHS[month - 1] + (month == 2 && leap)) return false;
    *days = (int32_t)calendar_days_of(year, month, day);
    return true;
}

bool value_parse_date(const char *text, size_t length, int32_t *days) {
    trim(&text, &length);
    return length == 10 && date_at(text, length, days);
}

/* HH:MM[:SS[.ffffff]]; `used` receives its length. Digits beyond microseconds must be zeros. */
static bool time_at(const char *text, size_t length, int64_t *microseconds, size_t *used) {
    int hour, minute, second = 0, fraction = 0;
    if (length < 5 || text[2] != ':' || !number_at(text, 2, &hour) || !number_at(text + 3, 2, &minute))
        return false;
    size_t at = 5;
    if (at + 3 <= length && text[at] == ':') {
        if (!number_at(text + at + 1, 2, &second)) return false;
        at += 3;
        if (at + 1 < length && (text[at] == '.' || text[at] == ',') && is_digit(text[at + 1])) {
            int digits = 0;
            for (at++; at < length && is_digit(text[at]); at++, digits++) {
                if (digits < 6)
                    fraction = fraction * 10 + (text[at] - '0');
                else if (text[at] != '0')
                    return false;
            }
            for (; digits < 6; digits++)
                fraction *= 10;
        }
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *microseconds = ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + fraction;
    *used = at;
    return true;
}

bool value_parse_time(const char *text, size_t length, int64_t *microseconds) {
    size_t used;
    trim(&text, &length);
    return time_at(text, length, microseconds, &used) && used == length;
}

/* Z, UTC, +HH, +HHMM or +HH:MM to the end. */
static bool offset_at(const char *text, size_t length, int64_t *microseconds) {
    *microseconds = 0;
    if (equals(text, length, "z") || equals(text, length, "utc") || equals(text, length, " utc")) return true;
    int hour, minute = 0;
    if (length < 3 || (text[0] != '+' && text[0] != '-') || !number_at(text + 1, 2, &hour)) return false;
    if (length == 5   ? !number_at(text + 3, 2, &minute)
        : length == 6 ? text[3] != ':' || !number_at(text + 4, 2, &minute)
                      : length != 3)
        return false;
    if (hour > 15 || minute > 59) return false;
    *microseconds = ((int64_t)hour * 60 + minute) * 60000000 * (text[0] == '-' ? -1 : 1);
    return true;
}

bool value_parse_timestamp(const char *text, size_t length, int64_t *microseconds, bool *has_offset) {
    int32_t days;
    int64_t time = 0, offset = 0;
    size_t used;
    trim(&text, &length);
    *has_offset = false;
    if (!date_at(text, length, &days)) return false;
    if (length > 10) {
        if (text[10] != ' ' && text[10] != 'T' && text[10] != 't') return false;
        text += 11;
        length -= 11;
        if (!time_at(text, length, &time, &used)) return false;
        *has_offset = used < length;
        if (*has_offset && !offset_at(text + used, length - used, &offset)) return false;
    }
    *microseconds = days * MICROSECONDS_PER_DAY + time - offset;
    return true;
}

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool value_parse_uuid(const char *text, size_t length, unsigned char out[16]) {
    int digits = 0;
    trim(&text, &length);
    if (length > 2 && text[0] == '{' && text[length - 1] == '}') {
        text++;
        length -= 2;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '-' && digits > 0 && digits % 4 == 0) continue;
        int value = hex_value(text[i]);
        if (value < 0 || digits == 32) return false;
        if (digits % 2 == 0) out[digits / 2] = 0;
        out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | value);
        digits++;
    }
    return digits == 32;
}

ValueShape value_shape(const char *text, size_t length) {
    trim(&text, &length);
    if (length == 0) return SHAPE_TEXT;
    char first = *text;
    if (is_digit(first) && length >= 10 && (text[4] == '-' || text[4] == '/')) {
        int32_t days;
        int64_t microseconds;
        bool has_offset;
        if (value_parse_date(text, length, &days)) return SHAPE_DATE;
        if (value_parse_timestamp(text, length, &microseconds, &has_offset))
            return has_offset ? SHAPE_TIMESTAMPTZ : SHAPE_TIMESTAMP;
        return SHAPE_TEXT;
    }
    if (equals(text, length, "true") || equals(text, length, "false")) return SHAPE_BOOL;
    if (is_digit(first) || first == '-' || first == '.' || (first | 0x20) == 'n' || (first | 0x20) == 'i')
        return value_number_shape(text, length).shape;
    return SHAPE_TEXT;
}
