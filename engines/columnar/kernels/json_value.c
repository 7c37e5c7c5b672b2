#include "engines/columnar/kernels/json_value.h"

#include <stdlib.h>

#include "engines/columnar/kernels/array_kernels.h"

/* ---- scanner --------------------------------------------------------------------------------------------
 */

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_space(const char *at, const char *end) {
    while (at < end && is_space(*at))
        at++;
    return at;
}

JsonText json_trim(JsonText text) {
    const char *at = skip_space(text.data, text.data + text.length), *end = text.data + text.length;
    while (end > at && is_space(end[-1]))
        end--;
    return (JsonText){at, (size_t)(end - at)};
}

JsonKind json_kind(JsonText value) {
    switch (value.length ? *value.data : 'n') {
    case '{': return JSON_IS_OBJECT;
    case '[': return JSON_IS_ARRAY;
    case '"': return JSON_IS_STRING;
    case 't':
    case 'f': return JSON_IS_BOOL;
    case 'n': return JSON_IS_NULL;
    default: return JSON_IS_NUMBER;
    }
}

/* Past a string's closing quote; `at` is at its opening one. */
static const char *skip_string(const char *at, const char *end) {
    for (at++; at < end; at++) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (!quote) return end;
        const char *escape = memchr(at, '\\', (size_t)(quote - at));
        if (!escape) return quote + 1;
        at = escape + 1;
    }
    return end;
}

static const char *skip_value(const char *at, const char *end) {
    if (at == end) return end;
    if (*at == '"') return skip_string(at, end);
    if (*at != '{' && *at != '[') {
        while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ':' && !is_space(*at))
            at++;
        return at;
    }
    int depth = 0;
    while (at < end) {
        char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
            continue;
        }
        at++;
        if (c == '{' || c == '[') depth++;
        if ((c == '}' || c == ']') && --depth == 0) return at;
    }
    return end;
}

void json_walk_start(JsonWalk *walk, JsonText value) {
    *walk = (JsonWalk){.at = value.data + (value.length ? 1 : 0),
                       .end = value.data + value.length,
                       .object = value.length && *value.data == '{'};
}

bool json_walk_next(JsonWalk *walk, JsonText *key, JsonText *value) {
    const char *at = skip_space(walk->at, walk->end), *end = walk->end;
    if (at < end && *at == ',') at = skip_space(at + 1, end);
    if (at >= end || *at == '}' || *at == ']') return false;
    *key = (JsonText){NULL, 0};
    if (walk->object) {
        const char *stop = skip_string(at, end);
        if (stop - at < 2) return false;
        *key = (JsonText){at + 1, (size_t)(stop - at) - 2};
        at = skip_space(stop, end);
        if (at < end && *at == ':') at = skip_space(at + 1, end);
    }
    const char *stop = skip_value(at, end);
    *value = (JsonText){at, (size_t)(stop - at)};
    walk->at = stop > at ? stop : end;
    return true;
}

bool json_key_is(JsonText raw, JsonText key) {
    if (!memchr(raw.data, '\\', raw.length))
        return raw.length == key.length && memcmp(raw.data, key.data, key.length) == 0;
    StrBuf plain;
    Error ignored = {0};
    strbuf_init(&plain);
    bool same = json_unescape((JsonText){raw.data - 1, raw.length + 2}, &plain, &ignored) == STATUS_OK &&
                plain.length == key.length && memcmp(strbuf_text(&plain), key.data, key.length) == 0;
    strbuf_deinit(&plain);
    return same;
}

bool json_find_key(JsonText value, JsonText key, JsonText *out) {
    JsonWalk walk;
    JsonText name, member;
    bool found = false;
    if (json_kind(value) != JSON_IS_OBJECT) return false;
    json_walk_start(&walk, value);
    while (json_walk_next(&walk, &name, &member))
        if (json_key_is(name, key)) {
            *out = member;
            found = true;
        }
    return found;
}

bool jsonb_find_key(JsonText value, JsonText key, JsonText *out) {
    JsonWalk walk;
    JsonText name;
    if (json_kind(value) != JSON_IS_OBJECT) return false;
    json_walk_start(&walk, value);
    while (json_walk_next(&walk, &name, out)) {
        if (json_key_is(name, key)) return true;
        /* Only a key without escapes stands there as it sorts. */
        if (!memchr(name.data, '\\', name.length) && json_key_order(name, key) > 0) return false;
    }
    return false;
}

int json_member_count(JsonText value) {
    JsonWalk walk;
    JsonText key, member;
    int count = 0;
    json_walk_start(&walk, value);
    while (json_walk_next(&walk, &key, &member))
        count++;
    return count;
}

bool json_find_index(JsonText value, int64_t index, JsonText *out) {
    JsonWalk walk;
    JsonText key;
    if (json_kind(value) != JSON_IS_ARRAY) return false;
    if (index < 0) index += json_member_count(value);
    if (index < 0) return false;
    json_walk_start(&walk, value);
    while (json_walk_next(&walk, &key, out))
        if (index-- == 0) return true;
    return false;
}

