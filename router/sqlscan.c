#include "router/sqlscan.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/utf8.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_ident_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_ident(char c) {
    return is_ident_start(c) || is_digit(c) || c == '$';
}
static bool is_operator(char c) {
    return c != 0 && strchr("~!@#^&|`?+-*/%<>=", c) != NULL;
}
static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The byte at `at`, 0 past the end: callers compare without a bounds check of their own. */
static char peek(const SqlScan *scan, size_t at) {
    return at < scan->length ? scan->text[at] : 0;
}

static size_t skip_line(const SqlScan *scan, size_t at) {
    while (at < scan->length && scan->text[at] != '\n' && scan->text[at] != '\r')
        at++;
    return at;
}

/* PostgreSQL's lexer takes a whole run of operator characters, at an operator and at each opening of a
 * comment, and gives back what it does not need: a megabyte of comment openings costs it minutes. This adds
 * up what it would read again. */
static void note_run(SqlScan *scan, size_t at) {
    if (at >= scan->run_end)
        for (scan->run_end = at; is_operator(peek(scan, scan->run_end));)
            scan->run_end++;
    scan->rescans += scan->run_end - at;
}

static size_t skip_block_comment(SqlScan *scan, size_t at) {
    int depth = 1;
    note_run(scan, at);
    for (at += 2; at < scan->length && depth > 0;) {
        if (peek(scan, at) == '*' && peek(scan, at + 1) == '/') {
            depth--;
            at += 2;
        } else if (peek(scan, at) == '/' && peek(scan, at + 1) == '*') {
            note_run(scan, at);
            depth++;
            at += 2;
        } else {
            at++;
        }
    }
    return at;
}

static size_t skip_blank(SqlScan *scan, size_t at) {
    for (;;) {
        if (at < scan->length && is_space(scan->text[at]))
            at++;
        else if (peek(scan, at) == '-' && peek(scan, at + 1) == '-')
            at = skip_line(scan, at);
        else if (peek(scan, at) == '/' && peek(scan, at + 1) == '*')
            at = skip_block_comment(scan, at);
        else
            return at;
    }
}

/* Two literals with a line break between them are one literal, in the mode of the first (E'..' keeps its
 * escapes). Returns the byte after the opening quote of the continuation, or 0 when there is none. */
static size_t find_continuation(const SqlScan *scan, size_t at) {
    bool newline = false;
    for (; at < scan->length; at++) {
        char c = scan->text[at];
        if (c == '\n' || c == '\r')
            newline = true;
        else if (c == '-' && peek(scan, at + 1) == '-')
            at = skip_line(scan, at) - 1;
        else if (!is_space(c))
            return newline && c == '\'' ? at + 1 : 0;
    }
    return 0;
}

static size_t skip_string(const SqlScan *scan, size_t at, bool escapes) {
    for (; at < scan->length; at++) {
        char c = scan->text[at];
        if (escapes && c == '\\') {
            at++;
        } else if (c == '\'') {
            if (peek(scan, at + 1) == '\'') {
                at++;
                continue;
            }
            size_t next = find_continuation(scan, at + 1);
            if (next == 0) return at + 1;
            at = next - 1;
        }
    }
    return scan->length;
}

static size_t skip_quoted_identifier(const SqlScan *scan, size_t at) {
    for (; at < scan->length; at++) {
        if (scan->text[at] != '"') continue;
        if (peek(scan, at + 1) != '"') return at + 1;
        at++;
    }
    return scan->length;
}

/* $tag$ ... $tag$ at `at`; 0 when the text there is no dollar quote. */
static size_t skip_dollar_quote(const SqlScan *scan, size_t at) {
    size_t end = at + 1;
    if (is_ident_start(peek(scan, end)))
        while (end < scan->length && is_ident(scan->text[end]) && scan->text[end] != '$')
            end++;
    if (peek(scan, end) != '$') return 0;
    size_t tag_length = end + 1 - at;
    const char *body = scan->text + end + 1;
    const char *close = memmem(body, scan->length - (end + 1), scan->text + at, tag_length);
    return close ? (size_t)(close - scan->text) + tag_length : scan->length;
}

static size_t skip_number(const SqlScan *scan, size_t at) {
    while (is_digit(peek(scan, at)))
        at++;
    /* "1..2" is two dots between two numbers, as in PL/pgSQL loops. */
    if (peek(scan, at) == '.' && peek(scan, at + 1) != '.')
        for (at++; is_digit(peek(scan, at));)
            at++;
    char e = lower(peek(scan, at)), sign = peek(scan, at + 1);
    bool exponent =
        e == 'e' && (is_digit(sign) || ((sign == '+' || sign == '-') && is_digit(peek(scan, at + 2))));
    if (exponent)
        for (at += 2; is_digit(peek(scan, at));)
            at++;
    return at;
}

