/* Quoting, format(), identifiers, Unicode escapes and normal forms. */
#include <stdlib.h>
#include <strings.h>
#include <utf8proc.h>

#include "engines/base/utf8.h"
#include "engines/columnar/kernels/text_kernels.h"
#include "engines/columnar/kernels/value_text.h"
#include "engines/columnar/types/array_value.h"

/* Words PostgreSQL 15 does not take bare as a name everywhere; in order. */
static const char *const KEYWORDS[] = {
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
};

static int compare_words(const void *a, const void *b) {
    return strcmp(a, *(const char *const *)b);
}

static bool is_plain_identifier(const char *data, uint32_t length) {
    char word[32];
    if (length == 0 || !((data[0] >= 'a' && data[0] <= 'z') || data[0] == '_')) return false;
    for (uint32_t i = 0; i < length; i++)
        if (!((data[i] >= 'a' && data[i] <= 'z') || (data[i] >= '0' && data[i] <= '9') || data[i] == '_'))
            return false;
    if (length >= sizeof word) return true;
    memcpy(word, data, length);
    word[length] = 0;
    return !bsearch(word, KEYWORDS, sizeof KEYWORDS / sizeof KEYWORDS[0], sizeof KEYWORDS[0], compare_words);
}

static void append_identifier(StrBuf *out, const StringView *name) {
    const char *data = stringview_data(name);
    if (is_plain_identifier(data, name->length)) {
        strbuf_append(out, data, name->length);
        return;
    }
    strbuf_append_char(out, '"');
    for (uint32_t i = 0; i < name->length; i++) {
        if (data[i] == '"') strbuf_append_char(out, '"');
        strbuf_append_char(out, data[i]);
    }
    strbuf_append_char(out, '"');
}

static void append_literal(StrBuf *out, const StringView *text) {
    const char *data = stringview_data(text);
    if (memchr(data, '\\', text->length)) strbuf_append_char(out, 'E');
    strbuf_append_char(out, '\'');
    for (uint32_t i = 0; i < text->length; i++) {
        if (data[i] == '\'' || data[i] == '\\') strbuf_append_char(out, data[i]);
        strbuf_append_char(out, data[i]);
    }
    strbuf_append_char(out, '\'');
}

static Status text_quote_ident(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    StrBuf buffer;
    strbuf_init(&buffer);
    KERNEL_ROWS(call, row) {
        strbuf_reset(&buffer);
        append_identifier(&buffer, kernel_text(call, 0, row));
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return STATUS_OK;
}

static Status text_quote_nullable(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    StrBuf buffer;
    strbuf_init(&buffer);
    for (int k = 0, n = kernel_selected(call); k < n; k++) {
        int row = kernel_row(call, k);
        strbuf_reset(&buffer);
        if (vector_is_null(&call->args[0], row))
            strbuf_append_text(&buffer, "NULL");
        else
            append_literal(&buffer, kernel_text(call, 0, row));
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return STATUS_OK;
}

/* ---- format() -------------------------------------------------------------------------------------------
 */

typedef struct FormatPiece {
    int argument;       /* 1.. when given, -1 = the next one */
    int width_argument; /* 1.. when given, 0 = the next one, -1 = none */
    int width;
    bool left;
} FormatPiece;

typedef struct FormatReader {
    const char *at, *end;
    Error *err;
} FormatReader;

static Status unterminated(FormatReader *reader) {
    (void)error_set(reader->err, SQLSTATE_INVALID_PARAMETER, "unterminated format() type specifier");
    return error_add_hint(reader->err, "For a single \"%%\" use \"%%%%\".");
}

static Status advance(FormatReader *reader) {
    return ++reader->at < reader->end ? STATUS_OK : unterminated(reader);
}

/* *found: whether there was a number, which something must follow. */
static Status read_digits(FormatReader *reader, int *value, bool *found) {
    *found = false;
    *value = 0;
    while (*reader->at >= '0' && *reader->at <= '9') {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *reader->at - '0', value))
            return error_set(reader->err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "number is out of range");
        TRY(advance(reader));
        *found = true;
    }
    return STATUS_OK;
}

