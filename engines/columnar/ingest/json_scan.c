#include "engines/columnar/ingest/json_scan.h"

#include "engines/columnar/ingest/text_mask.h"

static bool fail(JsonScan *scan, const char *at, const char *problem) {
    scan->at = at;
    scan->problem = at >= scan->end ? "the input ends within a value" : problem;
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex4(const char *at) {
    for (int i = 0; i < 4; i++)
        if (hex_digit(at[i]) < 0) return false;
    return true;
}

bool json_scan_string(JsonScan *scan, CellKind *kind, const char **text, size_t *length) {
    const char *at = scan->at + 1;
    *text = at;
    *kind = CELL_STRING;
    for (;;) {
        uint32_t mask = text_string_mask16(at);
        if (mask == 0) {
            at += 16;
            if (at > scan->end) return fail(scan, scan->end, "");
            continue;
        }
        at += __builtin_ctz(mask);
        if (at >= scan->end) return fail(scan, scan->end, "");
        if (*at == '"') {
            *length = (size_t)(at - *text);
            scan->at = at + 1;
            return true;
        }
        if (*at != '\\') return fail(scan, at, "a string holds a control character");
        *kind = CELL_STRING_ESCAPED;
        if (at[1] == 'u' && is_hex4(at + 2))
            at += 6;
        else if (at[1] && at[1] != 'u' && strchr("\"\\/bfnrt", at[1]))
            at += 2;
        else
            return fail(scan, at, "a string holds an unknown escape");
    }
}

static bool scan_number(JsonScan *scan) {
    const char *at = scan->at;
    at += *at == '-';
    if (!is_digit(*at)) return fail(scan, at, "it holds a value that is not JSON");
    if (*at == '0')
        at++;
    else
        while (is_digit(*at))
            at++;
    if (*at == '.') {
        if (!is_digit(*++at)) return fail(scan, at, "a number is not JSON");
        while (is_digit(*at))
            at++;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (!is_digit(*at)) return fail(scan, at, "a number is not JSON");
        while (is_digit(*at))
            at++;
    }
    if (is_digit(*at)) return fail(scan, at, "a number begins with zeros");
    scan->at = at;
    return true;
}

static bool scan_word(JsonScan *scan, CellKind *kind) {
    const char *at = scan->at;
    if (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0) {
        *kind = *at == 't' ? CELL_BOOL : CELL_NULL;
        scan->at = at + 4;
    } else if (memcmp(at, "false", 5) == 0) {
        *kind = CELL_BOOL;
        scan->at = at + 5;
    } else {
        return fail(scan, at, "it holds a value that is not JSON");
    }
    return true;
}

static bool scan_scalar(JsonScan *scan, CellKind *kind, const char **text, size_t *length) {
    const char *start = scan->at;
    if (*start == '"') return json_scan_string(scan, kind, text, length);
    bool well = true;
    *kind = CELL_NUMBER;
    if (*start == '-' || is_digit(*start))
        well = scan_number(scan);
    else
        well = scan_word(scan, kind);
    *text = start;
    *length = (size_t)(scan->at - start);
    return well;
}

/* After '{' or a comma in an object: the key and its colon. */
static bool scan_key(JsonScan *scan) {
    CellKind kind;
    const char *text;
    size_t length;
    if (*scan->at != '"') return fail(scan, scan->at, "a key is missing in an object");
    if (!json_scan_string(scan, &kind, &text, &length)) return false;
    scan->at = json_skip_space(scan->at);
    if (*scan->at != ':') return fail(scan, scan->at, "a colon is missing in an object");
    scan->at = json_skip_space(scan->at + 1);
    return true;
}

/* An object or array. The bit of each open level says whether it is an object. */
static bool scan_nested(JsonScan *scan) {
    uint64_t objects[JSON_MAX_DEPTH / 64 + 1];
    int depth = 0;
    CellKind kind;
    const char *text;
    size_t length;
    for (;;) {
        /* At a value. */
        char c = *scan->at;
        if (c == '{' || c == '[') {
            if (depth == JSON_MAX_DEPTH) return fail(scan, scan->at, "values are nested too deeply");
            uint64_t bit = UINT64_C(1) << depth % 64;
            objects[depth / 64] = c == '{' ? (depth % 64 ? objects[depth / 64] : 0) | bit
                                           : (depth % 64 ? objects[depth / 64] : 0) & ~bit;
            depth++;
            scan->at = json_skip_space(scan->at + 1);
            if (*scan->at != (c == '{' ? '}' : ']')) {
                if (c == '{' && !scan_key(scan)) return false;
                continue;
            }
        } else if (!scan_scalar(scan, &kind, &text, &length)) {
            return false;
        } else {
            scan->at = json_skip_space(scan->at);
        }
        /* Behind a value, or at the bracket that closes an empty one. */
        for (;;) {
            bool in_object = objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
            if (*scan->at == (in_object ? '}' : ']')) {
                scan->at++;
                if (--depth == 0) return true;
                scan->at = json_skip_space(scan->at);
                continue;
            }
            if (*scan->at != ',') return fail(scan, scan->at, "a comma is missing in a nested value");
            scan->at = json_skip_space(scan->at + 1);
            if (in_object && !scan_key(scan)) return false;
            break;
        }
    }
}

bool json_scan_value(JsonScan *scan, CellKind *kind, const char **text, size_t *length) {
    const char *start = scan->at;
    if (*start != '{' && *start != '[') {
        if (!scan_scalar(scan, kind, text, length)) return false;
        return scan->at <= scan->end || fail(scan, scan->end, "");
    }
    if (!scan_nested(scan)) return false;
    if (scan->at > scan->end) return fail(scan, scan->end, "");
    *kind = CELL_NESTED;
    *text = start;
    *length = (size_t)(scan->at - start);
    return true;
}

/* ---- escapes ---- */

static uint32_t hex4(const char *at) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)hex_digit(at[i]);
    return value;
}