static size_t skip_operator(SqlScan *scan, size_t at) {
    note_run(scan, at);
    size_t start = at;
    while (is_operator(peek(scan, at))) {
        bool comment = (scan->text[at] == '-' && peek(scan, at + 1) == '-') ||
                       (scan->text[at] == '/' && peek(scan, at + 1) == '*');
        if (comment && at > start) break;
        at++;
    }
    return at;
}

static size_t scan_word(const SqlScan *scan, size_t start, SqlTokenKind *kind) {
    char first = lower(scan->text[start]), second = peek(scan, start + 1);
    if (second == '\'' && (first == 'e' || first == 'b' || first == 'x' || first == 'n')) {
        *kind = SQLTOKEN_STRING;
        return skip_string(scan, start + 2, first == 'e');
    }
    if (first == 'u' && second == '&' && (peek(scan, start + 2) == '\'' || peek(scan, start + 2) == '"')) {
        bool identifier = peek(scan, start + 2) == '"';
        *kind = identifier ? SQLTOKEN_QUOTED : SQLTOKEN_STRING;
        return identifier ? skip_quoted_identifier(scan, start + 3) : skip_string(scan, start + 3, false);
    }
    *kind = SQLTOKEN_WORD;
    while (is_ident(peek(scan, start)))
        start++;
    return start;
}

static size_t scan_token(SqlScan *scan, size_t start, SqlTokenKind *kind) {
    char c = scan->text[start], after = peek(scan, start + 1);
    *kind = SQLTOKEN_PUNCTUATION;
    if (is_ident_start(c)) return scan_word(scan, start, kind);
    if (is_digit(c) || (c == '.' && is_digit(after))) {
        *kind = SQLTOKEN_NUMBER;
        return skip_number(scan, start);
    }
    if (c == '\'') {
        *kind = SQLTOKEN_STRING;
        return skip_string(scan, start + 1, false);
    }
    if (c == '"') {
        *kind = SQLTOKEN_QUOTED;
        return skip_quoted_identifier(scan, start + 1);
    }
    if (c == '$') {
        if (is_digit(after)) {
            *kind = SQLTOKEN_PARAM;
            for (start++; is_digit(peek(scan, start));)
                start++;
            return start;
        }
        size_t end = skip_dollar_quote(scan, start);
        if (end != 0) *kind = SQLTOKEN_STRING;
        return end != 0 ? end : start + 1;
    }
    if (c == ':' && (after == ':' || after == '=')) {
        *kind = SQLTOKEN_OPERATOR;
        return start + 2;
    }
    if (is_operator(c)) {
        *kind = SQLTOKEN_OPERATOR;
        return skip_operator(scan, start);
    }
    return start + 1;
}

void sqlscan_next(SqlScan *scan, SqlToken *out) {
    size_t start = skip_blank(scan, scan->next);
    if (start >= scan->length) {
        *out = (SqlToken){.kind = SQLTOKEN_END, .start = scan->length};
        scan->next = scan->length;
        return;
    }
    out->start = start;
    scan->next = scan_token(scan, start, &out->kind);
    out->length = scan->next - start;
}

bool sqltoken_is_word(const SqlScan *scan, const SqlToken *token, const char *lower_case_word) {
    if (token->kind != SQLTOKEN_WORD) return false;
    for (size_t i = 0; i < token->length; i++)
        if (lower(scan->text[token->start + i]) != lower_case_word[i]) /* also stops at the word's NUL */
            return false;
    return lower_case_word[token->length] == 0;
}

bool sqltoken_names(const SqlScan *scan, const SqlToken *token, const char *name) {
    if (token->kind == SQLTOKEN_WORD) return sqltoken_is_word(scan, token, name);
    if (token->kind != SQLTOKEN_QUOTED || scan->text[token->start] != '"' || token->length < 2) return false;
    const char *text = scan->text + token->start + 1;
    size_t length = token->length - 2;
    for (size_t i = 0; i < length; i++, name++) {
        if (text[i] != *name) return false;
        if (text[i] == '"') i++;
    }
    return *name == 0;
}

/* ---- measure ----------------------------------------------------------------------------------------------
 */

