#include <stdlib.h>
#include <string.h>

#include "engines/mysql/mysql_engine.h"
#include "engines/mysql/mysql_result.h"

/* ---- parameters ---------------------------------------------------------------------------------------------------- */

typedef struct BoundParams {
    MYSQL_BIND *binds;
    long long *integers;
} BoundParams;

static bool is_integer_text(const char *text) {
    if (*text == '-' || *text == '+')
        text++;
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_decimal_text(const char *text) {
    char *end;
    if (!*text || strspn(text, "+-0123456789.eE") != strlen(text))
        return false;
    strtod(text, &end);
    return *end == 0;
}

/* The kinds PostgreSQL would refuse for the type the parameter stands beside. */
static Status check_param(const Param *param, SqlType type, int number, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    bool bad = (sqltype_is_integer(type) && !is_integer_text(param->text)) ||
               ((type.id == SQL_NUMERIC || type.id == SQL_FLOAT4 || type.id == SQL_FLOAT8) && !is_decimal_text(param->text));
    if (param->kind == PARAM_NULL || param->kind == PARAM_BOOL || !bad)
        return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type %s: \"%.100s\" (parameter $%d)",
                     sqltype_name(type, false, name), param->text, number);
}

static void bind_param(MYSQL_BIND *bind, const Param *param, SqlType type, long long *integer) {
    bool as_integer = sqltype_is_integer(type) || (type.id == SQL_UNKNOWN && param->kind == PARAM_INT);
    bind->buffer_type = MYSQL_TYPE_STRING;
    bind->buffer = (void *)param->text;
    bind->buffer_length = param->length;
    if (param->kind == PARAM_NULL) {
        bind->buffer_type = MYSQL_TYPE_NULL;
    } else if (param->kind == PARAM_BOOL || (as_integer && strlen(param->text) < 19)) {
        *integer = param->kind == PARAM_BOOL ? param->text[0] == 't' : strtoll(param->text, NULL, 10);
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = integer;
    } else if (as_integer || param->kind == PARAM_NUMBER || sqltype_is_number(type)) {
        bind->buffer_type = MYSQL_TYPE_NEWDECIMAL;
    }
}

static Status bind_params(MysqlCall *call, MYSQL_STMT *stmt, const Param *params, const SqlType *types, int count, Error *err) {
    if ((int)mysql_stmt_param_count(stmt) != count)
        return error_set(err, SQLSTATE_INTERNAL, "the statement written for MySQL has another number of parameters");
    MYSQL_BIND *binds = calloc((size_t)count + 1, sizeof *binds);
    long long *integers = calloc((size_t)count + 1, sizeof *integers);
    Status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        status = check_param(&params[i], types[i], i + 1, err);
        bind_param(&binds[i], &params[i], types[i], &integers[i]);
    }
    if (status == STATUS_OK && count && mysql_stmt_bind_param(stmt, binds))
        status = mysql_call_error(call, stmt, err);
    if (status == STATUS_OK)
        status = mysql_call_execute(call, stmt, err); /* reads the bound memory: it may be freed after */
    free(binds);
    free(integers);
    return status;
}

/* ---- running ---------------------------------------------------------------------------------------------------------- */

static Status run_once(MysqlCall *call, const char *sql, const Param *params, const SqlType *types, int param_count,
                       MYSQL_STMT **stmt, Error *err) {
    TRY(mysql_call_prepare(call, sql, stmt, err));
    return bind_params(call, *stmt, params, types, param_count, err);
}

Status mysql_run(MysqlEngine *engine, const char *sql, const Param *params, const SqlType *types, int param_count,
                 const SqlType *wanted, int wanted_count, const char *command, bool is_read, Execution *execution,
                 ArrowArrayStream *out, Error *err) {
    Error own = {0};
    err = err ? err : &own;
    for (int attempt = 0;; attempt++) {
        MysqlCall call = {.pool = &engine->pool, .cancel = execution->cancel};
        MYSQL_STMT *stmt = NULL;
        TRY(mysql_pool_take(&engine->pool, execution->cancel, &call.connection, err));
        if (run_once(&call, sql, params, types, param_count, &stmt, err) == STATUS_OK) {
            execution->stats->rows_affected = is_read || mysql_stmt_field_count(stmt) ? -1 : (int64_t)mysql_stmt_affected_rows(stmt);
            return mysql_result_stream(&call, stmt, wanted, wanted_count, execution, command, out, err);
        }
        /* A connection that died while it lay idle says so at the first use; nothing has run yet when that was the
         * prepare. A read may be repeated in any case. */
        bool stale = call.connection->broken && !call.connection->fresh && (is_read || !stmt);
        mysql_pool_give(&engine->pool, call.connection);
        if (!stale || attempt >= engine->config.max_connections)
            return STATUS_ERROR;
        error_clear(err);
    }
}

Status mysql_execute(Engine *engine, EnginePlan *base, Execution *execution, ArrowArrayStream *out, Error *err) {
    MysqlPlan *plan = (MysqlPlan *)base;
    const DialectText *text = &plan->text;
    Param *params = calloc((size_t)text->param_count + 1, sizeof *params);
    Status status = STATUS_OK;
    for (int i = 0; i < text->param_count && status == STATUS_OK; i++) {
        if (text->params[i] >= execution->param_count)
            status = error_set(err, "08P01", "the statement needs %d parameters, %d were given", text->params[i] + 1,
                               execution->param_count);
        else
            params[i] = execution->params[text->params[i]];
    }
    if (status == STATUS_OK)
        status = mysql_run((MysqlEngine *)engine, text->sql, params, text->param_types, text->param_count, text->result_types,
                           text->result_count, plan->command, plan->is_read, execution, out, err);
    free(params);
    return status;
}
