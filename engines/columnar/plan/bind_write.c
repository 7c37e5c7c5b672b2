/* Statements that write, as far as they are alike: the target, assignments, RETURNING, the last projection.
 */
#include "engines/columnar/plan/bind_write.h"

/* ---- the target ------------------------------------------------------------------------------------------
 */

static Status not_a_table(Binder *binder, const PgQuery__RangeVar *var, const char *verb,
                          const Error *failure, Error *err) {
    Definition *views;
    int count = 0;
    if (strcmp(failure->sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0)
        TRY(definition_find(binder, DEFINITION_VIEW, var->relname, &views, &count, err));
    if (count > 0) return error_set(err, "55000", "cannot %s view \"%s\"", verb, var->relname);
    if (strcmp(failure->sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0)
        return error_set_at(err, SQLSTATE_UNDEFINED_TABLE, binder_position(binder, var->location),
                            "relation \"%s\" does not exist", var->relname);
    if (err) *err = *failure;
    return STATUS_ERROR;
}

Status write_open_target(Binder *binder, const PgQuery__RangeVar *var, const char *verb, WritePlan *write,
                         Error *err) {
    const TableBinding *binding = bind_find_binding(binder, var);
    bool bound = binding && binding->table;
    const char *schema = bound                                 ? binding->table->schema
                         : var->schemaname && *var->schemaname ? var->schemaname
                                                               : NULL;
    Error failure = {0};
    if (binding && binding->engine != binder->self)
        return binder_unsupported(binder, var->location, err, "writing to table %s of another engine",
                                  var->relname);
    if (bind_load_version(binder, schema, bound ? binding->table->name : var->relname, &write->target,
                          &failure) != STATUS_OK)
        return not_a_table(binder, var, verb, &failure, err);
    write->namespace_name = write->target->namespace_name;
    write->name = write->target->name;
    write->columns = write->target->columns;
    write->column_count = write->target->column_count;
    write->file_column = write->action_column = write->value_column = write->returning_column = -1;
    return STATUS_OK;
}

Status write_find_column(Binder *binder, const WritePlan *write, const PgQuery__ResTarget *target, int *index,
                         Error *err) {
    *index = -1;
    for (int c = 0; c < write->column_count && *index < 0; c++)
        if (strcmp(write->columns[c].name, target->name) == 0) *index = c;
    if (*index < 0)
        return error_set_at(err, SQLSTATE_UNDEFINED_COLUMN, binder_position(binder, target->location),
                            "column \"%s\" of relation \"%s\" does not exist", target->name, write->name);
    if (target->n_indirection > 0)
        return binder_unsupported(binder, target->location, err, "assigning to a part of column %s",
                                  target->name);
    return STATUS_OK;
}

/* ---- assignment ------------------------------------------------------------------------------------------
 */

/* character(n) and varchar(n) refuse what is too long, unless only blanks are lost. */
static Status assign_length(Binder *binder, Expr *expr, SqlType target, Expr **out, Error *err) {
    const ScalarFunction *function = cast_function(expr->type, target, CAST_ASSIGNMENT);
    if (!function)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "an assignment to this type is not available in the columnar engine");
    Expr *cast = expr_new(binder->arena, EXPR_CAST, target, 1), *folded = NULL;
    cast->function = function;
    cast->args[0] = expr;
    cast->position = expr->position;
    *out = cast;
    if (expr_is_constant(expr)) TRY(constant_fold(binder->arena, cast, &folded, err));
    if (folded) *out = folded;
    return STATUS_OK;
}

static bool has_length(SqlType type) {
    return !type.is_array && type.precision > 0 && (type.id == SQL_VARCHAR || type.id == SQL_BPCHAR);
}

Status write_assign(Binder *binder, const TableColumn *column, Expr *expr, Expr **out, Error *err) {
    SqlType target = column->type;
    if (expr_is_unknown(expr)) {
        SqlType open = target;
        if (has_length(target)) open = sqltype_of(SQL_TEXT);
        TRY(coerce_exact(binder, expr, open, CAST_ASSIGNMENT, &expr, err));
    } else if (!pg_may_assign(expr->type, target)) {
        char from[SQLTYPE_NAME_BYTES], to[SQLTYPE_NAME_BYTES];
        (void)error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, expr->position,
                           "column \"%s\" is of type %s but expression is of type %s", column->name,
                           sqltype_name(target, false, to), sqltype_name(expr->type, false, from));
        return error_add_hint(err, "You will need to rewrite or cast the expression.");
    }
    bool same = expr->type.id == target.id && expr->type.precision == target.precision &&
                expr->type.is_array == target.is_array;
    if (has_length(target) && !same && !expr_is_null_constant(expr))
        return assign_length(binder, expr, target, out, err);
    return coerce_exact(binder, expr, target, CAST_ASSIGNMENT, out, err);
}