/* Only reserved words may end a segment: a column could be named like any other, and a chain of it would go
 * unseen.
 *
 * One open parenthesis, bracket or CASE. The tree below it is at most `deepest` nodes deep in the segments
 * already closed by a comma (or AND, OR, WHEN ...), and `chain + child` in the one being read. Set operations
 * and joins build left-deep trees across commas, so they are counted for the whole level. */
typedef struct NestLevel {
    int chain;
    int child;
    int deepest;
    int spine;
    int betweens; /* BETWEENs whose AND is still to come: that AND separates nothing */
    bool is_case;
} NestLevel;

typedef struct Nesting {
    NestLevel *levels;
    int count;
    int capacity;
    int open_depth; /* chain + spine of all open levels: grows while the text only opens */
} Nesting;

/* A sub-select is several tree nodes deep for one pair of parentheses. */
enum { SELECT_WEIGHT = 3, PAREN_WEIGHT = 1 };

enum { MOST_RESCANNED_BYTES = 20 << 20 };

static int level_depth(const NestLevel *level) {
    int segment = level->chain + level->child;
    return (segment > level->deepest ? segment : level->deepest) + level->spine;
}

static void nesting_push(Nesting *nest, bool is_case) {
    if (nest->count == nest->capacity) {
        nest->capacity = nest->capacity ? nest->capacity * 2 : 64;
        nest->levels = realloc(nest->levels, (size_t)nest->capacity * sizeof(NestLevel));
        if (!nest->levels) abort();
    }
    nest->open_depth += nest->count > 0 ? PAREN_WEIGHT : 0;
    nest->levels[nest->count++] = (NestLevel){.is_case = is_case};
}

static void nesting_end_segment(Nesting *nest) {
    NestLevel *level = &nest->levels[nest->count - 1];
    int segment = level->chain + level->child;
    if (segment > level->deepest) level->deepest = segment;
    nest->open_depth -= level->chain;
    level->chain = level->child = 0;
}

static void nesting_pop(Nesting *nest) {
    if (nest->count <= 1) return;
    NestLevel *level = &nest->levels[--nest->count];
    int depth = level_depth(level) + PAREN_WEIGHT;
    nest->open_depth -= level->chain + level->spine + PAREN_WEIGHT;
    NestLevel *outer = &nest->levels[nest->count - 1];
    if (depth > outer->child) outer->child = depth;
}

static void nesting_chain(Nesting *nest, int weight) {
    nest->levels[nest->count - 1].chain += weight;
    nest->open_depth += weight;
}

static void nesting_spine(Nesting *nest, int weight) {
    nest->levels[nest->count - 1].spine += weight;
    nest->open_depth += weight;
}

typedef enum WordEffect {
    WORD_NONE,
    WORD_CHAIN,
    WORD_SPINE,
    WORD_SET_OPERATION,
    WORD_SELECT,
    WORD_QUERY,
    WORD_CASE,
    WORD_END,
    WORD_ARM,
    WORD_AND,
    WORD_OR,
    WORD_BETWEEN
} WordEffect;

static WordEffect word_effect(const SqlScan *scan, const SqlToken *token) {
    static const struct {
        const char *word;
        WordEffect effect;
    } words[] = {
        {"select", WORD_SELECT},
        {"values", WORD_QUERY},
        {"table", WORD_QUERY},
        {"and", WORD_AND},
        {"or", WORD_OR},
        {"not", WORD_CHAIN},
        {"is", WORD_CHAIN},
        {"isnull", WORD_CHAIN},
        {"notnull", WORD_CHAIN},
        {"in", WORD_CHAIN},
        {"like", WORD_CHAIN},
        {"ilike", WORD_CHAIN},
        {"similar", WORD_CHAIN},
        {"escape", WORD_CHAIN},
        {"between", WORD_BETWEEN},
        {"collate", WORD_CHAIN},
        {"at", WORD_CHAIN},
        {"operator", WORD_CHAIN},
        {"overlaps", WORD_CHAIN},
        {"union", WORD_SET_OPERATION},
        {"intersect", WORD_SET_OPERATION},
        {"except", WORD_SET_OPERATION},
        {"join", WORD_SPINE},
        {"case", WORD_CASE},
        {"end", WORD_END},
        {"when", WORD_ARM},
        {"then", WORD_ARM},
        {"else", WORD_ARM},
    };
    if (token->kind != SQLTOKEN_WORD || token->length > 9) return WORD_NONE;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sqltoken_is_word(scan, token, words[i].word)) return words[i].effect;
    return WORD_NONE;
}

