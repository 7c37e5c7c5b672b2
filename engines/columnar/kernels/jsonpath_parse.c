#include <ctype.h>
#include <stdlib.h>

#include "engines/columnar/kernels/jsonpath.h"

enum { PATH_DEEPEST = 500 };

typedef struct PathParser {
    const char *at, *end;
    Arena *arena;
    int depth, filters, subscripts;
    Error *err;
} PathParser;

static Status parse_or(PathParser *parser, PathNode **out);
static Status parse_expression(PathParser *parser, PathNode **out);

static Status bad_path(PathParser *parser) {
    if (parser->at >= parser->end)
        return error_set(parser->err, SQLSTATE_SYNTAX_ERROR, "syntax error at end of jsonpath input");
    const char *stop = parser->at;
    while (stop < parser->end && (isalnum((unsigned char)*stop) || *stop == '_' || (*stop & 0x80)))
        stop++;
    if (stop == parser->at) stop++;
    return error_set(parser->err, SQLSTATE_SYNTAX_ERROR, "syntax error at or near \"%.*s\" of jsonpath input",
                     (int)(stop - parser->at), parser->at);
}

static Status declined(PathParser *parser, const char *what) {
    return error_set(parser->err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "%s of jsonpath is not available in the columnar engine", what);
}

static void skip(PathParser *parser) {
    for (;;) {
        while (parser->at < parser->end &&
               (*parser->at == ' ' || (*parser->at >= '\t' && *parser->at <= '\r')))
            parser->at++;
        if (parser->end - parser->at < 2 || parser->at[0] != '/' || parser->at[1] != '*') return;
        const char *at = parser->at + 2;
        while (parser->end - at >= 2 && !(at[0] == '*' && at[1] == '/'))
            at++;
        if (parser->end - at < 2) return;
        parser->at = at + 2;
    }
}

static bool peek(PathParser *parser, const char *symbol) {
    skip(parser);
    size_t length = strlen(symbol);
    return (size_t)(parser->end - parser->at) >= length && memcmp(parser->at, symbol, length) == 0;
}

static bool take(PathParser *parser, const char *symbol) {
    if (!peek(parser, symbol)) return false;
    parser->at += strlen(symbol);
    return true;
}

static bool is_word_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

static bool peek_word(PathParser *parser, const char *word) {
    size_t length = strlen(word);
    if (!peek(parser, word)) return false;
    const char *after = parser->at + length;
    return after == parser->end || (!is_word_char(*after) && *after != '$');
}

static bool take_word(PathParser *parser, const char *word) {
    if (!peek_word(parser, word)) return false;
    parser->at += strlen(word);
    return true;
}

static Status expect(PathParser *parser, const char *symbol) {
    return take(parser, symbol) ? STATUS_OK : bad_path(parser);
}

static PathNode *node_new(PathParser *parser, PathKind kind) {
    PathNode *node = ARENA_NEW(parser->arena, PathNode);
    node->kind = (uint8_t)kind;
    return node;
}

static bool is_predicate(const PathNode *node) {
    return node->kind >= PATH_COMPARE && !node->next;
}

/* ---- tokens ---------------------------------------------------------------------------------------------
 */

/* A quoted string has json's escapes, and \' \v \xHH \u{...}: those are rewritten for json's reader. */
static Status read_quoted(PathParser *parser, JsonText *out) {
    StrBuf text, plain;
    strbuf_init(&text);
    strbuf_init(&plain);
    strbuf_append_char(&text, '"');
    Status status = STATUS_OK;
    for (parser->at++; parser->at < parser->end && *parser->at != '"'; parser->at++) {
        if (*parser->at != '\\') {
            strbuf_append_char(&text, *parser->at);
            continue;
        }
        if (++parser->at == parser->end) break;
        char c = *parser->at;
        if (c == 'v')
            strbuf_append_text(&text, "\\u000b");
        else if (strchr("bfnrtu\"\\/", c) && c) {
            if (c == 'u' && parser->at + 1 < parser->end && parser->at[1] == '{')
                status = declined(parser, "\\u{...}");
            strbuf_append_char(&text, '\\');
            strbuf_append_char(&text, c);
        } else if (c == 'x') {
            status = declined(parser, "\\x");
        } else {
            strbuf_append_char(&text, c);
        }
    }
    if (status == STATUS_OK && parser->at == parser->end)
        status = error_set(parser->err, SQLSTATE_SYNTAX_ERROR,
                           "unterminated quoted string at end of jsonpath input");
    if (status == STATUS_OK) {
        parser->at++;
        strbuf_append_char(&text, '"');
        status = json_unescape((JsonText){strbuf_text(&text), text.length}, &plain, parser->err);
    }
    *out = (JsonText){arena_memdup(parser->arena, strbuf_text(&plain), plain.length + 1), plain.length};
    strbuf_deinit(&text);
    strbuf_deinit(&plain);
    return status;
}