static Status argument_zero(Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "format specifies argument 0, but arguments are numbered from 1");
}

static Status read_piece(FormatReader *reader, FormatPiece *piece) {
    int number;
    bool found;
    *piece = (FormatPiece){.argument = -1, .width_argument = -1};
    TRY(read_digits(reader, &number, &found));
    if (found) {
        if (*reader->at != '$') {
            piece->width = number;
            return STATUS_OK;
        }
        piece->argument = number;
        if (number == 0) return argument_zero(reader->err);
        TRY(advance(reader));
    }
    while (*reader->at == '-') {
        piece->left = true;
        TRY(advance(reader));
    }
    if (*reader->at != '*') return read_digits(reader, &piece->width, &found);
    TRY(advance(reader));
    TRY(read_digits(reader, &number, &found));
    piece->width_argument = 0;
    if (!found) return STATUS_OK;
    if (*reader->at != '$')
        return error_set(reader->err, SQLSTATE_INVALID_PARAMETER,
                         "width argument position must be ended by \"$\"");
    piece->width_argument = number;
    return number == 0 ? argument_zero(reader->err) : advance(reader);
}

static void append_padded(StrBuf *out, const char *text, size_t length, int width, bool left) {
    if (width < 0) {
        left = true;
        width = width == INT32_MIN ? INT32_MAX : -width;
    }
    int64_t missing = (int64_t)width - (int64_t)utf8_count(text, length);
    for (int64_t i = 0; !left && i < missing; i++)
        strbuf_append_char(out, ' ');
    strbuf_append(out, text, length);
    for (int64_t i = 0; left && i < missing; i++)
        strbuf_append_char(out, ' ');
}

static Status append_argument(StrBuf *out, char kind, const StringView *value, const FormatPiece *piece,
                              Error *err) {
    StrBuf quoted;
    if (!value) {
        if (kind == 'I')
            return error_set(err, "22004", "null values cannot be formatted as an SQL identifier");
        const char *text = kind == 'L' ? "NULL" : "";
        append_padded(out, text, strlen(text), piece->width, piece->left);
        return STATUS_OK;
    }
    if (kind == 's') {
        append_padded(out, stringview_data(value), value->length, piece->width, piece->left);
        return STATUS_OK;
    }
    strbuf_init(&quoted);
    if (kind == 'I')
        append_identifier(&quoted, value);
    else
        append_literal(&quoted, value);
    append_padded(out, strbuf_text(&quoted), quoted.length, piece->width, piece->left);
    strbuf_deinit(&quoted);
    return STATUS_OK;
}

static const StringView *value_of(const Vector *parts, int index, int row) {
    if (vector_is_null(&parts[index], row)) return NULL;
    return &((const StringView *)parts[index].values)[kernel_index(&parts[index], row)];
}

static Status too_few(Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "too few arguments for format()");
}

static Status read_width(const StringView *value, int *width, Error *err) {
    int64_t number = 0;
    *width = 0;
    if (!value) return STATUS_OK;
    TRY(integer_parse(stringview_data(value), value->length, INT32_MIN, INT32_MAX, "integer", &number, err));
    *width = (int)number;
    return STATUS_OK;
}

