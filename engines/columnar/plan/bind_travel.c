/* Tables of the past: FOR SYSTEM_TIME AS OF and FOR VERSION AS OF, which the router took off the text, and
 * the request's as_of. The value is known when the statement is planned; one that reads the clock is planned
 * each time it runs. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/base/clock.h"
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_travel.h"

/* ---- which clause is whose -------------------------------------------------------------------------------
 */

/* From a table's name to the blanks of a clause there is nothing but the rest of the name. */
static bool only_name_between(const char *sql, int from, int to) {
    int at = from;
    for (bool part = true; part;) {
        if (sql[at] == '"') {
            for (at++; at < to && (sql[at] != '"' || sql[at + 1] == '"'); at += sql[at] == '"' ? 2 : 1)
                ;
            at++;
        } else {
            while (at < to && (isalnum((unsigned char)sql[at]) || strchr("_$", sql[at]) || sql[at] & 0x80))
                at++;
        }
        while (at < to && isspace((unsigned char)sql[at]))
            at++;
        part = at < to && sql[at] == '.';
        for (at += part; part && at < to && isspace((unsigned char)sql[at]); at++)
            ;
    }
    return at == to;
}

static const TableTravel *find_travel(Binder *binder, const PgQuery__RangeVar *var) {
    const Statement *statement = binder->statement;
    for (int i = 0; i < statement->travel_count; i++) {
        const TableTravel *travel = &statement->travels[i];
        if (var->location < 0 || var->location >= travel->location) continue;
        if (!only_name_between(statement->sql, var->location, travel->location)) continue;
        binder->travels_used |= (uint64_t)1 << i;
        return travel;
    }
    return NULL;
}

Status binder_check_travels(const Binder *binder, Error *err) {
    for (int i = 0; i < binder->statement->travel_count; i++)
        if (!(binder->travels_used >> i & 1))
            return error_set_at(err, SQLSTATE_SYNTAX_ERROR, binder->statement->travels[i].position,
                                "FOR ... AS OF must follow the name of a table");
    return STATUS_OK;
}

/* ---- the value -------------------------------------------------------------------------------------------
 */

static Expr *fold_with_clock(Binder *binder, Expr *expr, Error *err) {
    static const char *const CLOCKS[] = {"now", "transaction_timestamp", "statement_timestamp"};
    for (int i = 0; i < expr->arg_count; i++) {
        expr->args[i] = fold_with_clock(binder, expr->args[i], err);
        if (!expr->args[i]) return NULL;
    }
    for (size_t i = 0; i < sizeof CLOCKS / sizeof CLOCKS[0] && expr->kind == EXPR_CALL; i++)
        if (expr->arg_count == 0 && strcmp(expr->function->name, CLOCKS[i]) == 0) {
            binder->plan->reads_moving_past = true;
            return constant_int(binder->arena, clock_wall_us(), sqltype_of(SQL_TIMESTAMPTZ));
        }
    Expr *folded = NULL;
    if (expr->kind != EXPR_CALL && expr->kind != EXPR_CAST) return expr;
    if (constant_fold(binder->arena, expr, &folded, err) != STATUS_OK) return NULL;
    return folded ? folded : expr;
}

typedef struct TimeText {
    Binder *binder;
    Node *node;
    int64_t timestamp_ms;
} TimeText;

static Status not_a_time(Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "the time of FOR SYSTEM_TIME AS OF must be known before the statement runs");
}

