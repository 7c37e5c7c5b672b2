/* CALL signalbox.NAME(...): what has no statement of its own. Arguments are constants, by position or by name
 * (name => value); the answer is one row. */
#include "engines/columnar/dml/procedures.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/columnar/exec/arrow_export.h"
#include "engines/columnar/iceberg/table_change.h"

/* ---- arguments -------------------------------------------------------------------------------------------
 */

static const Procedure *find_procedure(const char *name) {
    static const Procedure REFS[] = {
        {"rollback_to_snapshot",
         {{"table", ARGUMENT_TEXT}, {"snapshot_id", ARGUMENT_NUMBER}},
         2,
         2,
         procedure_rollback},
        {"create_branch",
         {{"table", ARGUMENT_TEXT}, {"branch", ARGUMENT_TEXT}, {"snapshot_id", ARGUMENT_NUMBER}},
         3,
         2,
         procedure_create_branch},
        {"create_tag",
         {{"table", ARGUMENT_TEXT}, {"tag", ARGUMENT_TEXT}, {"snapshot_id", ARGUMENT_NUMBER}},
         3,
         2,
         procedure_create_tag},
        {"drop_ref", {{"table", ARGUMENT_TEXT}, {"ref", ARGUMENT_TEXT}}, 2, 2, procedure_drop_ref},
    };
    for (size_t i = 0; i < sizeof REFS / sizeof REFS[0]; i++)
        if (strcmp(REFS[i].name, name) == 0) return &REFS[i];
    return procedure_maintenance(name);
}

static Status wrong_argument(const Ddl *ddl, const ProcedureParameter *parameter, int location, Error *err) {
    return error_set_at(err, SQLSTATE_INVALID_PARAMETER, binder_position(ddl->binder, location),
                        parameter->kind == ARGUMENT_NUMBER
                            ? "argument \"%s\" must be a whole number, not negative"
                            : "argument \"%s\" must be a string",
                        parameter->name);
}

static Status read_argument(const Ddl *ddl, const ProcedureParameter *parameter, const Node *node,
                            ProcedureArgument *out, Error *err) {
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) node = node->type_cast->arg;
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST) return wrong_argument(ddl, parameter, -1, err);
    const PgQuery__AConst *constant = node->a_const;
    const char *text = constant->val_case == PG_QUERY__A__CONST__VAL_SVAL   ? constant->sval->sval
                       : constant->val_case == PG_QUERY__A__CONST__VAL_FVAL ? constant->fval->fval
                                                                            : NULL;
    char *end = NULL;
    if (constant->isnull) return STATUS_OK;
    out->given = true;
    out->text = text;
    if (constant->val_case == PG_QUERY__A__CONST__VAL_IVAL) out->number = constant->ival->ival;
    if (constant->val_case == PG_QUERY__A__CONST__VAL__NOT_SET) out->number = 0;
    if (parameter->kind == ARGUMENT_TEXT)
        return text ? STATUS_OK : wrong_argument(ddl, parameter, constant->location, err);
    errno = 0;
    if (text) out->number = strtoll(text, &end, 10);
    bool whole = !text || (!errno && !*end && end != text);
    return whole && out->number >= 0 ? STATUS_OK : wrong_argument(ddl, parameter, constant->location, err);
}

static Status parameter_of(const Ddl *ddl, const Procedure *procedure, const Node *node, int at, int *index,
                           const Node **value, Error *err) {
    *index = at;
    *value = node;
    if (node->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR) {
        *value = node->named_arg_expr->arg;
        for (*index = 0; *index < procedure->parameter_count; ++*index)
            if (strcmp(procedure->parameters[*index].name, node->named_arg_expr->name) == 0) break;
    }
    if (*index < procedure->parameter_count) return STATUS_OK;
    return error_set(
        err, SQLSTATE_UNDEFINED_FUNCTION, "procedure signalbox.%s has no such argument: %s", procedure->name,
        *value != node ? node->named_arg_expr->name : arena_printf(ddl->arena, "number %d", at + 1));
}

static Status read_arguments(const Ddl *ddl, const Procedure *procedure, const PgQuery__FuncCall *call,
                             ProcedureArgument *arguments, Error *err) {
    for (size_t i = 0; i < call->n_args; i++) {
        int index;
        const Node *value;
        TRY(parameter_of(ddl, procedure, call->args[i], (int)i, &index, &value, err));
        if (arguments[index].given)
            return error_set(err, SQLSTATE_SYNTAX_ERROR, "argument \"%s\" is given twice",
                             procedure->parameters[index].name);
        TRY(read_argument(ddl, &procedure->parameters[index], value, &arguments[index], err));
    }
    for (int p = 0; p < procedure->required_count; p++)
        if (!arguments[p].given)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "procedure signalbox.%s needs argument \"%s\"",
                             procedure->name, procedure->parameters[p].name);
    return STATUS_OK;
}

/* 't' or 'namespace.t' */
static DdlTable table_of(const Ddl *ddl, const char *text) {
    const char *dot = strrchr(text, '.');
    if (!dot) return ddl_table(ddl, NULL, NULL, text);
    return ddl_table(ddl, NULL, arena_strndup(ddl->arena, text, (size_t)(dot - text)), dot + 1);
}