static Status format_row(const Vector *parts, int count, int row, StrBuf *out, Error *err) {
    const StringView *pattern = value_of(parts, 0, row);
    FormatReader reader = {stringview_data(pattern), stringview_data(pattern) + pattern->length, err};
    int next = 1;
    for (; reader.at < reader.end; reader.at++) {
        if (*reader.at != '%') {
            strbuf_append_char(out, *reader.at);
            continue;
        }
        TRY(advance(&reader));
        if (*reader.at == '%') {
            strbuf_append_char(out, '%');
            continue;
        }
        FormatPiece piece;
        TRY(read_piece(&reader, &piece));
        if (!strchr("sIL", *reader.at)) {
            size_t width = utf8_sequence_length(reader.at, (size_t)(reader.end - reader.at));
            (void)error_set(err, SQLSTATE_INVALID_PARAMETER, "unrecognized format() type specifier \"%.*s\"",
                            (int)(width ? width : 1), reader.at);
            return error_add_hint(err, "For a single \"%%\" use \"%%%%\".");
        }
        if (piece.width_argument >= 0) {
            if (piece.width_argument > 0) next = piece.width_argument;
            if (next >= count) return too_few(err);
            TRY(read_width(value_of(parts, next++, row), &piece.width, err));
        }
        if (piece.argument > 0) next = piece.argument;
        if (next >= count) return too_few(err);
        TRY(append_argument(out, *reader.at, value_of(parts, next++, row), &piece, err));
    }
    return STATUS_OK;
}

static Status text_format(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    Vector *parts = arena_alloc(call->arena, sizeof *parts * (size_t)call->arg_count);
    for (int i = 0; i < call->arg_count; i++)
        TRY(text_of_argument(call, i, true, &parts[i], err));
    Status status = STATUS_OK;
    StrBuf buffer;
    strbuf_init(&buffer);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        out[row] = stringview_make("", 0);
        if (vector_is_null(&parts[0], row)) {
            kernel_set_null(call, row);
            continue;
        }
        strbuf_reset(&buffer);
        status = format_row(parts, call->arg_count, row, &buffer, err);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return status;
}

/* ---- parse_ident ----------------------------------------------------------------------------------------
 */

static bool is_identifier_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_identifier_part(char c) {
    return is_identifier_start(c) || (c >= '0' && c <= '9') || c == '$';
}
static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        at++;
    return at;
}

static Status not_identifier(const StringView *text, Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "string is not a valid identifier: \"%.*s\"",
                     (int)text->length, stringview_data(text));
}

/* One part, quoted or not, into `part`; *at moves past it. False with *detail when it is none. */
static bool read_part(const char **at, const char *end, StrBuf *part, const char **detail) {
    strbuf_reset(part);
    if (*at < end && **at == '"') {
        for (++*at; *at < end; ++*at) {
            if (**at == '"' && !(*at + 1 < end && (*at)[1] == '"')) break;
            if (**at == '"') ++*at;
            strbuf_append_char(part, **at);
        }
        *detail = *at >= end ? "String has unclosed double quotes." : "Quoted identifier must not be empty.";
        if (*at >= end || part->length == 0) return false;
        ++*at;
        return true;
    }
    *detail = NULL;
    if (*at >= end || !is_identifier_start(**at)) return false;
    for (; *at < end && is_identifier_part(**at); ++*at)
        strbuf_append_char(part, **at >= 'A' && **at <= 'Z' ? (char)(**at + 32) : **at);
    return true;
}

static Status parse_identifier(const StringView *text, bool strict, ArrayBuilder *builder, StrBuf *part,
                               Error *err) {
    const char *at = stringview_data(text), *end = at + text->length, *detail = NULL;
    bool after_dot = false;
    for (at = skip_blanks(at, end);;) {
        if (!read_part(&at, end, part, &detail)) {
            (void)not_identifier(text, err);
            if (detail) return error_add_detail(err, "%s", detail);
            if (at < end && *at == '.') return error_add_detail(err, "No valid identifier before \".\".");
            if (after_dot) return error_add_detail(err, "No valid identifier after \".\".");
            return STATUS_ERROR;
        }
        TRY(array_builder_add_string(builder, strbuf_text(part), part->length, err));
        at = skip_blanks(at, end);
        if (at >= end) return STATUS_OK;
        if (*at != '.') return strict ? not_identifier(text, err) : STATUS_OK;
        after_dot = true;
        at = skip_blanks(at + 1, end);
    }
}

