/* PostgreSQL's lexical rules, no more: finds token borders without allocating, so that a text can be measured
 * before libpg_query (which recurses, and costs far more) sees it, hints can be read, and a name can be found
 * in the text.
 *
 *   sqlscan_init → sqlscan_next until SQLTOKEN_END
 *
 * Never fails: what is malformed becomes some token, and the parser reports it later.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/base/error.h"

typedef enum SqlTokenKind {
    SQLTOKEN_END,
    SQLTOKEN_WORD,   /* keyword or unquoted identifier */
    SQLTOKEN_QUOTED, /* "identifier", U&"identifier" */
    SQLTOKEN_STRING, /* any string literal, continuation lines included */
    SQLTOKEN_NUMBER,
    SQLTOKEN_PARAM,      /* $1 */
    SQLTOKEN_OPERATOR,   /* a run of operator characters, or :: and := */
    SQLTOKEN_PUNCTUATION /* one of ( ) [ ] , ; . : or a byte of no meaning */
} SqlTokenKind;

typedef struct SqlToken {
    SqlTokenKind kind;
    size_t start; /* byte offset */
    size_t length;
} SqlToken;

typedef struct SqlScan {
    const char *text;
    size_t length;
    size_t next;
    size_t run_end;   /* of the run of operator characters last seen */
    uint64_t rescans; /* bytes PostgreSQL's lexer would read again, see sqlscan.c */
} SqlScan;

static inline void sqlscan_init(SqlScan *scan, const char *text, size_t length) {
    *scan = (SqlScan){.text = text, .length = length};
}
void sqlscan_next(SqlScan *scan, SqlToken *out);
bool sqltoken_is_word(const SqlScan *scan, const SqlToken *token, const char *lower_case_word);
static inline bool sqltoken_is_char(const SqlScan *scan, const SqlToken *token, char c) {
    return token->kind == SQLTOKEN_PUNCTUATION && scan->text[token->start] == c;
}
/* The identifier a WORD or QUOTED token names equals `name` (already folded). */
bool sqltoken_names(const SqlScan *scan, const SqlToken *token, const char *name);

/* What a text would cost a recursive parser. */
typedef struct SqlMeasure {
    int tokens;
    int depth;           /* upper bound of the parse tree's depth, in nodes that recurse */
    size_t depth_offset; /* byte at which the limit was passed */
} SqlMeasure;

/* Fails with 54000 (too many tokens), or 54001 (nested too deeply, or quadratic to lex), each with the
 * position. */
Status sqlscan_measure(const char *text, size_t length, int max_tokens, int max_depth, SqlMeasure *out,
                       Error *err);
