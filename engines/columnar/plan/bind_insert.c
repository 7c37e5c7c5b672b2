/* INSERT and CREATE TABLE AS: the rows of a query, each column cast as an assignment casts it. */
#include "engines/columnar/plan/bind_write.h"

typedef struct Insert {
    Binder *binder;
    PgQuery__InsertStmt *stmt;
    WritePlan *write;
    int *columns; /* column of the table for each column of the source */
    int column_count;
    Expr **values; /* per column of the table */
    Rel *rel;
} Insert;

static Status insert_columns(Insert *insert, Error *err) {
    const PgQuery__InsertStmt *stmt = insert->stmt;
    Binder *binder = insert->binder;
    insert->column_count = stmt->n_cols > 0 ? (int)stmt->n_cols : insert->write->column_count;
    insert->columns = ARENA_NEW_ARRAY(binder->arena, int, insert->column_count + 1);
    for (int i = 0; i < insert->column_count; i++) {
        insert->columns[i] = i;
        if (stmt->n_cols == 0) continue;
        const PgQuery__ResTarget *target = stmt->cols[i]->res_target;
        TRY(write_find_column(binder, insert->write, target, &insert->columns[i], err));
        for (int j = 0; j < i; j++)
            if (insert->columns[j] == insert->columns[i])
                return error_set_at(err, "42701", binder_position(binder, target->location),
                                    "column \"%s\" specified more than once", target->name);
    }
    return STATUS_OK;
}

static Status check_width(const Insert *insert, int given, int extra_position, Error *err) {
    if (given > insert->column_count)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, extra_position,
                            "INSERT has more expressions than target columns");
    if (given < insert->column_count && insert->stmt->n_cols > 0)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR,
                            binder_position(insert->binder, insert->stmt->cols[given]->res_target->location),
                            "INSERT has more target columns than expressions");
    return STATUS_OK;
}

/* ---- VALUES ----------------------------------------------------------------------------------------------
 */

static Status bind_value(Query *query, const TableColumn *column, Node *node, Expr **out, Error *err) {
    Expr *expr = NULL;
    if (node->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT) {
        *out = write_default(query->binder, column);
        return STATUS_OK;
    }
    TRY(bind_expr(query, node, &expr, err));
    return write_assign(query->binder, column, expr, out, err);
}

/* Each row's expressions take the columns' types, not one another's. */
static Status insert_values(Insert *insert, Query *query, const PgQuery__SelectStmt *select, Error *err) {
    Binder *binder = insert->binder;
    int width = (int)select->values_lists[0]->list->n_items;
    Rel *rel = rel_new(binder, PLAN_VALUES, 0);
    rel->value_row_count = (int)select->n_values_lists;
    rel->value_rows = ARENA_NEW_ARRAY(binder->arena, Expr **, rel->value_row_count);
    query->clause = CLAUSE_VALUES;
    for (int r = 0; r < rel->value_row_count; r++) {
        const PgQuery__List *list = select->values_lists[r]->list;
        if ((int)list->n_items != width)
            return error_set(err, SQLSTATE_SYNTAX_ERROR, "VALUES lists must all be the same length");
        Expr *extra = NULL;
        if (width > insert->column_count)
            TRY(bind_expr(query, list->items[insert->column_count], &extra, err));
        TRY(check_width(insert, width, extra ? extra->position : 0, err));
        rel->value_rows[r] = ARENA_NEW_ARRAY(binder->arena, Expr *, width + 1);
        for (int c = 0; c < width; c++)
            TRY(bind_value(query, &insert->write->columns[insert->columns[c]], list->items[c],
                           &rel->value_rows[r][c], err));
    }
    for (int c = 0; c < width; c++) {
        const TableColumn *column = &insert->write->columns[insert->columns[c]];
        int id = binder_add_column(binder, column->name, column->type, true);
        id_list_add(binder->arena, &rel->ids, id);
        insert->values[insert->columns[c]] = expr_column(binder, id);
    }
    insert->rel = query->pending ? rows_with_subqueries(query, rel) : rel;
    return STATUS_OK;
}

/* ---- SELECT ----------------------------------------------------------------------------------------------
 */

static Status insert_query(Insert *insert, Query *query, PgQuery__SelectStmt *select, Error *err) {
    Binder *binder = insert->binder;
    BoundQuery bound = {0};
    TRY(bind_query(binder, NULL, query->ctes, select, false, &bound, err));
    int given = bound.column_count, extra = insert->column_count;
    TRY(check_width(insert, given, given > extra ? bound.columns[extra].position : 0, err));
    for (int c = 0; c < given; c++) {
        const BoundColumn *source = &bound.columns[c];
        Expr *expr = source->literal ? source->literal : expr_column(binder, source->id);
        expr->position = source->position;
        int column = insert->columns[c];
        TRY(write_assign(binder, &insert->write->columns[column], expr, &insert->values[column], err));
    }
    insert->rel = bound.rel;
    return STATUS_OK;
}