static Status read_name(PathParser *parser, JsonText *out) {
    if (parser->at < parser->end && *parser->at == '"') return read_quoted(parser, out);
    const char *start = parser->at;
    while (parser->at < parser->end && is_word_char(*parser->at))
        parser->at++;
    if (parser->at < parser->end && *parser->at == '\\') return declined(parser, "an escape in a name");
    if (parser->at == start || isdigit((unsigned char)*start)) {
        parser->at = start;
        return bad_path(parser);
    }
    *out = (JsonText){start, (size_t)(parser->at - start)};
    return STATUS_OK;
}

static Status read_integer(PathParser *parser, int64_t *out) {
    skip(parser);
    const char *start = parser->at;
    *out = 0;
    for (; parser->at < parser->end && isdigit((unsigned char)*parser->at); parser->at++)
        if (*out < INT32_MAX) *out = *out * 10 + (*parser->at - '0');
    return parser->at > start ? STATUS_OK : bad_path(parser);
}

static Status read_number(PathParser *parser, PathNode **out) {
    const char *start = parser->at;
    StrBuf digits;
    while (parser->at < parser->end && isdigit((unsigned char)*parser->at))
        parser->at++;
    const char *whole_end = parser->at, *fraction = NULL, *fraction_end = NULL;
    if (parser->at < parser->end && *parser->at == '.' &&
        (parser->at + 1 == parser->end || isdigit((unsigned char)parser->at[1]) ||
         !(is_word_char(parser->at[1]) || parser->at[1] == '*' || parser->at[1] == '"'))) {
        fraction = ++parser->at;
        while (parser->at < parser->end && isdigit((unsigned char)*parser->at))
            parser->at++;
        fraction_end = parser->at;
    }
    const char *exponent = NULL;
    if (parser->at < parser->end && (*parser->at | 0x20) == 'e') {
        const char *at = parser->at + 1;
        if (at < parser->end && (*at == '+' || *at == '-')) at++;
        if (at < parser->end && isdigit((unsigned char)*at)) {
            exponent = parser->at;
            while (at < parser->end && isdigit((unsigned char)*at))
                at++;
            parser->at = at;
        }
    }
    if (parser->at < parser->end && is_word_char(*parser->at))
        return error_set(parser->err, SQLSTATE_SYNTAX_ERROR,
                         "trailing junk after numeric literal at or near \"%.*s\" of jsonpath input",
                         (int)(parser->at + 1 - start), start);
    strbuf_init(&digits);
    strbuf_append(&digits, whole_end > start ? start : "0",
                  whole_end > start ? (size_t)(whole_end - start) : 1);
    if (fraction && fraction_end > fraction) {
        strbuf_append_char(&digits, '.');
        strbuf_append(&digits, fraction, (size_t)(fraction_end - fraction));
    }
    if (exponent) strbuf_append(&digits, exponent, (size_t)(parser->at - exponent));
    char *copy = arena_memdup(parser->arena, strbuf_text(&digits), digits.length + 1);
    size_t length = digits.length;
    strbuf_deinit(&digits);
    *out = node_new(parser, PATH_LITERAL);
    (*out)->literal = json_new(parser->arena, JSON_IS_NUMBER);
    return json_number_text((JsonText){copy, length}, parser->arena, &(*out)->literal->text, parser->err);
}

/* ---- accessors ------------------------------------------------------------------------------------------
 */

