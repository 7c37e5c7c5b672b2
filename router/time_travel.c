#include "router/time_travel.h"

#include <string.h>
#include <strings.h>

#include "engines/base/utf8.h"
#include "router/sqlscan.h"

enum { MOST_TRAVELS = 64 };

typedef struct Clause {
    size_t start, end; /* of the whole clause */
    size_t value_start, value_end;
    bool version;
} Clause;

/* Most texts have no word OF, and are not looked at further. */
static bool may_have_clause(const char *sql, size_t length) {
    for (size_t i = 1; i + 1 < length; i++)
        if ((sql[i] | 32) == 'o' && (sql[i + 1] | 32) == 'f' && strchr(" \t\r\n\f\v/", sql[i - 1]) &&
            sql[i - 1])
            return true;
    return false;
}

static SqlToken peek(const SqlScan *scan) {
    SqlScan ahead = *scan;
    SqlToken token;
    sqlscan_next(&ahead, &token);
    return token;
}

static bool take_word(SqlScan *scan, const char *word) {
    SqlToken token = peek(scan);
    if (!sqltoken_is_word(scan, &token, word)) return false;
    sqlscan_next(scan, &token);
    return true;
}

static bool skip_parentheses(SqlScan *scan) {
    SqlToken token;
    int depth = 0;
    do {
        sqlscan_next(scan, &token);
        if (sqltoken_is_char(scan, &token, '(')) depth++;
        if (sqltoken_is_char(scan, &token, ')')) depth--;
        if (token.kind == SQLTOKEN_END) return false;
    } while (depth > 0);
    return true;
}

/* timestamp '...', timestamp with time zone '...', now(), current_timestamp */
static bool skip_named(SqlScan *scan) {
    SqlToken token;
    sqlscan_next(scan, &token);
    if (take_word(scan, "with"))
        return take_word(scan, "time") && take_word(scan, "zone") &&
               (sqlscan_next(scan, &token), token.kind == SQLTOKEN_STRING);
    SqlToken next = peek(scan);
    if (next.kind == SQLTOKEN_STRING) sqlscan_next(scan, &token);
    return sqltoken_is_char(scan, &next, '(') ? skip_parentheses(scan) : true;
}

static bool skip_primary(SqlScan *scan) {
    SqlToken token = peek(scan);
    bool known = true;
    if (sqltoken_is_char(scan, &token, '('))
        known = skip_parentheses(scan);
    else if (token.kind == SQLTOKEN_WORD)
        known = skip_named(scan);
    else if (token.kind == SQLTOKEN_STRING || token.kind == SQLTOKEN_NUMBER || token.kind == SQLTOKEN_PARAM)
        sqlscan_next(scan, &token);
    else
        return false;
    for (SqlToken cast = peek(scan); known && cast.length == 2 && !strncmp(scan->text + cast.start, "::", 2);
         cast = peek(scan)) {
        sqlscan_next(scan, &token);
        sqlscan_next(scan, &token);
        known = token.kind == SQLTOKEN_WORD;
    }
    return known;
}

static bool is_sign(const SqlScan *scan, const SqlToken *token) {
    return token->kind == SQLTOKEN_OPERATOR && token->length == 1 && strchr("+-", scan->text[token->start]);
}

static bool skip_expression(SqlScan *scan) {
    SqlToken token = peek(scan);
    if (!skip_primary(scan)) return false;
    for (token = peek(scan); is_sign(scan, &token); token = peek(scan)) {
        sqlscan_next(scan, &token);
        if (!skip_primary(scan)) return false;
    }
    return true;
}

static bool skip_version(SqlScan *scan) {
    SqlToken token;
    sqlscan_next(scan, &token);
    return token.kind == SQLTOKEN_NUMBER || token.kind == SQLTOKEN_STRING;
}

/* At the word FOR behind a name: *found tells whether it begins a clause. */
static Status read_clause(SqlScan *scan, size_t start, Clause *out, bool *found, Error *err) {
    bool time = take_word(scan, "system_time") || take_word(scan, "timestamp");
    bool version = !time && (take_word(scan, "version") || take_word(scan, "system_version"));
    *found = (time || version) && take_word(scan, "as") && take_word(scan, "of");
    if (!*found) return STATUS_OK;
    SqlToken first = peek(scan);
    *out = (Clause){.start = start, .value_start = first.start, .version = version};
    bool whole = version ? skip_version(scan) : skip_expression(scan);
    out->value_end = out->end = scan->next;
    if (whole) return STATUS_OK;
    return error_set_at(err, SQLSTATE_SYNTAX_ERROR, (int)utf8_count(scan->text, first.start) + 1,
                        version ? "FOR VERSION AS OF needs a snapshot's number or the name of a branch or tag"
                                : "FOR SYSTEM_TIME AS OF needs a time");
}

static Status find_clauses(const char *sql, size_t length, Clause *clauses, int *count, Error *err) {
    SqlScan scan;
    SqlToken before = {0}, token;
    sqlscan_init(&scan, sql, length);
    for (sqlscan_next(&scan, &token); token.kind != SQLTOKEN_END;
         before = token, sqlscan_next(&scan, &token)) {
        bool behind_name = before.kind == SQLTOKEN_WORD || before.kind == SQLTOKEN_QUOTED, found;
        if (!behind_name || !sqltoken_is_word(&scan, &token, "for")) continue;
        SqlScan ahead = scan;
        if (*count == MOST_TRAVELS)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "more than %d tables of the past", MOST_TRAVELS);
        TRY(read_clause(&ahead, token.start, &clauses[*count], &found, err));
        if (!found) continue;
        ++*count;
        scan = ahead;
        token.kind = SQLTOKEN_PUNCTUATION;
    }
    return STATUS_OK;
}

Status time_travel_take(const char *sql, size_t sql_length, Arena *arena, const char **out,
                        size_t *out_length, const TableTravel **travels, int *travel_count, Error *err) {
    Clause clauses[MOST_TRAVELS];
    *out = sql;
    *out_length = sql_length;
    *travels = NULL;
    *travel_count = 0;
    if (!may_have_clause(sql, sql_length) || !utf8_is_valid(sql, sql_length)) return STATUS_OK;
    TRY(find_clauses(sql, sql_length, clauses, travel_count, err));
    if (*travel_count == 0) return STATUS_OK;
    TableTravel *made = ARENA_NEW_ARRAY(arena, TableTravel, *travel_count);
    char *text = arena_alloc(arena, sql_length + 1);
    size_t from = 0, to = 0;
    for (int i = 0; i < *travel_count; i++) {
        const Clause *clause = &clauses[i];
        memcpy(text + to, sql + from, clause->start - from);
        to += clause->start - from;
        made[i] = (TableTravel){
            .is_version = clause->version,
            .location = (int)to,
            .position = (int)utf8_count(sql, clause->value_start) + 1,
            .text = arena_strndup(arena, sql + clause->value_start, clause->value_end - clause->value_start)};
        size_t blanks = utf8_count(sql + clause->start, clause->end - clause->start);
        memset(text + to, ' ', blanks);
        to += blanks;
        from = clause->end;
    }
    memcpy(text + to, sql + from, sql_length - from);
    to += sql_length - from;
    text[to] = 0;
    *travels = made;
    *out = text;
    *out_length = to;
    return STATUS_OK;
}