static void append_point(StrBuf *out, uint32_t point) {
    char bytes[4];
    size_t length;
    if (point < 0x80) {
        bytes[0] = (char)point;
        length = 1;
    } else if (point < 0x800) {
        bytes[0] = (char)(0xC0 | point >> 6);
        length = 2;
    } else if (point < 0x10000) {
        bytes[0] = (char)(0xE0 | point >> 12);
        length = 3;
    } else {
        bytes[0] = (char)(0xF0 | point >> 18);
        length = 4;
    }
    for (size_t i = 1; i < length; i++)
        bytes[i] = (char)(0x80 | (point >> 6 * (length - 1 - i) & 0x3F));
    strbuf_append(out, bytes, length);
}

bool json_scan_unescape(const char *text, size_t length, StrBuf *out, const char **problem) {
    static const char NAMES[] = "\"\\/bfnrt", VALUES[] = "\"\\/\b\f\n\r\t";
    const char *at = text, *end = text + length;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        strbuf_append(out, at, (size_t)((escape ? escape : end) - at));
        if (!escape) return true;
        if (escape[1] != 'u') {
            strbuf_append_char(out, VALUES[strchr(NAMES, escape[1]) - NAMES]);
            at = escape + 2;
            continue;
        }
        uint32_t point = hex4(escape + 2);
        at = escape + 6;
        if (point == 0) {
            /* PostgreSQL's text has no NUL byte. */
            *problem = "a string contains \\u0000, which text columns cannot hold";
            return false;
        }
        bool high = point >= 0xD800 && point < 0xDC00;
        bool paired = high && end - at >= 6 && at[0] == '\\' && at[1] == 'u' && hex4(at + 2) >= 0xDC00 &&
                      hex4(at + 2) < 0xE000;
        if (point >= 0xD800 && point < 0xE000 && !paired) {
            *problem = "a string contains half of a surrogate pair";
            return false;
        }
        if (paired) {
            point = 0x10000 + ((point - 0xD800) << 10) + (hex4(at + 2) - 0xDC00);
            at += 6;
        }
        append_point(out, point);
    }
    return true;
}

/* ---- ends of values, found without judging them ---- */

/* Behind the closing quote of the string whose opening quote is at[-1]; `end` when there is none. */
static const char *skip_string(const char *at, const char *end) {
    while (at < end) {
        uint32_t mask = text_string_mask16(at);
        if (mask == 0) {
            at += 16;
            continue;
        }
        at += __builtin_ctz(mask);
        if (at >= end) return end;
        if (*at == '"') return at + 1;
        at += *at == '\\' ? 2 : 1;
    }
    return end;
}

const char *json_skip_loosely(const char *at, const char *end) {
    int64_t depth = 0;
    while (at < end) {
        char c = *at++;
        if (c == '"') {
            at = skip_string(at, end);
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (--depth <= 0) return at;
        } else if (depth == 0 && (c == ',' || c == '\n')) {
            return at - 1;
        }
    }
    return end;
}

size_t json_last_document_end(const char *text, size_t length) {
    const char *at = text, *end = text + length, *last = text;
    int64_t depth = 0;
    while (at < end) {
        char c = *at++;
        if (c == '"') {
            at = skip_string(at, end);
            if (depth == 0 && at < end) last = at;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth > 0) depth--;
            if (depth == 0) last = at;
        } else if (depth == 0 && c == '\n') {
            last = at;
        }
    }
    return (size_t)(last - text);
}

size_t json_last_element_end(const char *text, size_t length, bool *closed) {
    const char *at = text, *end = text + length, *last = text;
    int64_t depth = 0;
    *closed = false;
    while (at < end) {
        char c = *at++;
        if (c == '"') {
            at = skip_string(at, end);
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == ']' && depth == 0) {
            *closed = true;
            return (size_t)(at - 1 - text);
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',' && depth == 0) {
            last = at;
        }
    }
    return (size_t)(last - text);
}