Expr *write_default(Binder *binder, const TableColumn *column) {
    return expr_null(binder->arena, column->type);
}

/* ---- SET -------------------------------------------------------------------------------------------------
 */

typedef struct SetState {
    Expr **row; /* of the (a, b) = ... that is being bound */
    int row_count;
} SetState;

/* (a, b) = (1, 2) or = (SELECT ...): its columns come as targets of their own, each with the whole source. */
static Status bind_multi(Query *query, const PgQuery__MultiAssignRef *ref, SetState *state, Node **item,
                         Expr **expr, Error *err) {
    Binder *binder = query->binder;
    Node *source = ref->source;
    *item = NULL;
    if (source->node_case == PG_QUERY__NODE__NODE_ROW_EXPR) {
        const PgQuery__RowExpr *row = source->row_expr;
        if ((int)row->n_args != ref->ncolumns)
            return error_set_at(err, SQLSTATE_SYNTAX_ERROR, binder_position(binder, row->location),
                                "number of columns does not match number of values");
        *item = row->args[ref->colno - 1];
        return STATUS_OK;
    }
    if (source->node_case != PG_QUERY__NODE__NODE_SUB_LINK)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression");
    if (ref->colno == 1) {
        int position = binder_position(binder, source->sub_link->location);
        TRY(bind_row_subquery(query, source->sub_link, ref->ncolumns, position, &state->row, err));
        state->row_count = ref->ncolumns;
    }
    if (ref->colno > state->row_count) return error_set(err, SQLSTATE_INTERNAL, "a row of SET has no source");
    *expr = state->row[ref->colno - 1];
    return STATUS_OK;
}

Status write_bind_set(Query *query, const WritePlan *write, Node *const *targets, size_t count, Expr **values,
                      Error *err) {
    Binder *binder = query->binder;
    SetState state = {0};
    query->clause = CLAUSE_UPDATE;
    for (size_t i = 0; i < count; i++) {
        const PgQuery__ResTarget *target = targets[i]->res_target;
        Node *item = target->val;
        Expr *expr = NULL;
        int column;
        if (item->node_case == PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF)
            TRY(bind_multi(query, item->multi_assign_ref, &state, &item, &expr, err));
        if (item && item->node_case != PG_QUERY__NODE__NODE_SET_TO_DEFAULT)
            TRY(bind_expr(query, item, &expr, err));
        TRY(write_find_column(binder, write, target, &column, err));
        if (values[column])
            return error_set(err, "42601", "multiple assignments to same column \"%s\"", target->name);
        if (expr)
            TRY(write_assign(binder, &write->columns[column], expr, &values[column], err));
        else
            values[column] = write_default(binder, &write->columns[column]);
    }
    return STATUS_OK;
}

/* ---- RETURNING -------------------------------------------------------------------------------------------
 */