/* ---- strings --------------------------------------------------------------------------------------------
 */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *at, const char *end, uint32_t *out) {
    *out = 0;
    if (end - at < 4) return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static void put_utf8(StrBuf *out, uint32_t c) {
    char bytes[4];
    size_t length;
    if (c < 0x80) {
        bytes[0] = (char)c;
        length = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xC0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 63));
        length = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 63));
        bytes[2] = (char)(0x80 | (c & 63));
        length = 3;
    } else {
        bytes[0] = (char)(0xF0 | c >> 18);
        bytes[1] = (char)(0x80 | (c >> 12 & 63));
        bytes[2] = (char)(0x80 | (c >> 6 & 63));
        bytes[3] = (char)(0x80 | (c & 63));
        length = 4;
    }
    strbuf_append(out, bytes, length);
}

static Status bad_json(const char *detail, Error *err) {
    (void)error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type json");
    return detail ? error_add_detail(err, "%s", detail) : STATUS_ERROR;
}

static Status unescape_unicode(const char **at, const char *end, StrBuf *out, Error *err) {
    uint32_t c, low;
    if (!read_hex(*at + 1, end, &c))
        return bad_json("\"\\u\" must be followed by four hexadecimal digits.", err);
    *at += 5;
    if (c == 0) {
        (void)error_set(err, "22P05", "unsupported Unicode escape sequence");
        return error_add_detail(err, "\\u0000 cannot be converted to text.");
    }
    if (c >= 0xDC00 && c < 0xE000)
        return bad_json("Unicode low surrogate must follow a high surrogate.", err);
    if (c >= 0xD800 && c < 0xDC00) {
        if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u' || !read_hex(*at + 2, end, &low) ||
            low < 0xDC00 || low > 0xDFFF)
            return bad_json("Unicode low surrogate must follow a high surrogate.", err);
        *at += 6;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    put_utf8(out, c);
    return STATUS_OK;
}

Status json_unescape(JsonText string, StrBuf *out, Error *err) {
    if (string.length < 2) return bad_json(NULL, err);
    const char *at = string.data + 1, *end = string.data + string.length - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        if (!escape) escape = end;
        strbuf_append(out, at, (size_t)(escape - at));
        at = escape;
        if (at == end) break;
        if (++at == end) return bad_json(NULL, err);
        char c = *at;
        if (c == 'u') {
            TRY(unescape_unicode(&at, end, out, err));
            continue;
        }
        at++;
        switch (c) {
        case 'b': c = '\b'; break;
        case 'f': c = '\f'; break;
        case 'n': c = '\n'; break;
        case 'r': c = '\r'; break;
        case 't': c = '\t'; break;
        default: break;
        }
        strbuf_append_char(out, c);
    }
    return STATUS_OK;
}

Status json_as_text(JsonText value, StrBuf *out, bool *null, Error *err) {
    JsonKind kind = json_kind(value);
    *null = kind == JSON_IS_NULL;
    if (*null) return STATUS_OK;
    if (kind == JSON_IS_STRING) return json_unescape(value, out, err);
    strbuf_append(out, value.data, value.length);
    return STATUS_OK;
}

void json_print_string(StrBuf *out, const char *data, size_t length) {
    strbuf_append_char(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        strbuf_append(out, data + start, i - start);
        start = i + 1;
        switch (c) {
        case '"': strbuf_append(out, "\\\"", 2); break;
        case '\\': strbuf_append(out, "\\\\", 2); break;
        case '\b': strbuf_append(out, "\\b", 2); break;
        case '\f': strbuf_append(out, "\\f", 2); break;
        case '\n': strbuf_append(out, "\\n", 2); break;
        case '\r': strbuf_append(out, "\\r", 2); break;
        case '\t': strbuf_append(out, "\\t", 2); break;
        default: strbuf_printf(out, "\\u%04x", c);
        }
    }
    strbuf_append(out, data + start, length - start);
    strbuf_append_char(out, '"');
}

/* ---- numbers --------------------------------------------------------------------------------------------
 */