static void measure_word(Nesting *nest, WordEffect effect) {
    NestLevel *level = &nest->levels[nest->count - 1];
    switch (effect) {
    case WORD_NONE: break;
    case WORD_CHAIN: nesting_chain(nest, 1); break;
    case WORD_SPINE: nesting_spine(nest, 1); break;
    case WORD_SET_OPERATION:
        nesting_end_segment(nest);
        nesting_spine(nest, 1);
        break;
    case WORD_QUERY:
        nesting_chain(nest, SELECT_WEIGHT);
        break; /* VALUES may also be a column: ends nothing */
    case WORD_SELECT:
        nesting_end_segment(nest);
        nesting_chain(nest, SELECT_WEIGHT);
        break;
    case WORD_BETWEEN:
        level->betweens++;
        nesting_chain(nest, 1);
        break;
    case WORD_CASE:
        nesting_chain(nest, 1);
        nesting_push(nest, true);
        break;
    case WORD_END:
        if (level->is_case) nesting_pop(nest);
        break;
    case WORD_ARM:
        if (level->is_case) nesting_end_segment(nest);
        break;
    case WORD_AND:
        if (level->betweens > 0)
            level->betweens--;
        else
            nesting_end_segment(nest);
        break;
    case WORD_OR: nesting_end_segment(nest); break;
    }
}

/* PostgreSQL's lexer splits a run such as "+-+-" into several operators, so long runs count every character.
 */
static int operator_weight(const SqlToken *token) {
    return token->length <= 3 ? 1 : (int)token->length;
}

static void measure_token(Nesting *nest, const SqlScan *scan, const SqlToken *token, bool after_dot) {
    char c = scan->text[token->start];
    switch (token->kind) {
    case SQLTOKEN_WORD:
        if (!after_dot) /* t.end is a name */
            measure_word(nest, word_effect(scan, token));
        break;
    case SQLTOKEN_OPERATOR: nesting_chain(nest, operator_weight(token)); break;
    case SQLTOKEN_PUNCTUATION:
        if (c == '(' || c == '[') {
            nesting_push(nest, false);
        } else if (c == ')' || c == ']') {
            while (nest->count > 1 && nest->levels[nest->count - 1].is_case)
                nesting_pop(nest); /* CASE without END: the parser will refuse it */
            nesting_pop(nest);
        } else if (c == ',') {
            nesting_end_segment(nest);
        } else if (c == ';') {
            while (nest->count > 1)
                nesting_pop(nest);
            nest->levels[0] = (NestLevel){0};
            nest->open_depth = 0;
        }
        break;
    default: break;
    }
}

Status sqlscan_measure(const char *text, size_t length, int max_tokens, int max_depth, SqlMeasure *out,
                       Error *err) {
    SqlScan scan;
    sqlscan_init(&scan, text, length);
    Nesting nest = {0};
    nesting_push(&nest, false);
    *out = (SqlMeasure){0};
    Status status = STATUS_OK;
    bool after_dot = false;
    for (;;) {
        SqlToken token;
        sqlscan_next(&scan, &token);
        int position = 0;
        if (scan.rescans > MOST_RESCANNED_BYTES) {
            status =
                error_set(err, SQLSTATE_TOO_COMPLEX,
                          "the statement has too many comments or operators without a space between them");
            break;
        }
        if (token.kind == SQLTOKEN_END) break;
        if (++out->tokens > max_tokens) {
            position = (int)utf8_count(text, token.start) + 1;
            status = error_set_at(err, SQLSTATE_PROGRAM_LIMIT, position,
                                  "the statement has more than %d tokens", max_tokens);
            break;
        }
        measure_token(&nest, &scan, &token, after_dot);
        after_dot = sqltoken_is_char(&scan, &token, '.');
        const NestLevel *level = &nest.levels[nest.count - 1];
        int depth = nest.open_depth - level->chain - level->spine + level_depth(level);
        if (depth > out->depth) out->depth = depth;
        if (depth > max_depth) {
            out->depth_offset = token.start;
            position = (int)utf8_count(text, token.start) + 1;
            status = error_set_at(err, SQLSTATE_TOO_COMPLEX, position,
                                  "the statement is nested too deeply (more than %d levels)", max_depth);
            status = error_add_hint(
                err,
                "Write long chains of operators as lists (IN, VALUES, ANY) and split deeply nested queries.");
            break;
        }
    }
    free(nest.levels);
    return status;
}
