#include "engines/base/toml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"

enum { TOML_MAX_DEPTH = 16 };

typedef struct Parser {
    const char *at;
    const char *name;
    int line;
    Arena *arena;
    TomlDocument *document;
    int capacity;
    const char *table; /* "" or "a.b" */
    int array_tables;  /* seen so far */
    Error *err;
} Parser;

static Status fail(Parser *p, const char *what) {
    return error_set(p->err, SQLSTATE_CONFIG, "%s:%d: %s", p->name, p->line, what);
}

static void skip_blanks(Parser *p) {
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

static void skip_comment(Parser *p) {
    if (*p->at == '#')
        while (*p->at && *p->at != '\n')
            p->at++;
}

/* Blanks, comments and line ends. */
static void skip_lines(Parser *p) {
    for (;;) {
        skip_blanks(p);
        skip_comment(p);
        if (*p->at == '\r' && p->at[1] == '\n') p->at++;
        if (*p->at != '\n') return;
        p->at++;
        p->line++;
    }
}

static Status end_of_line(Parser *p) {
    skip_blanks(p);
    skip_comment(p);
    if (*p->at == '\r') p->at++;
    if (*p->at && *p->at != '\n') return fail(p, "something follows the value on this line");
    return STATUS_OK;
}

static Status append_code_point(Parser *p, StrBuf *text, int digits) {
    char hex[9] = {0};
    for (int i = 0; i < digits; i++, p->at++) {
        if (!isxdigit((unsigned char)*p->at))
            return fail(p, "a \\u escape needs four hexadecimal digits, \\U eight");
        hex[i] = *p->at;
    }
    unsigned long code = strtoul(hex, NULL, 16);
    char bytes[4];
    int count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (code > 0x10FFFF || code == 0) return fail(p, "the escaped code point does not exist");
    for (int i = count - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(lead[count] | code);
    if (!utf8_is_valid(bytes, (size_t)count)) return fail(p, "the escaped code point is a surrogate");
    strbuf_append(text, bytes, (size_t)count);
    return STATUS_OK;
}

static Status append_escape(Parser *p, StrBuf *text) {
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    char c = *p->at++;
    const char *found = c ? strchr(from, c) : NULL;
    if (found) {
        strbuf_append_char(text, to[found - from]);
        return STATUS_OK;
    }
    if (c == 'u' || c == 'U') return append_code_point(p, text, c == 'u' ? 4 : 8);
    return fail(p, "unknown escape in a string; write '...' for a literal string");
}

static Status parse_quoted(Parser *p, const char **out) {
    char quote = *p->at++;
    if (*p->at == quote && p->at[1] == quote) return fail(p, "multi-line strings are not supported");
    StrBuf text;
    strbuf_init(&text);
    Status status = STATUS_OK;
    while (status == STATUS_OK && *p->at != quote) {
        if (!*p->at || *p->at == '\n')
            status = fail(p, "the string is not closed on its line");
        else if (*p->at == '\\' && quote == '"')
            p->at++, status = append_escape(p, &text);
        else
            strbuf_append_char(&text, *p->at++);
    }
    if (status == STATUS_OK) {
        p->at++;
        *out = arena_strndup(p->arena, strbuf_text(&text), text.length);
        if (!utf8_is_valid(*out, text.length)) status = fail(p, "the string is not valid UTF-8");
    }
    strbuf_deinit(&text);
    return status;
}

static bool is_bare(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static Status parse_key(Parser *p, const char **out) {
    const char *path = NULL;
    do {
        skip_blanks(p);
        const char *part = "";
        if (*p->at == '"' || *p->at == '\'') {
            TRY(parse_quoted(p, &part));
        } else {
            const char *start = p->at;
            while (is_bare(*p->at))
                p->at++;
            if (p->at == start) return fail(p, "a key is expected here");
            part = arena_strndup(p->arena, start, (size_t)(p->at - start));
        }
        path = path ? arena_printf(p->arena, "%s.%s", path, part) : part;
        skip_blanks(p);
    } while (*p->at == '.' && p->at++);
    *out = path;
    return STATUS_OK;
}

static Status parse_number(Parser *p, TomlValue *out) {
    char digits[64];
    size_t length = 0;
    const char *start = p->at;
    while (*p->at && (isalnum((unsigned char)*p->at) || strchr("+-._", *p->at))) {
        if (*p->at != '_' && length < sizeof digits - 1) digits[length++] = *p->at;
        p->at++;
    }
    digits[length] = 0;
    if (p->at == start) return fail(p, "a value is expected here (strings need quotes)");
    if (length == sizeof digits - 1) return fail(p, "the number has too many digits");
    char *end;
    errno = 0;
    out->integer = strtoll(digits, &end, strncmp(digits, "0x", 2) ? 10 : 16);
    if (!*end && !errno) {
        out->kind = TOML_INTEGER;
        out->number = (double)out->integer;
        return STATUS_OK;
    }
    errno = 0;
    out->number = strtod(digits, &end);
    bool only_digits =
        strspn(digits, "0123456789.eE+-") == length; /* strtod knows hexadecimal floats, nan and inf too */
    if (*end || errno || !only_digits)
        return fail(p, "not a value: a string needs quotes, a number only digits");
    out->kind = TOML_FLOAT;
    return STATUS_OK;
}

static Status parse_value(Parser *p, TomlValue *out, int depth);

static Status parse_array(Parser *p, TomlValue *out, int depth) {
    if (depth >= TOML_MAX_DEPTH) return fail(p, "arrays are nested too deep");
    int capacity = 0;
    out->kind = TOML_ARRAY;
    p->at++;
    for (skip_lines(p); *p->at != ']'; skip_lines(p)) {
        if (out->item_count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            TomlValue *grown = ARENA_NEW_ARRAY(p->arena, TomlValue, capacity);
            if (out->item_count) memcpy(grown, out->items, sizeof *grown * (size_t)out->item_count);
            out->items = grown;
        }
        TRY(parse_value(p, &out->items[out->item_count++], depth + 1));
        skip_lines(p);
        if (*p->at == ',')
            p->at++;
        else if (*p->at != ']')
            return fail(p, "an array needs ',' or ']' here");
    }
    p->at++;
    return STATUS_OK;
}

static Status parse_value(Parser *p, TomlValue *out, int depth) {
    if (*p->at == '"' || *p->at == '\'') {
        out->kind = TOML_STRING;
        return parse_quoted(p, &out->text);
    }
    if (*p->at == '[') return parse_array(p, out, depth);
    if (*p->at == '{') return fail(p, "inline tables are not supported; write a [table]");
    bool is_true = !strncmp(p->at, "true", 4) && !is_bare(p->at[4]);
    bool is_false = !strncmp(p->at, "false", 5) && !is_bare(p->at[5]);
    if (is_true || is_false) {
        out->kind = TOML_BOOL;
        out->integer = is_true;
        p->at += is_true ? 4 : 5;
        return STATUS_OK;
    }
    return parse_number(p, out);
}

static Status add_entry(Parser *p, const char *key, const TomlValue *value, int line) {
    for (int i = 0; i < p->document->count; i++)
        if (!strcmp(p->document->entries[i].key, key))
            return error_set(p->err, SQLSTATE_CONFIG, "%s:%d: %s is given twice, first on line %d", p->name,
                             line, key, p->document->entries[i].line);
    if (p->document->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 32;
        TomlEntry *grown = ARENA_NEW_ARRAY(p->arena, TomlEntry, p->capacity);
        if (p->document->count)
            memcpy(grown, p->document->entries, sizeof *grown * (size_t)p->document->count);
        p->document->entries = grown;
    }
    p->document->entries[p->document->count++] = (TomlEntry){.key = key, .value = *value, .line = line};
    return STATUS_OK;
}

/* [[name]]: an entry of its own, so that a table without keys is seen, and a number that no other has. */
static Status parse_array_table(Parser *p) {
    const char *name = "";
    TomlValue value = {.kind = TOML_TABLE};
    p->at++;
    TRY(parse_key(p, &name));
    if (p->at[0] != ']' || p->at[1] != ']') return fail(p, "the name of an array of tables ends with ']]'");
    p->at += 2;
    p->table = arena_printf(p->arena, "%s[%d]", name, p->array_tables++);
    TRY(end_of_line(p));
    return add_entry(p, p->table, &value, p->line);
}

static Status parse_table_header(Parser *p) {
    p->at++;
    if (*p->at == '[') return parse_array_table(p);
    TRY(parse_key(p, &p->table));
    if (*p->at++ != ']') return fail(p, "a table's name ends with ']'");
    return end_of_line(p);
}

static Status parse_pair(Parser *p) {
    const char *key = "";
    TomlValue value = {0};
    int line = p->line;
    TRY(parse_key(p, &key));
    if (*p->at++ != '=') return fail(p, "a key is followed by '='");
    skip_blanks(p);
    TRY(parse_value(p, &value, 0));
    TRY(end_of_line(p));
    if (p->table[0]) key = arena_printf(p->arena, "%s.%s", p->table, key);
    return add_entry(p, key, &value, line);
}

Status toml_parse(const char *text, const char *name, Arena *arena, TomlDocument *out, Error *err) {
    memset(out, 0, sizeof *out);
    if (!strncmp(text, "\xEF\xBB\xBF", 3)) text += 3;
    Parser parser = {
        .at = text, .name = name, .line = 1, .arena = arena, .document = out, .table = "", .err = err};
    for (skip_lines(&parser); *parser.at; skip_lines(&parser)) {
        if (*parser.at == '[')
            TRY(parse_table_header(&parser));
        else
            TRY(parse_pair(&parser));
    }
    return STATUS_OK;
}

bool toml_bytes(const TomlValue *value, double *out) {
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {
        {"", 1},          {"B", 1},         {"KB", 1e3},      {"MB", 1e6},  {"GB", 1e9},
        {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TB", 1e12}, {"TiB", 1099511627776.0},
    };
    if (value->kind == TOML_INTEGER) {
        *out = value->number;
        return true;
    }
    if (value->kind != TOML_STRING) return false;
    char *end;
    double number = strtod(value->text, &end);
    if (end == value->text) return false;
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix)) continue;
        *out = number * units[i].factor;
        return true;
    }
    return false;
}