/* The text ends at `end`: what stands behind it is another value. Large ones stay large. */
static int64_t read_exponent(const char *at, const char *end) {
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    int64_t value = 0;
    for (; at < end; at++)
        if (value < INT32_MAX) value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

Status json_number_text(JsonText number, Arena *arena, JsonText *out, Error *err) {
    enum { MOST_DIGITS = 131072, MOST_SCALE = 16383 };
    const char *at = number.data, *end = at + number.length;
    bool negative = at < end && *at == '-';
    at += negative;
    char *digits = arena_alloc(arena, number.length + 1);
    int64_t count = 0, scale = 0, exponent = 0;
    bool point = false, plain = true;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        digits[count++] = *at;
        scale += point;
    }
    if (at < end) {
        plain = false;
        exponent = read_exponent(at + 1, end);
        if (exponent > 200000 || exponent < -200000)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value overflows numeric format");
    }
    bool zero = true;
    for (int64_t i = 0; zero && i < count; i++)
        zero = digits[i] == '0';
    if (plain && !(zero && negative)) {
        *out = number;
        return STATUS_OK;
    }
    scale -= exponent;
    int64_t first = 0;
    while (first < count - 1 && digits[first] == '0' && count - first - scale > 1)
        first++;
    int64_t whole = count - first - scale;
    if (whole > MOST_DIGITS || scale > MOST_SCALE)
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value overflows numeric format");
    StrBuf text;
    strbuf_init(&text);
    if (negative && !zero) strbuf_append_char(&text, '-');
    if (whole <= 0) strbuf_append_char(&text, '0');
    if (zero && whole > 0) {
        strbuf_append_char(&text, '0');
        for (int64_t i = 0; i < scale; i++)
            strbuf_append(&text, i ? "0" : ".0", i ? 1 : 2);
    } else {
        for (int64_t i = 0; i < whole; i++)
            strbuf_append_char(&text, first + i < count ? digits[first + i] : '0');
        for (int64_t i = 0; i < scale; i++) {
            int64_t index = first + whole + i;
            if (i == 0) strbuf_append_char(&text, '.');
            strbuf_append_char(&text, index >= first && index < count ? digits[index] : '0');
        }
    }
    *out = (JsonText){arena_memdup(arena, strbuf_text(&text), text.length), text.length};
    strbuf_deinit(&text);
    return STATUS_OK;
}

void json_number_key(StrBuf *out, JsonText number) {
    const char *at = number.data, *end = at + number.length;
    bool negative = at < end && *at == '-';
    at += negative;
    const char *point = memchr(at, '.', (size_t)(end - at));
    int32_t exponent = (int32_t)((point ? point : end) - at);
    const char *first = at;
    while (first < end && (*first == '0' || *first == '.')) {
        if (first != point) exponent--;
        first++;
    }
    const char *last = end;
    if (point)
        while (last > first && (last[-1] == '0' || last[-1] == '.'))
            last--;
    else
        while (last > first && last[-1] == '0')
            last--;
    strbuf_append_char(out, first == last ? 1 : negative ? 0 : 2);
    if (first == last) return;
    size_t start = out->length;
    uint32_t biased = __builtin_bswap32((uint32_t)exponent ^ UINT32_C(1) << 31);
    strbuf_append(out, &biased, 4);
    for (; first < last; first++)
        if (*first != '.') strbuf_append_char(out, (char)(*first - '0' + 1));
    strbuf_append_char(out, 0);
    for (size_t i = start; negative && i < out->length; i++)
        out->data[i] = (char)~out->data[i];
}

/* ---- keys of documents ----------------------------------------------------------------------------------
 */

static void put_count(StrBuf *out, uint32_t count) {
    count = __builtin_bswap32(count);
    strbuf_append(out, &count, 4);
}

static void put_string_key(StrBuf *out, JsonText string) {
    StrBuf plain;
    Error ignored = {0};
    strbuf_init(&plain);
    if (json_unescape(string, &plain, &ignored) == STATUS_OK)
        order_key_string(out, strbuf_text(&plain), plain.length);
    strbuf_deinit(&plain);
}

static void put_value_key(StrBuf *out, JsonText value, int depth);

static void put_members_key(StrBuf *out, JsonText value, int depth) {
    JsonWalk walk;
    JsonText key, member;
    put_count(out, (uint32_t)json_member_count(value));
    json_walk_start(&walk, value);
    while (depth < JSON_DEEPEST && json_walk_next(&walk, &key, &member)) {
        if (walk.object) put_string_key(out, (JsonText){key.data - 1, key.length + 2});
        put_value_key(out, member, depth + 1);
    }
}

static void put_value_key(StrBuf *out, JsonText value, int depth) {
    JsonKind kind = json_kind(value);
    strbuf_append_char(out, (char)(kind + 1));
    switch (kind) {
    case JSON_IS_STRING: put_string_key(out, value); break;
    case JSON_IS_NUMBER: json_number_key(out, value); break;
    case JSON_IS_BOOL: strbuf_append_char(out, *value.data == 't'); break;
    case JSON_IS_ARRAY:
    case JSON_IS_OBJECT: put_members_key(out, value, depth); break;
    default: break;
    }
}

/* At the top an empty array is below everything, scalars are below arrays, and these below objects. */
void order_key_jsonb(StrBuf *out, const StringView *view) {
    JsonText text = json_trim(json_text(view));
    JsonKind kind = json_kind(text);
    if (kind == JSON_IS_ARRAY)
        strbuf_append_char(out, json_member_count(text) ? 2 : 0);
    else
        strbuf_append_char(out, kind == JSON_IS_OBJECT ? 3 : 1);
    put_value_key(out, text, 0);
}

int jsonb_compare(const StringView *a, const StringView *b) {
    if (stringview_equals(a, b)) return 0;
    StrBuf left, right;
    strbuf_init(&left);
    strbuf_init(&right);
    order_key_jsonb(&left, a);
    order_key_jsonb(&right, b);
    size_t shared = left.length < right.length ? left.length : right.length;
    int order = memcmp(strbuf_text(&left), strbuf_text(&right), shared);
    if (!order) order = (left.length > right.length) - (left.length < right.length);
    strbuf_deinit(&left);
    strbuf_deinit(&right);
    return order;
}