/* ---- answers ---------------------------------------------------------------------------------------------
 */

typedef struct OneRow {
    ArrowArray array;
} OneRow;

static Status one_row_next(void *state, ArrowArray *out, Error *err) {
    OneRow *row = state;
    (void)err;
    *out = row->array;
    row->array = (ArrowArray){0};
    return STATUS_OK;
}

static void one_row_close(void *state) {
    OneRow *row = state;
    arrow_array_release(&row->array);
    free(row);
}

Status procedure_answer(Ddl *ddl, const ProcedureResult *results, int count, Error *err) {
    PlanColumn *columns = ARENA_NEW_ARRAY(ddl->arena, PlanColumn, count + 1);
    Vector *vectors = ARENA_NEW_ARRAY(ddl->arena, Vector, count + 1);
    ArrowExport export;
    ArrowSchema schema;
    for (int i = 0; i < count; i++) {
        columns[i] = (PlanColumn){.name = results[i].name, .type = sqltype_of(SQL_INT8), .nullable = true};
        vector_init_constant(&vectors[i], sqltype_of(SQL_INT8),
                             results[i].value < 0 ? NULL : &results[i].value, ddl->arena);
        Vector flat;
        vector_flatten(&vectors[i], 1, &flat, ddl->arena);
        vectors[i] = flat;
    }
    Batch batch = {.row_count = 1, .column_count = count, .columns = vectors, .selected = 1};
    OneRow *row = calloc(1, sizeof *row);
    if (!row) abort();
    arrow_export_init(&export, columns, count);
    Status status = arrow_export_append(&export, &batch, 0, 1, err);
    if (status == STATUS_OK) arrow_export_finish(&export, &row->array);
    arrow_export_deinit(&export);
    if (status != STATUS_OK) {
        free(row);
        return status;
    }
    arrow_export_schema(columns, count, &schema);
    arrow_stream_make(ddl->out, &schema,
                      (ArrowStreamSource){.next = one_row_next, .close = one_row_close, .state = row});
    ddl->has_rows = true;
    return STATUS_OK;
}

/* ---- refs ------------------------------------------------------------------------------------------------
 */

static Status begin_change(const ProcedureCall *call, TableChange **out, int64_t *snapshot_id, Error *err) {
    TableVersion *version = NULL;
    TRY(table_catalog_load(call->ddl->context->catalog, call->table.namespace_name, call->table.name,
                           &version, err));
    *snapshot_id = version->snapshot_id;
    Status status = table_change_begin(call->ddl->context->catalog, version, out, err);
    table_version_release(version);
    return status;
}

static Status set_ref(const ProcedureCall *call, const char *ref, bool is_tag, bool given,
                      int64_t snapshot_id, Error *err) {
    TableChange *change = NULL;
    int64_t current;
    TRY(begin_change(call, &change, &current, err));
    if (!given) snapshot_id = current;
    Status status = snapshot_id < 0
                        ? error_set(err, "55000", "table \"%s\" has no snapshot yet", call->table.name)
                        : table_change_set_ref(change, ref, is_tag, snapshot_id, err);
    if (status != STATUS_OK) {
        table_change_abort(change);
        return status;
    }
    TRY(table_change_commit(change, NULL, err));
    ProcedureResult result = {"snapshot_id", snapshot_id};
    return procedure_answer(call->ddl, &result, 1, err);
}

Status procedure_rollback(const ProcedureCall *call, Error *err) {
    return set_ref(call, "main", false, true, call->arguments[1].number, err);
}

Status procedure_create_branch(const ProcedureCall *call, Error *err) {
    return set_ref(call, call->arguments[1].text, false, call->arguments[2].given, call->arguments[2].number,
                   err);
}

Status procedure_create_tag(const ProcedureCall *call, Error *err) {
    return set_ref(call, call->arguments[1].text, true, call->arguments[2].given, call->arguments[2].number,
                   err);
}

Status procedure_drop_ref(const ProcedureCall *call, Error *err) {
    TableChange *change = NULL;
    int64_t current;
    TRY(begin_change(call, &change, &current, err));
    if (table_change_drop_ref(change, call->arguments[1].text, err) != STATUS_OK) {
        table_change_abort(change);
        return STATUS_ERROR;
    }
    return table_change_commit(change, NULL, err);
}

/* ---- the way in ------------------------------------------------------------------------------------------
 */

Status ddl_call(Ddl *ddl, const PgQuery__CallStmt *stmt, Error *err) {
    const PgQuery__FuncCall *call = stmt->funccall;
    const char *name = call->funcname[call->n_funcname - 1]->string->sval;
    const Procedure *procedure = find_procedure(name);
    ProcedureArgument arguments[PROCEDURE_MAX_PARAMETERS] = {0};
    ddl->tag = "CALL";
    if (!procedure)
        return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, binder_position(ddl->binder, call->location),
                            "procedure signalbox.%s does not exist", name);
    TRY(read_arguments(ddl, procedure, call, arguments, err));
    if (ddl->check) return STATUS_OK;
    ProcedureCall run = {.ddl = ddl, .arguments = arguments, .table = table_of(ddl, arguments[0].text)};
    return procedure->run(&run, err);
}
