#include "engines/postgres/pgnumeric.h"

#include <stdlib.h>
#include <string.h>

/* Header of the wire form: count of base-10000 digits, weight of the first one, sign, digits after the point.
 */
enum {
    SIGN_NEGATIVE = 0x4000,
    SIGN_NAN = 0xC000,
    SIGN_POSITIVE_INFINITY = 0xD000,
    SIGN_NEGATIVE_INFINITY = 0xF000,
    HEADER_BYTES = 8,
};

typedef struct Numeric {
    int digit_count;
    int weight;
    int sign;
    int scale;
    const char *digits;
} Numeric;

static int read_u16(const char *data) {
    return (unsigned char)data[0] << 8 | (unsigned char)data[1];
}

static Status fail_special(const char *what, Error *err) {
    (void)error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                    "the numeric value %s cannot be shown in a numeric(p,s) column", what);
    return error_add_hint(err, "Cast the column to numeric or to text");
}

static Status fail_range(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                     "a numeric value does not fit its column's precision");
}

static Status numeric_read(Numeric *numeric, const char *data, size_t length, Error *err) {
    if (length >= HEADER_BYTES) {
        numeric->digit_count = read_u16(data);
        numeric->weight = (int16_t)read_u16(data + 2);
        numeric->sign = read_u16(data + 4);
        numeric->scale = read_u16(data + 6);
        numeric->digits = data + HEADER_BYTES;
        if (length == HEADER_BYTES + 2 * (size_t)numeric->digit_count) return STATUS_OK;
    }
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "PostgreSQL sent a numeric value that cannot be read");
}

static int digit_at(const Numeric *numeric, int index) {
    return index >= 0 && index < numeric->digit_count ? read_u16(numeric->digits + 2 * index) : 0;
}

static const char *special_name(int sign) {
    switch (sign) {
    case SIGN_NAN: return "NaN";
    case SIGN_POSITIVE_INFINITY: return "Infinity";
    case SIGN_NEGATIVE_INFINITY: return "-Infinity";
    default: return NULL;
    }
}

static Status append_decimal(SqlType type, const Numeric *numeric, ArrowColumn *column, Error *err) {
    unsigned __int128 value = 0;
    int fraction_groups = (type.scale + 3) / 4;
    for (int i = 0; i <= numeric->weight + fraction_groups; i++) {
        int digit = digit_at(numeric, i);
        /* The last group may hold digits beyond the scale; they are zero in a value of this column. */
        int kept = 10000;
        if (i == numeric->weight + fraction_groups && type.scale % 4) {
            for (int cut = type.scale % 4; cut < 4; cut++, kept /= 10)
                digit /= 10;
        }
        if (__builtin_mul_overflow(value, (unsigned __int128)kept, &value) ||
            __builtin_add_overflow(value, (unsigned __int128)digit, &value))
            return fail_range(err);
    }
    if (value >> 127) return fail_range(err);
    arrow_append_decimal(column, numeric->sign == SIGN_NEGATIVE ? -(__int128)value : (__int128)value);
    return STATUS_OK;
}

static void append_canonical(const Numeric *numeric, ArrowColumn *column) {
    size_t capacity =
        16 + 4 * (size_t)(numeric->weight < 0 ? 1 : numeric->weight + 1) + (size_t)numeric->scale + 4;
    char small[256];
    char *text = capacity <= sizeof small ? small : malloc(capacity);
    if (!text) abort();
    char *out = text;
    if (numeric->sign == SIGN_NEGATIVE) *out++ = '-';
    const char *first = out;
    for (int i = 0; i <= numeric->weight; i++) {
        int digit = digit_at(numeric, i);
        for (int unit = 1000; unit; unit /= 10)
            if (out > first || digit / unit % 10) *out++ = (char)('0' + digit / unit % 10);
    }
    if (out == first) *out++ = '0';
    if (numeric->scale) *out++ = '.';
    for (int i = 0; i < numeric->scale; i++) {
        static const int units[] = {1000, 100, 10, 1};
        *out++ = (char)('0' + digit_at(numeric, numeric->weight + 1 + i / 4) / units[i % 4] % 10);
    }
    arrow_append_bytes(column, text, (size_t)(out - text));
    if (text != small) free(text);
}

Status pgnumeric_append_binary(SqlType type, ArrowColumn *column, const char *data, size_t length,
                               Error *err) {
    Numeric numeric;
    TRY(numeric_read(&numeric, data, length, err));
    const char *special = special_name(numeric.sign);
    if (type.precision) {
        if (special) return fail_special(special, err);
        return append_decimal(type, &numeric, column, err);
    }
    if (special)
        arrow_append_bytes(column, special, strlen(special));
    else
        append_canonical(&numeric, column);
    return STATUS_OK;
}

Status pgnumeric_append_text(SqlType type, ArrowColumn *column, const char *text, size_t length, Error *err) {
    if (!type.precision) {
        arrow_append_bytes(column, text, length);
        return STATUS_OK;
    }
    size_t at = 0;
    bool negative = length && text[0] == '-';
    if (negative) at++;
    if (at < length && (text[at] == 'N' || text[at] == 'I')) return fail_special(text, err);
    __int128 value = 0;
    int decimals = -1;
    for (; at < length; at++) {
        if (text[at] == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (text[at] < '0' || text[at] > '9')
            return error_set(err, SQLSTATE_DATA_CORRUPTED,
                             "PostgreSQL sent a numeric value that cannot be read");
        if (decimals >= type.scale) continue;
        decimals += decimals >= 0;
        if (__builtin_mul_overflow(value, (__int128)10, &value) ||
            __builtin_add_overflow(value, (__int128)(text[at] - '0'), &value))
            return fail_range(err);
    }
    for (int scale = decimals < 0 ? 0 : decimals; scale < type.scale; scale++)
        if (__builtin_mul_overflow(value, (__int128)10, &value)) return fail_range(err);
    arrow_append_decimal(column, negative ? -value : value);
    return STATUS_OK;
}