static Status time_value(void *context, Error *err) {
    TimeText *text = context;
    Binder *binder = text->binder;
    Query *query = ARENA_NEW(binder->arena, Query);
    Expr *expr = NULL;
    query_init(query, binder, NULL, NULL);
    query->clause = CLAUSE_VALUES;
    if (text->node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT ||
        text->node->select_stmt->n_target_list != 1)
        return not_a_time(err);
    TRY(bind_expr(query, text->node->select_stmt->target_list[0]->res_target->val, &expr, err));
    if (query->pending) return not_a_time(err);
    TRY(coerce_expr(binder, expr, sqltype_of(SQL_TIMESTAMPTZ), CAST_ASSIGNMENT, &expr, err));
    Error failure = {0};
    expr = fold_with_clock(binder, expr, &failure);
    if (!expr) {
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    if (!expr_is_constant(expr) || expr_is_null_constant(expr)) return not_a_time(err);
    int64_t microseconds = *(const int64_t *)expr->constant->values;
    text->timestamp_ms = microseconds / 1000 - (microseconds % 1000 < 0);
    return STATUS_OK;
}

/* Errors inside point to where the value stands in the statement. */
static Status read_time(Binder *binder, const char *value, int position, TableAsOf *out, Error *err) {
    TimeText text = {.binder = binder};
    Error failure = {0};
    const char *select = arena_printf(binder->arena, "SELECT (%s)", value);
    Status status = definition_parse(binder, select, &text.node, &failure);
    if (status == STATUS_OK) status = definition_inside(binder, NULL, time_value, &text, &failure);
    if (status != STATUS_OK) {
        failure.position = position;
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    *out = (TableAsOf){.snapshot_id = -1, .timestamp_ms = text.timestamp_ms};
    return STATUS_OK;
}

static bool read_snapshot_id(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == 0 && errno == 0;
}

static TableAsOf version_named(const char *name) {
    int64_t id;
    if (read_snapshot_id(name, &id)) return (TableAsOf){.snapshot_id = id, .timestamp_ms = -1};
    return (TableAsOf){.snapshot_id = -1, .timestamp_ms = -1, .ref = name};
}

/* A number, or a string constant. */
static Status read_version(Binder *binder, const TableTravel *travel, TableAsOf *out, Error *err) {
    Node *node;
    if (travel->text[0] != '\'' && read_snapshot_id(travel->text, &out->snapshot_id)) {
        *out = version_named(travel->text);
        return STATUS_OK;
    }
    TRY(definition_parse(binder, arena_printf(binder->arena, "SELECT %s", travel->text), &node, err));
    const Node *value =
        node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT && node->select_stmt->n_target_list == 1
            ? node->select_stmt->target_list[0]->res_target->val
            : NULL;
    if (!value || value->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        value->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
        return error_set_at(err, SQLSTATE_INVALID_PARAMETER, travel->position,
                            "a snapshot's number or the name of a branch or tag was expected");
    *out = version_named(arena_strdup(binder->arena, value->a_const->sval->sval));
    return STATUS_OK;
}

/* The request's: digits are a snapshot, what reads as a time is one, anything else names a branch or tag. */
static void read_as_of(Binder *binder, const char *text, TableAsOf *out) {
    Error ignored = {0};
    int64_t id;
    if (!read_snapshot_id(text, &id)) {
        Expr *literal = constant_text(binder->arena, text, sqltype_of(SQL_UNKNOWN)), *time = NULL;
        if (coerce_expr(binder, literal, sqltype_of(SQL_TIMESTAMPTZ), CAST_EXPLICIT, &time, &ignored) ==
                STATUS_OK &&
            expr_is_constant(time) && !expr_is_null_constant(time)) {
            int64_t microseconds = *(const int64_t *)time->constant->values;
            *out = (TableAsOf){.snapshot_id = -1, .timestamp_ms = microseconds / 1000};
            return;
        }
    }
    *out = version_named(text);
}

Status bind_travel(Binder *binder, const PgQuery__RangeVar *var, bool *travels, TableAsOf *out, int *position,
                   Error *err) {
    const TableTravel *travel = find_travel(binder, var);
    *travels = travel || binder->as_of;
    *position = travel ? travel->position : 0;
    if (travel)
        return travel->is_version ? read_version(binder, travel, out, err)
                                  : read_time(binder, travel->text, travel->position, out, err);
    if (binder->as_of) read_as_of(binder, binder->as_of, out);
    return STATUS_OK;
}
