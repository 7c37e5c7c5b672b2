#include "engines/columnar/kernels/value_text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

static void trim(const char **text, const char **end) {
    while (*text < *end && isspace((unsigned char)**text))
        ++*text;
    while (*end > *text && isspace((unsigned char)(*end)[-1]))
        --*end;
}

static Status bad_syntax(const char *type_name, const char *text, size_t length, Error *err) {
    return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type %s: \"%.*s\"", type_name,
                     (int)length, text);
}

Status integer_parse(const char *text, size_t length, int64_t low, int64_t high, const char *type_name,
                     int64_t *out, Error *err) {
    const char *at = text, *end = text + length;
    trim(&at, &end);
    bool negative = at < end && *at == '-', overflow = false;
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return bad_syntax(type_name, text, length, err);
    int64_t value = 0; /* negative all along: the range is wider on that side */
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') return bad_syntax(type_name, text, length, err);
        overflow = __builtin_mul_overflow(value, 10, &value) ||
                   __builtin_sub_overflow(value, *at - '0', &value) || value < (low < 0 ? low : -high);
        if (overflow) /* said before anything wrong that may follow */
            break;
    }
    if (!negative) overflow |= __builtin_sub_overflow((int64_t)0, value, &value);
    if (overflow || value < low || value > high)
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value \"%.*s\" is out of range for type %s",
                         (int)length, text, type_name);
    *out = value;
    return STATUS_OK;
}

/* strtod takes NaN payloads that PostgreSQL does not. */
static Status float_parse(const char *text, size_t length, bool single, const char *type_name, double *out,
                          Error *err) {
    const char *at = text, *end = text + length;
    trim(&at, &end);
    char copy[400];
    size_t bytes = (size_t)(end - at);
    if (bytes == 0 || bytes >= sizeof copy) return bad_syntax(type_name, text, length, err);
    memcpy(copy, at, bytes);
    copy[bytes] = 0;
    if (memchr(copy, '(', bytes)) return bad_syntax(type_name, text, length, err);
    char *stop;
    errno = 0;
    *out = single ? (double)strtof(copy, &stop) : strtod(copy, &stop);
    if (stop != copy + bytes) return bad_syntax(type_name, text, length, err);
    if (errno == ERANGE && (*out == 0 || isinf(*out)))
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "\"%s\" is out of range for type %s", copy,
                         type_name);
    return STATUS_OK;
}

Status float8_parse(const char *text, size_t length, double *out, Error *err) {
    return float_parse(text, length, false, "double precision", out, err);
}
Status float4_parse(const char *text, size_t length, float *out, Error *err) {
    double value = 0;
    TRY(float_parse(text, length, true, "real", &value, err));
    *out = (float)value;
    return STATUS_OK;
}

Status bool_parse(const char *text, size_t length, bool *out, Error *err) {
    static const struct {
        const char *word;
        size_t shortest;
        bool value;
    } words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
                 {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false}};
    const char *at = text, *end = text + length;
    trim(&at, &end);
    size_t bytes = (size_t)(end - at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (bytes >= words[i].shortest && bytes <= strlen(words[i].word) &&
            strncasecmp(at, words[i].word, bytes) == 0) {
            *out = words[i].value;
            return STATUS_OK;
        }
    }
    return bad_syntax("boolean", text, length, err);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hex digits, an optional hyphen after each group of four, optional braces. */
Status uuid_parse(const char *text, size_t length, uint8_t out[16], Error *err) {
    const char *at = text, *end = text + length;
    bool braces = length >= 2 && *at == '{' && end[-1] == '}';
    if (braces) at++, end--;
    for (int i = 0; i < 16; i++) {
        if (end - at < 2 || hex_value(at[0]) < 0 || hex_value(at[1]) < 0)
            return bad_syntax("uuid", text, length, err);
        out[i] = (uint8_t)(hex_value(at[0]) << 4 | hex_value(at[1]));
        at += 2;
        if (at < end && *at == '-' && i % 2 == 1 && i < 15) at++;
    }
    return at == end ? STATUS_OK : bad_syntax("uuid", text, length, err);
}

size_t uuid_format(const uint8_t *uuid, char *text) {
    char *next = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *next++ = '-';
        *next++ = "0123456789abcdef"[uuid[i] >> 4];
        *next++ = "0123456789abcdef"[uuid[i] & 15];
    }
    return (size_t)(next - text);
}