Status write_bind_returning(Query *query, Node *const *nodes, size_t count, FromTable *table, Expr **values,
                            Error *err) {
    if (count == 0) return STATUS_OK;
    PendingJoin **before = query->pending_end;
    for (int c = 0; values && c < table->column_count; c++) {
        const Expr *old = table->columns[c].expr;
        for (int v = 0; v < query->from.column_count; v++)
            if (query->from.columns[v].expr == old) query->from.columns[v].expr = values[c];
        table->columns[c].expr = values[c];
    }
    query->clause = CLAUSE_RETURNING;
    TRY(bind_target_list(query, nodes, count, true, err));
    if (query->pending_end != before)
        return binder_unsupported(query->binder, -1, err, "a subquery in RETURNING");
    return STATUS_OK;
}

/* ---- the last projection ---------------------------------------------------------------------------------
 */

WriteOutput write_output(Binder *binder, Rel *input, int capacity) {
    WriteOutput output = {.binder = binder, .project = rel_new(binder, PLAN_PROJECT, 1)};
    output.project->inputs[0] = input;
    output.columns = ARENA_NEW_ARRAY(binder->arena, BoundColumn, capacity + 1);
    return output;
}

int write_output_add(WriteOutput *output, const char *name, Expr *expr) {
    Binder *binder = output->binder;
    int id = binder_add_column(binder, name, expr->type, true);
    if (expr->kind == EXPR_COLUMN) binder->columns[id].type_name = binder->columns[expr->column].type_name;
    binder->columns[id].has_modifiers = expr->declared;
    expr_list_add(binder->arena, &output->project->exprs, expr);
    id_list_add(binder->arena, &output->project->ids, id);
    output->columns[output->count] = (BoundColumn){.name = name, .id = id};
    return output->count++;
}

void write_output_values(WriteOutput *output, WritePlan *write, Expr *const *values) {
    write->value_column = output->count;
    for (int c = 0; c < write->column_count; c++)
        write_output_add(output, write->columns[c].name, values[c]);
}

void write_output_returning(WriteOutput *output, WritePlan *write, const Query *query) {
    if (query->visible_count == 0) return;
    write->returning_column = output->count;
    write->returning_count = query->visible_count;
    for (int i = 0; i < query->visible_count; i++)
        write_output_add(output, query->targets[i].name, query->targets[i].expr);
}

void write_output_finish(WriteOutput *output, BoundQuery *out) {
    *out = (BoundQuery){.rel = output->project, .columns = output->columns, .column_count = output->count};
}

/* ---- the way in ------------------------------------------------------------------------------------------
 */

Status bind_write(Binder *binder, Node *node, bool *handled, BoundQuery *out, Error *err) {
    WritePlan *write = ARENA_NEW(binder->arena, WritePlan);
    *handled = true;
    binder->plan->write = write;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT: return bind_insert(binder, node->insert_stmt, write, out, err);
    case PG_QUERY__NODE__NODE_UPDATE_STMT: return bind_update(binder, node->update_stmt, write, out, err);
    case PG_QUERY__NODE__NODE_DELETE_STMT: return bind_delete(binder, node->delete_stmt, write, out, err);
    case PG_QUERY__NODE__NODE_MERGE_STMT: return bind_merge(binder, node->merge_stmt, write, out, err);
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        if (!node->select_stmt->into_clause) break;
        return bind_create_as(binder, node->select_stmt, node->select_stmt->into_clause, write, out, err);
    case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
        if (node->create_table_as_stmt->objtype != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
            return binder_unsupported(binder, -1, err, "CREATE MATERIALIZED VIEW");
        if (node->create_table_as_stmt->query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
            return binder_unsupported(binder, -1, err, "CREATE TABLE AS of this statement");
        write->if_not_exists = node->create_table_as_stmt->if_not_exists;
        return bind_create_as(binder, node->create_table_as_stmt->query->select_stmt,
                              node->create_table_as_stmt->into, write, out, err);
    default: break;
    }
    *handled = false;
    binder->plan->write = NULL;
    return STATUS_OK;
}
