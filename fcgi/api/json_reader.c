#include "fcgi/api/json_reader.h"

#include <string.h>

#include "engines/base/utf8.h"

typedef struct Reader {
    Arena *arena;
    const char *start, *at, *end;
    int depth, nodes;
    Error *err;
} Reader;

const char *json_kind_name(JsonKind kind) {
    static const char *const names[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
    return names[kind];
}

static Status fail(Reader *reader, const char *what) {
    return error_set(reader->err, SQLSTATE_INVALID_TEXT, "the request body is not valid JSON: %s at byte %zu",
                     what, (size_t)(reader->at - reader->start));
}

static void skip_space(Reader *reader) {
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static bool at_char(const Reader *reader, char c) {
    return reader->at < reader->end && *reader->at == c;
}

static bool take_char(Reader *reader, char c) {
    if (!at_char(reader, c)) return false;
    reader->at++;
    return true;
}

/* ---- strings ---------------------------------------------------------------------------------------------
 */

static int read_hex4(Reader *reader) {
    if (reader->end - reader->at < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = reader->at[i];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    reader->at += 4;
    return value;
}

static char *put_utf8(char *out, int code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 63));
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    }
    return out;
}

static Status read_unicode_escape(Reader *reader, char **out) {
    int code = read_hex4(reader);
    if (code < 0) return fail(reader, "\\u needs four hexadecimal digits");
    if (code == 0) return fail(reader, "\\u0000 is not a character that SQL text can hold");
    if (code >= 0xDC00 && code <= 0xDFFF) return fail(reader, "an unpaired surrogate");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (!take_char(reader, '\\') || !take_char(reader, 'u')) return fail(reader, "an unpaired surrogate");
        int low = read_hex4(reader);
        if (low < 0xDC00 || low > 0xDFFF) return fail(reader, "an unpaired surrogate");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *out = put_utf8(*out, code);
    return STATUS_OK;
}

static Status read_escape(Reader *reader, char **out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (reader->at >= reader->end) return fail(reader, "an unfinished string");
    char c = *reader->at++;
    if (c == 'u') return read_unicode_escape(reader, out);
    const char *found = c ? strchr(names, c) : NULL;
    if (!found) return fail(reader, "an unknown escape");
    *(*out)++ = values[found - names];
    return STATUS_OK;
}

/* At the opening quote. Decoding never lengthens, so the space up to the closing quote is enough. */
static Status read_string(Reader *reader, const char **text, size_t *length) {
    const char *scan = ++reader->at;
    while (scan < reader->end && *scan != '"')
        scan += *scan == '\\' && reader->end - scan > 1 ? 2 : 1;
    if (scan >= reader->end) return fail(reader, "an unfinished string");
    char *decoded = arena_alloc(reader->arena, (size_t)(scan - reader->at) + 1), *out = decoded;
    while (!at_char(reader, '"')) {
        unsigned char c = (unsigned char)*reader->at;
        if (c < 0x20) return fail(reader, "a control character in a string");
        reader->at++;
        if (c == '\\')
            TRY(read_escape(reader, &out));
        else
            *out++ = (char)c;
    }
    reader->at++;
    *out = 0;
    *text = decoded;
    *length = (size_t)(out - decoded);
    return STATUS_OK;
}

/* ---- numbers, words --------------------------------------------------------------------------------------
 */

static bool skip_digits(Reader *reader) {
    const char *from = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > from;
}

static Status read_number(Reader *reader, JsonNode *node) {
    const char *from = reader->at;
    node->integer = true;
    take_char(reader, '-');
    if (!take_char(reader, '0') && !skip_digits(reader)) return fail(reader, "a value was expected");
    if (take_char(reader, '.')) {
        node->integer = false;
        if (!skip_digits(reader)) return fail(reader, "a digit must follow the decimal point");
    }
    if (at_char(reader, 'e') || at_char(reader, 'E')) {
        reader->at++;
        node->integer = false;
        if (!take_char(reader, '+')) take_char(reader, '-');
        if (!skip_digits(reader)) return fail(reader, "an exponent needs a digit");
    }
    node->kind = JSON_NUMBER;
    node->length = (size_t)(reader->at - from);
    node->text = arena_strndup(reader->arena, from, node->length);
    return STATUS_OK;
}

static Status read_word(Reader *reader, JsonNode *node) {
    static const struct {
        const char *word;
        JsonKind kind;
        bool value;
    } words[] = {{"true", JSON_BOOL, true}, {"false", JSON_BOOL, false}, {"null", JSON_NULL, false}};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(words[i].word);
        if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, words[i].word, length))
            continue;
        reader->at += length;
        node->kind = words[i].kind;
        node->boolean = words[i].value;
        node->text = words[i].word;
        node->length = length;
        return STATUS_OK;
    }
    return read_number(reader, node);
}

/* ---- structure -------------------------------------------------------------------------------------------
 */

static Status read_value(Reader *reader, JsonNode *node);

static Status read_member(Reader *reader, bool object, JsonNode *child) {
    skip_space(reader);
    if (object) {
        if (!at_char(reader, '"')) return fail(reader, "a member's name was expected");
        TRY(read_string(reader, &child->key, &child->key_length));
        skip_space(reader);
        if (!take_char(reader, ':')) return fail(reader, "a colon was expected");
        skip_space(reader);
    }
    TRY(read_value(reader, child));
    skip_space(reader);
    return STATUS_OK;
}

static Status read_container(Reader *reader, JsonNode *node) {
    node->raw = reader->at;
    bool object = *reader->at++ == '{';
    char close = object ? '}' : ']';
    node->kind = object ? JSON_OBJECT : JSON_ARRAY;
    if (++reader->depth > JSON_MAX_DEPTH) return fail(reader, "it is nested too deeply");
    skip_space(reader);
    JsonNode **last = &node->children;
    bool more = !take_char(reader, close);
    while (more) {
        JsonNode *child = ARENA_NEW(reader->arena, JsonNode);
        TRY(read_member(reader, object, child));
        *last = child;
        last = &child->next;
        node->child_count++;
        more = take_char(reader, ',');
        if (!more && !take_char(reader, close))
            return fail(reader, "a comma or the closing bracket was expected");
    }
    reader->depth--;
    node->raw_length = (size_t)(reader->at - node->raw);
    return STATUS_OK;
}

static Status read_value(Reader *reader, JsonNode *node) {
    if (++reader->nodes > JSON_MAX_NODES) return fail(reader, "it has too many values");
    if (reader->at >= reader->end) return fail(reader, "it ends too early");
    if (*reader->at == '"') {
        node->kind = JSON_STRING;
        return read_string(reader, &node->text, &node->length);
    }
    if (*reader->at == '{' || *reader->at == '[') return read_container(reader, node);
    return read_word(reader, node);
}

Status json_read(Arena *arena, const char *text, size_t length, JsonNode **out, Error *err) {
    Reader reader = {.arena = arena, .start = text, .at = text, .end = text + length, .err = err};
    if (!utf8_is_valid(text, length))
        return error_set(err, SQLSTATE_INVALID_TEXT, "the request body is not valid UTF-8");
    JsonNode *root = ARENA_NEW(arena, JsonNode);
    skip_space(&reader);
    TRY(read_value(&reader, root));
    skip_space(&reader);
    if (reader.at < reader.end) return fail(&reader, "something follows the value");
    *out = root;
    return STATUS_OK;
}
