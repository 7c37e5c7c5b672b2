#include <stdlib.h>
#include <string.h>

#include "engines/mysql/mysql_engine.h"
#include "engines/mysql/mysql_result.h"
#include "engines/mysql/mysql_value.h"

/* ---- parameters
 * ---------------------------------------------------------------------------------------------------- */

/* MySQL never sees a text that PostgreSQL would refuse for the type the parameter stands beside. */
static Status read_param(const Param *param, SqlType type, int number, Arena *arena, const char **value,
                         Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    bool is_number = sqltype_is_number(type);
    if (param->kind == PARAM_NULL) return STATUS_OK;
    if (memchr(param->text, 0, param->length))
        return error_set(err, "22021", "parameter $%d holds a zero byte", number);
    if (param->kind == PARAM_BOOL && is_number)
        return error_set(err, SQLSTATE_INVALID_TEXT,
                         "invalid input syntax for type %s: \"%.100s\" (parameter $%d)",
                         sqltype_name(type, false, name), param->text, number);
    if (mysql_value_read(param->text, type, arena, value, err) == STATUS_OK) return STATUS_OK;
    return error_add_detail(err, "It is parameter $%d.", number);
}

static void bind_bytes(MYSQL_BIND *bind, const char *hex, Arena *arena) {
    size_t length = strlen(hex) / 2;
    char *bytes = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (char)strtol(pair, NULL, 16);
    }
    *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_BLOB, .buffer = bytes, .buffer_length = length};
}

static void bind_value(MYSQL_BIND *bind, const char *value, SqlType type, Arena *arena) {
    long long *integer = arena_alloc(arena, sizeof *integer);
    double *number = arena_alloc(arena, sizeof *number);
    float *single = arena_alloc(arena, sizeof *single);
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL:
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
        *integer = strtoll(value, NULL, 10);
        *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = integer};
        return;
    case SQL_FLOAT8:
        *number = strtod(value, NULL);
        *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = number};
        return;
    case SQL_FLOAT4:
        *single = strtof(value, NULL);
        *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_FLOAT, .buffer = single};
        return;
    case SQL_BYTEA: bind_bytes(bind, value, arena); return;
    default:
        *bind =
            (MYSQL_BIND){.buffer_type = type.id == SQL_NUMERIC ? MYSQL_TYPE_NEWDECIMAL : MYSQL_TYPE_STRING,
                         .buffer = (void *)value,
                         .buffer_length = strlen(value)};
    }
}

static Status bind_params(MysqlCall *call, MYSQL_STMT *stmt, const Param *params, const SqlType *types,
                          const int *numbers, int count, Error *err) {
    if ((int)mysql_stmt_param_count(stmt) != count)
        return error_set(err, SQLSTATE_INTERNAL,
                         "the statement written for MySQL has another number of parameters");
    Arena arena;
    arena_init(&arena);
    MYSQL_BIND *binds = ARENA_NEW_ARRAY(&arena, MYSQL_BIND, count + 1);
    Status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        const char *value = NULL;
        status = read_param(&params[i], types[i], numbers ? numbers[i] + 1 : i + 1, &arena, &value, err);
        if (value)
            bind_value(&binds[i], value, types[i], &arena);
        else
            binds[i].buffer_type = MYSQL_TYPE_NULL;
    }
    if (status == STATUS_OK && count && mysql_stmt_bind_param(stmt, binds))
        status = mysql_call_error(call, stmt, err);
    if (status == STATUS_OK)
        status = mysql_call_execute(call, stmt, err); /* reads the bound memory: it may be freed after */
    arena_deinit(&arena);
    return status;
}

/* ---- running
 * ----------------------------------------------------------------------------------------------------------
 */

static Status run_once(MysqlCall *call, const char *sql, const Param *params, const SqlType *types,
                       const int *numbers, int param_count, MYSQL_STMT **stmt, Error *err) {
    TRY(mysql_call_prepare(call, sql, stmt, err));
    return bind_params(call, *stmt, params, types, numbers, param_count, err);
}

Status mysql_run(MysqlEngine *engine, const char *sql, const Param *params, const SqlType *types,
                 const int *numbers, int param_count, const SqlType *wanted, int wanted_count,
                 const char *command, bool is_read, Execution *execution, ArrowArrayStream *out, Error *err) {
    Error own = {0};
    err = err ? err : &own;
    for (int attempt = 0;; attempt++) {
        MysqlCall call = {.pool = &engine->pool, .cancel = execution->cancel};
        MYSQL_STMT *stmt = NULL;
        TRY(mysql_pool_take(&engine->pool, execution->cancel, &call.connection, err));
        if (run_once(&call, sql, params, types, numbers, param_count, &stmt, err) == STATUS_OK) {
            execution->stats->rows_affected =
                is_read || mysql_stmt_field_count(stmt) ? -1 : (int64_t)mysql_stmt_affected_rows(stmt);
            return mysql_result_stream(&call, stmt, wanted, wanted_count, execution, command, out, err);
        }
        /* A connection that died while it lay idle says so at the first use; nothing has run yet when that
         * was the prepare. A read may be repeated in any case. */
        bool stale = call.connection->broken && !call.connection->fresh && (is_read || !stmt);
        mysql_pool_give(&engine->pool, call.connection);
        bool over = attempt >= engine->config.max_connections || cancel_is_requested(execution->cancel);
        if (!stale || over) return STATUS_ERROR;
        error_clear(err);
    }
}

Status mysql_execute(Engine *engine, EnginePlan *base, Execution *execution, ArrowArrayStream *out,
                     Error *err) {
    MysqlPlan *plan = (MysqlPlan *)base;
    const DialectText *text = &plan->text;
    Param *params = calloc((size_t)text->param_count + 1, sizeof *params);
    Status status = STATUS_OK;
    for (int i = 0; i < text->param_count && status == STATUS_OK; i++) {
        if (text->params[i] >= execution->param_count)
            status = error_set(err, "08P01", "the statement needs %d parameters, %d were given",
                               text->params[i] + 1, execution->param_count);
        else
            params[i] = execution->params[text->params[i]];
    }
    if (status == STATUS_OK)
        status = mysql_run((MysqlEngine *)engine, text->sql, params, text->param_types, text->params,
                           text->param_count, text->result_types, text->result_count, plan->command,
                           plan->is_read, execution, out, err);
    free(params);
    return status;
}