static Status bytea_parse_hex(const char *text, size_t length, uint8_t *out, size_t *out_length, Error *err) {
    size_t count = 0;
    for (size_t i = 2; i < length; i++) {
        if (isspace((unsigned char)text[i])) continue;
        int high = hex_value(text[i]);
        if (high < 0)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid hexadecimal digit: \"%c\"", text[i]);
        if (++i >= length)
            return error_set(err, SQLSTATE_INVALID_PARAMETER,
                             "invalid hexadecimal data: odd number of digits");
        int low = hex_value(text[i]);
        if (low < 0)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid hexadecimal digit: \"%c\"", text[i]);
        out[count++] = (uint8_t)(high << 4 | low);
    }
    *out_length = count;
    return STATUS_OK;
}

Status bytea_parse(const char *text, size_t length, uint8_t *out, size_t *out_length, Error *err) {
    if (length >= 2 && text[0] == '\\' && text[1] == 'x')
        return bytea_parse_hex(text, length, out, out_length, err);
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\\') {
            out[count++] = (uint8_t)text[i];
        } else if (i + 1 < length && text[i + 1] == '\\') {
            out[count++] = '\\';
            i++;
        } else if (i + 3 < length && text[i + 1] >= '0' && text[i + 1] <= '3' && text[i + 2] >= '0' &&
                   text[i + 2] <= '7' && text[i + 3] >= '0' && text[i + 3] <= '7') {
            out[count++] =
                (uint8_t)((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
            i += 3;
        } else {
            return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type bytea");
        }
    }
    *out_length = count;
    return STATUS_OK;
}

/* ---- JSON (RFC 8259)
 * -------------------------------------------------------------------------------------------- */

typedef struct JsonCursor {
    const char *at, *end;
    bool too_deep;
} JsonCursor;

enum { JSON_MAX_DEPTH = 6000 };

static void json_space(JsonCursor *json) {
    while (json->at < json->end && strchr(" \t\n\r", *json->at) && *json->at)
        json->at++;
}
static bool json_string(JsonCursor *json) {
    for (json->at++; json->at < json->end; json->at++) {
        unsigned char c = (unsigned char)*json->at;
        if (c == '"') {
            json->at++;
            return true;
        }
        if (c < 0x20) return false;
        if (c != '\\') continue;
        if (++json->at == json->end || !*json->at || !strchr("\"\\/bfnrtu", *json->at)) return false;
        if (*json->at != 'u') continue;
        for (int i = 0; i < 4; i++)
            if (++json->at == json->end || hex_value(*json->at) < 0) return false;
    }
    return false;
}
static bool json_digits(JsonCursor *json) {
    const char *start = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return json->at > start;
}
static bool json_number(JsonCursor *json) {
    if (*json->at == '-') json->at++;
    if (json->at < json->end && *json->at == '0')
        json->at++;
    else if (!json_digits(json))
        return false;
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        if (!json_digits(json)) return false;
    }
    if (json->at < json->end && (*json->at | 0x20) == 'e') {
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-')) json->at++;
        return json_digits(json);
    }
    return true;
}
static bool json_word(JsonCursor *json, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) return false;
    json->at += length;
    return true;
}
static bool json_value(JsonCursor *json, int depth);

static bool json_members(JsonCursor *json, char close, int depth) {
    json->at++;
    json_space(json);
    if (json->at < json->end && *json->at == close) {
        json->at++;
        return true;
    }
    for (;;) {
        json_space(json);
        if (close == '}') {
            if (json->at == json->end || *json->at != '"' || !json_string(json)) return false;
            json_space(json);
            if (json->at == json->end || *json->at++ != ':') return false;
        }
        if (!json_value(json, depth + 1)) return false;
        json_space(json);
        if (json->at == json->end || (*json->at != ',' && *json->at != close)) return false;
        if (*json->at++ == close) return true;
    }
}
static bool json_value(JsonCursor *json, int depth) {
    json_space(json);
    json->too_deep |= depth > JSON_MAX_DEPTH;
    if (json->at == json->end || json->too_deep) return false;
    switch (*json->at) {
    case '{': return json_members(json, '}', depth);
    case '[': return json_members(json, ']', depth);
    case '"': return json_string(json);
    case 't': return json_word(json, "true");
    case 'f': return json_word(json, "false");
    case 'n': return json_word(json, "null");
    default: return json_number(json);
    }
}

Status json_validate(const char *text, size_t length, Error *err) {
    JsonCursor json = {.at = text, .end = text + length};
    if (json_value(&json, 0)) {
        json_space(&json);
        if (json.at == json.end) return STATUS_OK;
    }
    if (json.too_deep) return error_set(err, SQLSTATE_TOO_COMPLEX, "stack depth limit exceeded");
    return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type json");
}
