/* UPDATE and DELETE: the rows of the target that the condition picks, where they stand, and what becomes of
 * them. */
#include "engines/columnar/plan/bind_write.h"

typedef struct Change {
    Binder *binder;
    Query *query;
    WritePlan *write;
    FromItem *target;
    int file_id, position_id;
    Rel *rel;
} Change;

/* The target beside the items of FROM or USING, which must not read it. */
static Status change_from(Change *change, PgQuery__RangeVar *relation, Node *const *items, size_t count,
                          Error *err) {
    Query *query = change->query;
    FromItem *all = NULL;
    query->clause = CLAUSE_FROM;
    TRY(bind_target_table(query, relation, &change->target, &change->file_id, &change->position_id, err));
    all = change->target;
    if (count > 0) {
        TRY(bind_from(query, items, count, err));
        FromItem *others = ARENA_NEW(change->binder->arena, FromItem);
        *others = query->from;
        TRY(from_item_join(query, all, others, JOIN_INNER, &all, err));
    }
    query->from = *all;
    return STATUS_OK;
}

static Status change_condition(Change *change, Node *where, ExprList *conjuncts, Error *err) {
    change->query->clause = CLAUSE_WHERE;
    if (!where) return STATUS_OK;
    if (where->node_case == PG_QUERY__NODE__NODE_CURRENT_OF_EXPR)
        return binder_unsupported(change->binder, -1, err, "WHERE CURRENT OF");
    return bind_where_node(change->query, where, conjuncts, err);
}

static void change_rows(Change *change, const ExprList *conjuncts) {
    Query *query = change->query;
    Rel *rel = query_place_pending(query, query->from.rel, true, true);
    rel = query_place_pending(query, rel, true, false);
    rel = rel_filter(change->binder, rel, conjuncts);
    rel = query_place_pending(query, rel, false, true);
    change->rel = query_place_pending(query, rel, false, false);
}

static void add_place(Change *change, WriteOutput *output) {
    change->write->file_column =
        write_output_add(output, "_file", expr_column(change->binder, change->file_id));
    write_output_add(output, "_pos", expr_column(change->binder, change->position_id));
}

static Change change_new(Binder *binder, WritePlan *write, WriteKind kind) {
    Change change = {.binder = binder, .write = write, .query = ARENA_NEW(binder->arena, Query)};
    write->kind = kind;
    query_init(change.query, binder, NULL, NULL);
    return change;
}

Status bind_update(Binder *binder, PgQuery__UpdateStmt *stmt, WritePlan *write, BoundQuery *out, Error *err) {
    Change change = change_new(binder, write, WRITE_UPDATE);
    Query *query = change.query;
    ExprList conjuncts = {0};
    TRY(query_add_ctes(query, stmt->with_clause, err));
    TRY(write_open_target(binder, stmt->relation, "update", write, err));
    TRY(change_from(&change, stmt->relation, stmt->from_clause, stmt->n_from_clause, err));
    TRY(change_condition(&change, stmt->where_clause, &conjuncts, err));
    Expr **values = ARENA_NEW_ARRAY(binder->arena, Expr *, write->column_count + 1);
    TRY(write_bind_set(query, write, stmt->target_list, stmt->n_target_list, values, err));
    FromTable *table = change.target->tables[0];
    for (int c = 0; c < write->column_count; c++)
        if (!values[c]) values[c] = expr_copy(binder->arena, table->columns[c].expr);
    change_rows(&change, &conjuncts);
    TRY(write_bind_returning(query, stmt->returning_list, stmt->n_returning_list, table, values, err));
    TRY(query_check_ctes(query, err));
    WriteOutput output = write_output(binder, change.rel, 2 + write->column_count + query->visible_count);
    add_place(&change, &output);
    write_output_values(&output, write, values);
    write_output_returning(&output, write, query);
    write_output_finish(&output, out);
    return STATUS_OK;
}

Status bind_delete(Binder *binder, PgQuery__DeleteStmt *stmt, WritePlan *write, BoundQuery *out, Error *err) {
    Change change = change_new(binder, write, WRITE_DELETE);
    Query *query = change.query;
    ExprList conjuncts = {0};
    TRY(query_add_ctes(query, stmt->with_clause, err));
    TRY(write_open_target(binder, stmt->relation, "delete from", write, err));
    TRY(change_from(&change, stmt->relation, stmt->using_clause, stmt->n_using_clause, err));
    TRY(change_condition(&change, stmt->where_clause, &conjuncts, err));
    change_rows(&change, &conjuncts);
    TRY(write_bind_returning(query, stmt->returning_list, stmt->n_returning_list, NULL, NULL, err));
    TRY(query_check_ctes(query, err));
    write->whole_table = !stmt->where_clause && stmt->n_using_clause == 0 && stmt->n_returning_list == 0;
    WriteOutput output = write_output(binder, change.rel, 2 + query->visible_count);
    add_place(&change, &output);
    write_output_returning(&output, write, query);
    write_output_finish(&output, out);
    return STATUS_OK;
}