static Status parse_subscripts(PathParser *parser, PathNode **out) {
    if (take(parser, "*")) {
        *out = node_new(parser, PATH_ANY_INDEX);
        return expect(parser, "]");
    }
    *out = node_new(parser, PATH_INDEX);
    PathRange ranges[64];
    int count = 0;
    parser->subscripts++;
    do {
        if (count == 64) return declined(parser, "more than 64 subscripts");
        ranges[count] = (PathRange){NULL, NULL};
        TRY(parse_expression(parser, &ranges[count].from));
        if (take_word(parser, "to")) TRY(parse_expression(parser, &ranges[count].to));
        count++;
    } while (take(parser, ","));
    parser->subscripts--;
    (*out)->ranges = arena_memdup(parser->arena, ranges, sizeof *ranges * (size_t)count);
    (*out)->range_count = count;
    return expect(parser, "]");
}

static Status parse_level(PathParser *parser, int64_t *out) {
    if (take_word(parser, "last")) {
        *out = INT64_MAX;
        return STATUS_OK;
    }
    return read_integer(parser, out);
}

static Status parse_levels(PathParser *parser, PathNode **out) {
    *out = node_new(parser, PATH_ANY_LEVEL);
    (*out)->last = INT64_MAX;
    if (!take(parser, "{")) return STATUS_OK;
    TRY(parse_level(parser, &(*out)->first));
    (*out)->last = (*out)->first;
    if (take_word(parser, "to")) TRY(parse_level(parser, &(*out)->last));
    return expect(parser, "}");
}

static Status parse_method(PathParser *parser, JsonText name, PathNode **out) {
    static const char *const NAMES[] = {"type", "size", "abs", "floor", "ceiling", "double"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strlen(NAMES[i]) == name.length && memcmp(NAMES[i], name.data, name.length) == 0) {
            *out = node_new(parser, PATH_METHOD);
            (*out)->detail = (uint8_t)i;
            TRY(expect(parser, "("));
            return expect(parser, ")");
        }
    if ((name.length == 8 && memcmp(name.data, "datetime", 8) == 0) ||
        (name.length == 8 && memcmp(name.data, "keyvalue", 8) == 0))
        return declined(parser, name.data[0] == 'd' ? ".datetime()" : ".keyvalue()");
    return bad_path(parser);
}

static Status parse_member(PathParser *parser, PathNode **out) {
    if (take(parser, "**")) return parse_levels(parser, out);
    if (take(parser, "*")) {
        *out = node_new(parser, PATH_ANY_KEY);
        return STATUS_OK;
    }
    skip(parser);
    bool quoted = parser->at < parser->end && *parser->at == '"';
    JsonText name;
    TRY(read_name(parser, &name));
    if (!quoted && peek(parser, "(")) return parse_method(parser, name, out);
    *out = node_new(parser, PATH_KEY);
    (*out)->text = name;
    return STATUS_OK;
}

static Status parse_filter(PathParser *parser, PathNode **out) {
    TRY(expect(parser, "("));
    *out = node_new(parser, PATH_FILTER);
    parser->filters++;
    TRY(parse_or(parser, &(*out)->left));
    parser->filters--;
    if (!is_predicate((*out)->left)) return bad_path(parser);
    return expect(parser, ")");
}

static Status parse_accessors(PathParser *parser, PathNode *base) {
    PathNode **next = &base->next;
    for (;;) {
        if (take(parser, "."))
            TRY(parse_member(parser, next));
        else if (take(parser, "["))
            TRY(parse_subscripts(parser, next));
        else if (take(parser, "?"))
            TRY(parse_filter(parser, next));
        else
            return STATUS_OK;
        next = &(*next)->next;
    }
}

/* ---- primaries ------------------------------------------------------------------------------------------
 */

static Status parse_word(PathParser *parser, PathNode **out) {
    *out = node_new(parser, PATH_LITERAL);
    if (take_word(parser, "null")) {
        (*out)->literal = json_new(parser->arena, JSON_IS_NULL);
    } else if (peek_word(parser, "true") || peek_word(parser, "false")) {
        (*out)->literal = json_new(parser->arena, JSON_IS_BOOL);
        (*out)->literal->boolean = take_word(parser, "true");
        if (!(*out)->literal->boolean) take_word(parser, "false");
    } else if (peek_word(parser, "last")) {
        if (!parser->subscripts)
            return error_set(parser->err, SQLSTATE_SYNTAX_ERROR, "LAST is allowed only in array subscripts");
        take_word(parser, "last");
        (*out)->kind = PATH_LAST;
    } else {
        return bad_path(parser);
    }
    return STATUS_OK;
}