static Status text_parse_ident(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    Status status = STATUS_OK;
    StrBuf part;
    strbuf_init(&part);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        ArrayBuilder builder;
        array_builder_init(&builder, sqltype_of(SQL_TEXT), call->arena);
        bool strict = call->arg_count < 2 || KERNEL_ARG(call, 1, uint8_t, row);
        status = parse_identifier(kernel_text(call, 0, row), strict, &builder, &part, err);
        if (status == STATUS_OK) status = array_builder_finish(&builder, call->arena, &out[row], err);
    }
    strbuf_deinit(&part);
    return status;
}

/* ---- Unicode --------------------------------------------------------------------------------------------
 */

static Status bad_escape(Error *err) {
    (void)error_set(err, SQLSTATE_SYNTAX_ERROR, "invalid Unicode escape");
    return error_add_hint(err, "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.");
}

static bool read_hex(const char *at, const char *end, int digits, uint32_t *point) {
    if (end - at < digits) return false;
    *point = 0;
    for (int i = 0; i < digits; i++) {
        char c = at[i];
        int value = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (value < 0) return false;
        *point = *point << 4 | (uint32_t)value;
    }
    return true;
}

static Status unescape_row(const StringView *text, StrBuf *out, Error *err) {
    const char *at = stringview_data(text), *end = at + text->length;
    uint32_t high = 0, point = 0;
    while (at < end) {
        size_t used;
        if (*at != '\\' || (at + 1 < end && at[1] == '\\')) {
            if (high) break;
            strbuf_append_char(out, *at);
            at += *at == '\\' ? 2 : 1;
            continue;
        }
        if (read_hex(at + 1, end, 4, &point))
            used = 5;
        else if (end - at > 1 && at[1] == 'u' && read_hex(at + 2, end, 4, &point))
            used = 6;
        else if (end - at > 1 && at[1] == '+' && read_hex(at + 2, end, 6, &point))
            used = 8;
        else if (end - at > 1 && at[1] == 'U' && read_hex(at + 2, end, 8, &point))
            used = 10;
        else
            return bad_escape(err);
        if (point == 0 || point > 0x10FFFF)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid Unicode code point: %04X", point);
        bool low_half = point >= 0xDC00 && point < 0xE000, high_half = point >= 0xD800 && point < 0xDC00;
        if ((high != 0) != low_half) {
            high = 1;
            break;
        }
        at += used;
        if (high_half) {
            high = point;
            continue;
        }
        if (high) point = 0x10000 + ((high - 0xD800) << 10) + (point - 0xDC00);
        high = 0;
        utf8proc_uint8_t bytes[4];
        strbuf_append(out, bytes, (size_t)utf8proc_encode_char((utf8proc_int32_t)point, bytes));
    }
    if (high) return error_set(err, SQLSTATE_SYNTAX_ERROR, "invalid Unicode surrogate pair");
    return STATUS_OK;
}

static Status text_unistr(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    Status status = STATUS_OK;
    StrBuf buffer;
    strbuf_init(&buffer);
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        strbuf_reset(&buffer);
        status = unescape_row(kernel_text(call, 0, row), &buffer, err);
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    return status;
}

static Status normal_form(const KernelCall *call, int row, utf8proc_option_t *options, Error *err) {
    static const struct {
        const char *name;
        utf8proc_option_t options;
    } FORMS[] = {{"NFC", UTF8PROC_COMPOSE},
                 {"NFD", UTF8PROC_DECOMPOSE},
                 {"NFKC", UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
                 {"NFKD", UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT}};
    *options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    if (call->arg_count < 2) return STATUS_OK;
    const StringView *name = kernel_text(call, 1, row);
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++)
        if (name->length == strlen(FORMS[i].name) &&
            strncasecmp(stringview_data(name), FORMS[i].name, name->length) == 0) {
            *options = UTF8PROC_STABLE | FORMS[i].options;
            return STATUS_OK;
        }
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid normalization form: %.*s", (int)name->length,
                     stringview_data(name));
}