static Status insert_source(Insert *insert, Query *query, Error *err) {
    PgQuery__InsertStmt *stmt = insert->stmt;
    if (!stmt->select_stmt) {
        FromItem outside = query->from;
        TRY(bind_from(query, NULL, 0, err));
        insert->rel = query->from.rel;
        query->from = outside;
        return STATUS_OK;
    }
    PgQuery__SelectStmt *select = stmt->select_stmt->select_stmt;
    bool plain_values = select->n_values_lists > 0 && select->n_sort_clause == 0 && !select->limit_count &&
                        !select->limit_offset && !select->with_clause;
    return plain_values ? insert_values(insert, query, select, err)
                        : insert_query(insert, query, select, err);
}

/* Nothing is unique here, so that nothing conflicts. */
static Status check_conflict_clause(Binder *binder, const PgQuery__OnConflictClause *clause, Error *err) {
    if (!clause) return STATUS_OK;
    if (clause->infer)
        return error_set(err, "42P10",
                         "there is no unique or exclusion constraint matching the ON CONFLICT specification");
    if (clause->action != PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING)
        return binder_unsupported(binder, clause->location, err, "this ON CONFLICT");
    return STATUS_OK;
}

/* What RETURNING sees: the target's columns as they are stored. */
static void insert_scope(Insert *insert, Query *query) {
    Binder *binder = insert->binder;
    const PgQuery__RangeVar *var = insert->stmt->relation;
    const char *alias = var->alias && *var->alias->aliasname ? var->alias->aliasname : var->relname;
    FromItem *item = from_item_new(query, alias, insert->rel);
    FromTable *table = item->tables[0];
    const TableBinding *binding = bind_find_binding(binder, var);
    table->schema = binding && binding->table ? binding->table->schema : NULL;
    table->columns = ARENA_NEW_ARRAY(binder->arena, VisibleColumn, insert->write->column_count + 1);
    for (int c = 0; c < insert->write->column_count; c++)
        table->columns[c] = (VisibleColumn){insert->write->columns[c].name, insert->values[c]};
    table->column_count = item->column_count = insert->write->column_count;
    item->columns = table->columns;
    query->from = *item;
}

Status bind_insert(Binder *binder, PgQuery__InsertStmt *stmt, WritePlan *write, BoundQuery *out, Error *err) {
    Insert insert = {.binder = binder, .stmt = stmt, .write = write};
    Query *query = ARENA_NEW(binder->arena, Query);
    write->kind = WRITE_INSERT;
    query_init(query, binder, NULL, NULL);
    TRY(query_add_ctes(query, stmt->with_clause, err));
    TRY(write_open_target(binder, stmt->relation, "insert into", write, err));
    TRY(check_conflict_clause(binder, stmt->on_conflict_clause, err));
    TRY(insert_columns(&insert, err));
    insert.values = ARENA_NEW_ARRAY(binder->arena, Expr *, write->column_count + 1);
    TRY(insert_source(&insert, query, err));
    for (int c = 0; c < write->column_count; c++)
        if (!insert.values[c]) insert.values[c] = write_default(binder, &write->columns[c]);
    query->pending = NULL;
    query->pending_end = &query->pending;
    insert_scope(&insert, query);
    TRY(write_bind_returning(query, stmt->returning_list, stmt->n_returning_list, NULL, NULL, err));
    TRY(query_check_ctes(query, err));
    WriteOutput output = write_output(binder, insert.rel, write->column_count + query->visible_count);
    write_output_values(&output, write, insert.values);
    write_output_returning(&output, write, query);
    write_output_finish(&output, out);
    return STATUS_OK;
}

/* ---- CREATE TABLE AS -------------------------------------------------------------------------------------
 */

static Status check_new_columns(const WritePlan *write, Error *err) {
    for (int a = 0; a < write->column_count; a++)
        for (int b = a + 1; b < write->column_count; b++)
            if (strcmp(write->columns[a].name, write->columns[b].name) == 0)
                return error_set(err, "42701", "column \"%s\" specified more than once",
                                 write->columns[a].name);
    return STATUS_OK;
}

Status bind_create_as(Binder *binder, PgQuery__SelectStmt *select, const PgQuery__IntoClause *into,
                      WritePlan *write, BoundQuery *out, Error *err) {
    PgQuery__SelectStmt plain = *select; /* without INTO it is a query like any other */
    plain.into_clause = NULL;
    write->kind = WRITE_CREATE_AS;
    write->name = arena_strdup(binder->arena, into->rel->relname);
    write->options = into;
    write->without_data = into->skip_data;
    write->file_column = write->action_column = write->returning_column = -1;
    const char *schema = into->rel->schemaname;
    write->namespace_name = schema && *schema ? arena_strdup(binder->arena, schema) : NULL;
    TRY(bind_query(binder, NULL, NULL, &plain, true, out, err));
    if (into->n_col_names > (size_t)out->column_count)
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "too many column names were specified");
    TableColumn *columns = ARENA_NEW_ARRAY(binder->arena, TableColumn, out->column_count + 1);
    for (int c = 0; c < out->column_count; c++) {
        const char *name =
            (size_t)c < into->n_col_names ? node_string(into->col_names[c]) : out->columns[c].name;
        columns[c] = (TableColumn){.name = arena_strdup(binder->arena, name),
                                   .type = binder->columns[out->columns[c].id].type,
                                   .nullable = true};
    }
    write->columns = columns;
    write->column_count = out->column_count;
    return check_new_columns(write, err);
}