static Status parse_exists(PathParser *parser, PathNode **out) {
    *out = node_new(parser, PATH_EXISTS);
    TRY(expect(parser, "("));
    TRY(parse_expression(parser, &(*out)->left));
    return expect(parser, ")");
}

static Status parse_parentheses(PathParser *parser, PathNode **out) {
    TRY(parse_or(parser, out));
    TRY(expect(parser, ")"));
    if (!is_predicate(*out) || !take_word(parser, "is")) return STATUS_OK;
    if (!take_word(parser, "unknown")) return bad_path(parser);
    PathNode *node = node_new(parser, PATH_IS_UNKNOWN);
    node->left = *out;
    *out = node;
    return STATUS_OK;
}

static Status parse_primary(PathParser *parser, PathNode **out) {
    skip(parser);
    if (parser->at == parser->end) return bad_path(parser);
    char c = *parser->at;
    if (c == '$') {
        parser->at++;
        bool named = parser->at < parser->end && (is_word_char(*parser->at) || *parser->at == '"');
        *out = node_new(parser, named ? PATH_VARIABLE : PATH_ROOT);
        if (named) TRY(read_name(parser, &(*out)->text));
    } else if (c == '@') {
        if (!parser->filters)
            return error_set(parser->err, SQLSTATE_SYNTAX_ERROR, "@ is not allowed in root expressions");
        parser->at++;
        *out = node_new(parser, PATH_CURRENT);
    } else if (c == '(') {
        parser->at++;
        TRY(parse_parentheses(parser, out));
        if ((*out)->next) { /* accessors go behind the whole of it */
            PathNode *last = *out;
            while (last->next)
                last = last->next;
            return parse_accessors(parser, last);
        }
    } else if (c == '"') {
        *out = node_new(parser, PATH_LITERAL);
        (*out)->literal = json_new(parser->arena, JSON_IS_STRING);
        TRY(read_quoted(parser, &(*out)->literal->text));
    } else if (isdigit((unsigned char)c) || c == '.') {
        TRY(read_number(parser, out));
    } else if (take_word(parser, "exists")) {
        return parse_exists(parser, out);
    } else {
        TRY(parse_word(parser, out));
    }
    return parse_accessors(parser, *out);
}

/* ---- operators ------------------------------------------------------------------------------------------
 */

static Status parse_unary(PathParser *parser, PathNode **out) {
    if (++parser->depth > PATH_DEEPEST)
        return error_set(parser->err, SQLSTATE_TOO_COMPLEX, "stack depth limit exceeded");
    Status status;
    if (peek(parser, "-") || peek(parser, "+")) {
        *out = node_new(parser, PATH_SIGN);
        (*out)->detail = (uint8_t)*parser->at++;
        status = parse_unary(parser, &(*out)->left);
        if (status == STATUS_OK && is_predicate((*out)->left)) status = bad_path(parser);
    } else if (peek(parser, "!") && !peek(parser, "!=")) {
        parser->at++;
        *out = node_new(parser, PATH_NOT);
        status = parse_unary(parser, &(*out)->left);
        if (status == STATUS_OK && !is_predicate((*out)->left)) status = bad_path(parser);
    } else {
        status = parse_primary(parser, out);
    }
    parser->depth--;
    return status;
}

static Status parse_binary(PathParser *parser, int level, PathNode **out) {
    if (level == 2) return parse_unary(parser, out);
    TRY(parse_binary(parser, level + 1, out));
    for (;;) {
        skip(parser);
        char c = parser->at < parser->end ? *parser->at : 0;
        bool match = level == 0 ? c == '+' || c == '-' : c == '*' || c == '/' || c == '%';
        if (!match) return STATUS_OK;
        if (is_predicate(*out)) return bad_path(parser);
        parser->at++;
        PathNode *node = node_new(parser, PATH_ARITHMETIC);
        node->detail = (uint8_t)c;
        node->left = *out;
        TRY(parse_binary(parser, level + 1, &node->right));
        if (is_predicate(node->right)) return bad_path(parser);
        *out = node;
    }
}