KERNEL_INLINE Status normalize_rows(const KernelCall *call, bool test, Error *err) {
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        utf8proc_option_t options;
        TRY(normal_form(call, row, &options, err));
        utf8proc_uint8_t *made = NULL;
        utf8proc_ssize_t length =
            utf8proc_map((const utf8proc_uint8_t *)stringview_data(text), text->length, &made, options);
        if (length < 0) {
            free(made);
            return error_set(err, "22021", "invalid byte sequence for encoding \"UTF8\"");
        }
        if (test)
            ((uint8_t *)call->out->values)[row] =
                (size_t)length == text->length && memcmp(made, stringview_data(text), (size_t)length) == 0;
        else
            ((StringView *)call->out->values)[row] = kernel_string(call, (const char *)made, (size_t)length);
        free(made);
    }
    return STATUS_OK;
}
static Status text_normalize(const KernelCall *call, Error *err) {
    return normalize_rows(call, false, err);
}
static Status text_is_normalized(const KernelCall *call, Error *err) {
    return normalize_rows(call, true, err);
}

/* ---- byte order whatever the collation ------------------------------------------------------------------
 */

static uint32_t unpadded(const StringView *text, bool padded) {
    uint32_t length = text->length;
    while (padded && length > 0 && stringview_data(text)[length - 1] == ' ')
        length--;
    return length;
}

KERNEL_INLINE Status pattern_order_rows(const KernelCall *call, bool padded, int first, int second) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *a = kernel_text(call, 0, row), *b = kernel_text(call, 1, row);
        StringView x = stringview_make(stringview_data(a), unpadded(a, padded));
        StringView y = stringview_make(stringview_data(b), unpadded(b, padded));
        int order = stringview_compare(&x, &y);
        order = order < 0 ? -1 : order > 0;
        out[row] = order == first || order == second;
    }
    return STATUS_OK;
}
#define PATTERN_ORDER(name, first, second)                                                                   \
    static Status text_##name(const KernelCall *call, Error *err) {                                          \
        return pattern_order_rows(call, false, first, second);                                               \
    }                                                                                                        \
    static Status bpchar_##name(const KernelCall *call, Error *err) {                                        \
        return pattern_order_rows(call, true, first, second);                                                \
    }
PATTERN_ORDER(before, -1, -1)
PATTERN_ORDER(not_after, -1, 0)
PATTERN_ORDER(after, 1, 1)
PATTERN_ORDER(not_before, 1, 0)

#define T K_TEXT
#define TA                                                                                                   \
    { .id = SQL_TEXT, .is_array = true }
#define ORDER_ROWS(symbol, name)                                                                             \
    KERNEL_FN(symbol, text_##name, K_BOOL, T, T), KERNEL_FN(symbol, bpchar_##name, K_BOOL, K_BPCHAR, K_BPCHAR)

static const ScalarFunction rows[] = {
    KERNEL_FN("quote_ident", text_quote_ident, T, T),
    {.name = "quote_nullable",
     .arg_count = 1,
     .args = {T},
     .result = T,
     .null_on_error = true,
     .eval = text_quote_nullable},
    {.name = "format", .arg_count = 1, .args = {T}, .result = T, .eval = text_format},
    {.name = "format",
     .arg_count = 2,
     .variadic = true,
     .args = {T, K_ANY},
     .result = T,
     .eval = text_format},
    KERNEL_FN_RAISES("parse_ident", text_parse_ident, TA, T),
    KERNEL_FN_RAISES("parse_ident", text_parse_ident, TA, T, K_BOOL),
    KERNEL_FN_RAISES("unistr", text_unistr, T, T),
    KERNEL_FN_RAISES("normalize", text_normalize, T, T),
    KERNEL_FN_RAISES("normalize", text_normalize, T, T, T),
    KERNEL_FN_RAISES("is_normalized", text_is_normalized, K_BOOL, T),
    KERNEL_FN_RAISES("is_normalized", text_is_normalized, K_BOOL, T, T),
    ORDER_ROWS("~<~", before),
    ORDER_ROWS("~<=~", not_after),
    ORDER_ROWS("~>~", after),
    ORDER_ROWS("~>=~", not_before),
};

FunctionTable quote_functions(void) {
    return KERNEL_TABLE(rows);
}
