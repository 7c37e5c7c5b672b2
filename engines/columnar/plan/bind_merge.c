/* MERGE: every row of the source beside the rows of the target that match it (or none). The first WHEN clause
 * that applies decides what becomes of the pair; a projection finds it once, another computes the values. */
#include "engines/columnar/plan/bind_write.h"

typedef struct MergeWhen {
    const PgQuery__MergeWhenClause *clause;
    Expr *condition; /* NULL = always */
    Expr **values;   /* INSERT, UPDATE */
} MergeWhen;

typedef struct Merge {
    Binder *binder;
    Query *query;
    PgQuery__MergeStmt *stmt;
    WritePlan *write;
    FromItem *target, *source, *both;
    int file_id, position_id;
    MergeWhen *whens;
    int when_count;
    Rel *rel;
} Merge;

static bool inserts(const PgQuery__MergeStmt *stmt) {
    for (size_t i = 0; i < stmt->n_merge_when_clauses; i++) {
        const PgQuery__MergeWhenClause *when = stmt->merge_when_clauses[i]->merge_when_clause;
        if (!when->matched && when->command_type != PG_QUERY__CMD_TYPE__CMD_NOTHING) return true;
    }
    return false;
}

static Status merge_join(Merge *merge, Error *err) {
    Query *query = merge->query;
    Binder *binder = merge->binder;
    PendingJoin *subqueries = NULL;
    bool outer = inserts(merge->stmt);
    query->clause = CLAUSE_FROM;
    TRY(bind_target_table(query, merge->stmt->relation, &merge->target, &merge->file_id, &merge->position_id,
                          err));
    TRY(bind_from_item(query, merge->stmt->source_relation, &merge->source, err));
    TRY(from_item_join(query, merge->source, merge->target, outer ? JOIN_LEFT : JOIN_INNER, &merge->both,
                       err));
    Rel *join = merge->both->rel;
    TRY(bind_on(query, merge->stmt->join_condition, merge->both, &join->predicates, &subqueries, err));
    if (subqueries) return binder_unsupported(binder, -1, err, "a subquery in MERGE's ON");
    if (outer) rel_mark_nullable(binder, merge->target->rel);
    query->from = *merge->both;
    return STATUS_OK;
}

/* ---- WHEN clauses ----------------------------------------------------------------------------------------
 */

static Status insert_action(Merge *merge, const PgQuery__MergeWhenClause *clause, Expr **values, Error *err) {
    Binder *binder = merge->binder;
    WritePlan *write = merge->write;
    size_t width = clause->n_target_list > 0 ? clause->n_target_list : (size_t)write->column_count;
    if (clause->n_values > width)
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "INSERT has more expressions than target columns");
    if (clause->n_values < clause->n_target_list && clause->n_values > 0)
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "INSERT has more target columns than expressions");
    merge->query->clause = CLAUSE_VALUES;
    for (size_t i = 0; i < clause->n_values; i++) {
        int column = (int)i;
        Expr *expr = NULL;
        if (clause->n_target_list > 0)
            TRY(write_find_column(binder, write, clause->target_list[i]->res_target, &column, err));
        if (values[column])
            return error_set(err, "42701", "column \"%s\" specified more than once",
                             write->columns[column].name);
        if (clause->values[i]->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT) continue;
        TRY(bind_expr(merge->query, clause->values[i], &expr, err));
        TRY(write_assign(binder, &write->columns[column], expr, &values[column], err));
    }
    for (int c = 0; c < write->column_count; c++)
        if (!values[c]) values[c] = write_default(binder, &write->columns[c]);
    return STATUS_OK;
}