static Status parse_regex(PathParser *parser, PathNode *node) {
    JsonText pattern, flags = {"", 0};
    skip(parser);
    if (parser->at == parser->end || *parser->at != '"') return bad_path(parser);
    TRY(read_quoted(parser, &pattern));
    if (take_word(parser, "flag")) {
        skip(parser);
        if (parser->at == parser->end || *parser->at != '"') return bad_path(parser);
        TRY(read_quoted(parser, &flags));
    }
    bool fold = flags.length == 1 && flags.data[0] == 'i';
    if (flags.length && !fold) return declined(parser, "this flag of like_regex");
    const ScalarFunction *found[8];
    int count = function_candidates(fold ? "~*" : "~", found, 8);
    node->pattern = ARENA_NEW(parser->arena, Vector);
    StringView view = stringview_make(pattern.data, (uint32_t)pattern.length);
    vector_init_constant(node->pattern, sqltype_of(SQL_TEXT), &view, parser->arena);
    for (int i = 0; i < count && i < 8 && !node->regex; i++)
        if (sqltype_is(found[i]->args[0], SQL_TEXT)) node->regex = found[i];
    if (!node->regex) return declined(parser, "like_regex");
    const Vector *constants[2] = {NULL, node->pattern};
    if (!node->regex->bind) return STATUS_OK;
    return node->regex->bind(constants, 2, parser->arena, &node->regex_data, parser->err);
}

static Status parse_comparison(PathParser *parser, PathNode **out) {
    static const struct {
        const char *symbol;
        PathCompare compare;
    } SYMBOLS[] = {{"==", COMPARE_EQ}, {"!=", COMPARE_NE}, {"<>", COMPARE_NE}, {"<=", COMPARE_LE},
                   {">=", COMPARE_GE}, {"<", COMPARE_LT},  {">", COMPARE_GT}};
    TRY(parse_binary(parser, 0, out));
    for (size_t i = 0; i < sizeof SYMBOLS / sizeof SYMBOLS[0]; i++) {
        if (!take(parser, SYMBOLS[i].symbol)) continue;
        if (is_predicate(*out)) return bad_path(parser);
        PathNode *node = node_new(parser, PATH_COMPARE);
        node->detail = (uint8_t)SYMBOLS[i].compare;
        node->left = *out;
        TRY(parse_binary(parser, 0, &node->right));
        if (is_predicate(node->right)) return bad_path(parser);
        *out = node;
        return STATUS_OK;
    }
    bool starts = peek_word(parser, "starts");
    if (!starts && !peek_word(parser, "like_regex")) return STATUS_OK;
    if (is_predicate(*out)) return bad_path(parser);
    PathNode *node = node_new(parser, starts ? PATH_STARTS_WITH : PATH_LIKE_REGEX);
    node->left = *out;
    *out = node;
    take_word(parser, starts ? "starts" : "like_regex");
    if (!starts) return parse_regex(parser, node);
    if (!take_word(parser, "with")) return bad_path(parser);
    return parse_primary(parser, &node->right);
}

static Status parse_logic(PathParser *parser, bool either, PathNode **out) {
    TRY(either ? parse_logic(parser, false, out) : parse_comparison(parser, out));
    while (take(parser, either ? "||" : "&&")) {
        if (!is_predicate(*out)) return bad_path(parser);
        PathNode *node = node_new(parser, either ? PATH_OR : PATH_AND);
        node->left = *out;
        TRY(either ? parse_logic(parser, false, &node->right) : parse_comparison(parser, &node->right));
        if (!is_predicate(node->right)) return bad_path(parser);
        *out = node;
    }
    return STATUS_OK;
}

static Status parse_or(PathParser *parser, PathNode **out) {
    return parse_logic(parser, true, out);
}

static Status parse_expression(PathParser *parser, PathNode **out) {
    TRY(parse_binary(parser, 0, out));
    return is_predicate(*out) ? bad_path(parser) : STATUS_OK;
}

Status jsonpath_parse(JsonText text, Arena *arena, JsonPath *out, Error *err) {
    PathParser parser = {.at = text.data, .end = text.data + text.length, .arena = arena, .err = err};
    skip(&parser);
    if (parser.at == parser.end)
        return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type jsonpath: \"%.*s\"",
                         (int)text.length, text.data);
    out->lax = true;
    if (take_word(&parser, "strict"))
        out->lax = false;
    else
        take_word(&parser, "lax");
    TRY(parse_or(&parser, &out->root));
    skip(&parser);
    return parser.at == parser.end ? STATUS_OK : bad_path(&parser);
}