static Status bind_when(Merge *merge, const PgQuery__MergeWhenClause *clause, MergeWhen *when, Error *err) {
    Query *query = merge->query;
    Binder *binder = merge->binder;
    int columns = merge->write->column_count;
    when->clause = clause;
    query->from = clause->matched ? *merge->both : *merge->source;
    query->from.rel = merge->both->rel;
    query->clause = CLAUSE_MERGE_WHEN;
    if (clause->condition) TRY(bind_condition(query, clause->condition, "WHEN", &when->condition, err));
    if (clause->command_type == PG_QUERY__CMD_TYPE__CMD_INSERT) {
        when->values = ARENA_NEW_ARRAY(binder->arena, Expr *, columns + 1);
        return insert_action(merge, clause, when->values, err);
    }
    if (clause->command_type != PG_QUERY__CMD_TYPE__CMD_UPDATE) return STATUS_OK;
    when->values = ARENA_NEW_ARRAY(binder->arena, Expr *, columns + 1);
    TRY(write_bind_set(query, merge->write, clause->target_list, clause->n_target_list, when->values, err));
    for (int c = 0; c < columns; c++)
        if (!when->values[c])
            when->values[c] = expr_copy(binder->arena, merge->target->tables[0]->columns[c].expr);
    return STATUS_OK;
}

static Status bind_whens(Merge *merge, Error *err) {
    const PgQuery__MergeStmt *stmt = merge->stmt;
    bool always[2] = {false, false};
    merge->whens = ARENA_NEW_ARRAY(merge->binder->arena, MergeWhen, stmt->n_merge_when_clauses + 1);
    for (size_t i = 0; i < stmt->n_merge_when_clauses; i++) {
        const PgQuery__MergeWhenClause *clause = stmt->merge_when_clauses[i]->merge_when_clause;
        if (always[clause->matched])
            return error_set(err, SQLSTATE_SYNTAX_ERROR,
                             "unreachable WHEN clause specified after unconditional WHEN clause");
        always[clause->matched] = !clause->condition;
        TRY(bind_when(merge, clause, &merge->whens[merge->when_count++], err));
    }
    return STATUS_OK;
}

/* ---- one row's fate --------------------------------------------------------------------------------------
 */

/* CASE over the clauses: their numbers from 1, or ELSE 0. */
static Expr *chosen_clause(Merge *merge) {
    Arena *arena = merge->binder->arena;
    SqlType number = sqltype_of(SQL_INT4);
    Expr *chosen = expr_new(arena, EXPR_CASE, number, 2 * merge->when_count + 1);
    for (int w = 0; w < merge->when_count; w++) {
        const MergeWhen *when = &merge->whens[w];
        Expr *matched =
            expr_new(arena, when->clause->matched ? EXPR_IS_NOT_NULL : EXPR_IS_NULL, sqltype_of(SQL_BOOL), 1);
        matched->args[0] = expr_column(merge->binder, merge->file_id);
        Expr *both = matched;
        if (when->condition) {
            both = expr_new(arena, EXPR_AND, sqltype_of(SQL_BOOL), 2);
            both->args[0] = matched;
            both->args[1] = when->condition;
        }
        chosen->args[2 * w] = both;
        chosen->args[2 * w + 1] = constant_int(arena, w + 1, number);
    }
    chosen->args[2 * merge->when_count] = constant_int(arena, 0, number);
    return chosen;
}

/* The columns of the join under new numbers, and the chosen clause as one more. */
static Rel *choose_project(Merge *merge, Rel *input, ColumnMap *map, int *chosen_id) {
    Binder *binder = merge->binder;
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    int *from = ARENA_NEW_ARRAY(binder->arena, int, input->ids.count + 1);
    Expr **to = ARENA_NEW_ARRAY(binder->arena, Expr *, input->ids.count + 1);
    project->inputs[0] = input;
    for (int i = 0; i < input->ids.count; i++) {
        int id = input->ids.items[i];
        ColumnInfo info = binder->columns[id];
        int copy = binder_add_column(binder, info.name, info.type, true);
        from[i] = id;
        to[i] = expr_column(binder, copy);
        expr_list_add(binder->arena, &project->exprs, expr_column(binder, id));
        id_list_add(binder->arena, &project->ids, copy);
    }
    *map = (ColumnMap){.from = from, .to = to, .count = input->ids.count};
    *chosen_id = binder_add_column(binder, "clause", sqltype_of(SQL_INT4), false);
    expr_list_add(binder->arena, &project->exprs, chosen_clause(merge));
    id_list_add(binder->arena, &project->ids, *chosen_id);
    return project;
}

static WriteAction action_of(const MergeWhen *when) {
    switch (when->clause->command_type) {
    case PG_QUERY__CMD_TYPE__CMD_INSERT: return ACTION_INSERT;
    case PG_QUERY__CMD_TYPE__CMD_UPDATE: return ACTION_UPDATE;
    case PG_QUERY__CMD_TYPE__CMD_DELETE: return ACTION_DELETE;
    default: return ACTION_NOTHING;
    }
}

/* CASE clause WHEN 1 THEN ... END over what each clause says; those that say nothing are left out. */
static Status by_clause(Merge *merge, int chosen_id, SqlType type, Expr *const *results, Expr *otherwise,
                        Expr **out, Error *err) {
    Binder *binder = merge->binder;
    int used = 0, at = 0;
    for (int w = 0; w < merge->when_count; w++)
        used += results[w] != NULL;
    Expr *all = expr_new(binder->arena, EXPR_CASE, type, 2 * used + 1);
    for (int w = 0; w < merge->when_count; w++) {
        if (!results[w]) continue;
        TRY(resolve_operator(binder, "=", expr_column(binder, chosen_id),
                             constant_int(binder->arena, w + 1, sqltype_of(SQL_INT4)), 0, &all->args[at],
                             err));
        all->args[at + 1] = results[w];
        at += 2;
    }
    all->args[at] = otherwise;
    *out = used > 0 ? all : otherwise;
    return STATUS_OK;
}

static Status project_fates(Merge *merge, Rel *chosen, const ColumnMap *map, int chosen_id, BoundQuery *out,
                            Error *err) {
    Binder *binder = merge->binder;
    WritePlan *write = merge->write;
    Arena *arena = binder->arena;
    WriteOutput output = write_output(binder, chosen, 3 + write->column_count);
    Expr **results = ARENA_NEW_ARRAY(arena, Expr *, merge->when_count + 1), *fate = NULL;
    write->file_column =
        write_output_add(&output, "_file", expr_substitute(arena, expr_column(binder, merge->file_id), map));
    write_output_add(&output, "_pos", expr_substitute(arena, expr_column(binder, merge->position_id), map));
    for (int w = 0; w < merge->when_count; w++)
        results[w] = constant_int(arena, action_of(&merge->whens[w]), sqltype_of(SQL_INT4));
    TRY(by_clause(merge, chosen_id, sqltype_of(SQL_INT4), results,
                  constant_int(arena, ACTION_NOTHING, sqltype_of(SQL_INT4)), &fate, err));
    write->action_column = write_output_add(&output, "action", fate);
    Expr **values = ARENA_NEW_ARRAY(arena, Expr *, write->column_count + 1);
    for (int c = 0; c < write->column_count; c++) {
        SqlType type = write->columns[c].type;
        for (int w = 0; w < merge->when_count; w++)
            results[w] =
                merge->whens[w].values ? expr_substitute(arena, merge->whens[w].values[c], map) : NULL;
        TRY(by_clause(merge, chosen_id, type, results, expr_null(arena, type), &values[c], err));
    }
    write_output_values(&output, write, values);
    write_output_finish(&output, out);
    return STATUS_OK;
}

Status bind_merge(Binder *binder, PgQuery__MergeStmt *stmt, WritePlan *write, BoundQuery *out, Error *err) {
    Merge merge = {.binder = binder, .stmt = stmt, .write = write, .query = ARENA_NEW(binder->arena, Query)};
    write->kind = WRITE_MERGE;
    query_init(merge.query, binder, NULL, NULL);
    TRY(query_add_ctes(merge.query, stmt->with_clause, err));
    TRY(write_open_target(binder, stmt->relation, "merge into", write, err));
    TRY(merge_join(&merge, err));
    TRY(bind_whens(&merge, err));
    TRY(query_check_ctes(merge.query, err));
    Rel *rel = query_place_all(merge.query, merge.query->pending, merge.both->rel);
    ColumnMap map;
    int chosen_id;
    Rel *chosen = choose_project(&merge, rel, &map, &chosen_id);
    return project_fates(&merge, chosen, &map, chosen_id, out, err);
}
