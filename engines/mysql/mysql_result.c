#include "engines/mysql/mysql_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "engines/base/arrow_builder.h"
#include "engines/base/calendar.h"

enum { BINARY_CHARSET = 63, FIRST_BUFFER_BYTES = 256, ROWS_PER_BATCH = 2048, BYTES_PER_BATCH = 1 << 20 };

typedef struct ResultColumn {
    char name[128];
    SqlType type;
    enum enum_field_types buffer_type;
    char *buffer;
    unsigned long buffer_bytes;
    unsigned long length;
    my_bool is_null, truncated;
    MYSQL_TIME time;
    int64_t integer;
    double number;
} ResultColumn;

typedef struct MysqlResult {
    MysqlCall call;
    MYSQL_STMT *stmt;
    ResultColumn *columns;
    MYSQL_BIND *binds;
    int column_count;
    ArrowBuilder builder;
    Execution *execution;
    int64_t rows;
    bool ended;
} MysqlResult;

static SqlType decimal_type(const MYSQL_FIELD *field) {
    int precision = (int)field->length - (field->decimals ? 1 : 0) - (field->flags & UNSIGNED_FLAG ? 0 : 1);
    if (precision < 1 || precision > NUMERIC_MAX_PRECISION) return sqltype_of(SQL_NUMERIC);
    return sqltype_numeric(precision, (int)field->decimals);
}

SqlType mysql_field_type(const MYSQL_FIELD *field) {
    bool is_unsigned = field->flags & UNSIGNED_FLAG;
    switch (field->type) {
    case MYSQL_TYPE_TINY: return sqltype_of(field->length == 1 && !is_unsigned ? SQL_BOOL : SQL_INT2);
    case MYSQL_TYPE_SHORT: return sqltype_of(is_unsigned ? SQL_INT4 : SQL_INT2);
    case MYSQL_TYPE_YEAR: return sqltype_of(SQL_INT2);
    case MYSQL_TYPE_INT24: return sqltype_of(SQL_INT4);
    case MYSQL_TYPE_LONG: return sqltype_of(is_unsigned ? SQL_INT8 : SQL_INT4);
    case MYSQL_TYPE_LONGLONG: return is_unsigned ? sqltype_numeric(20, 0) : sqltype_of(SQL_INT8);
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL: return decimal_type(field);
    case MYSQL_TYPE_FLOAT: return sqltype_of(SQL_FLOAT4);
    case MYSQL_TYPE_DOUBLE: return sqltype_of(SQL_FLOAT8);
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE: return sqltype_of(SQL_DATE);
    case MYSQL_TYPE_DATETIME: return sqltype_of(SQL_TIMESTAMP);
    case MYSQL_TYPE_TIMESTAMP: return sqltype_of(SQL_TIMESTAMPTZ);
    case MYSQL_TYPE_TIME: return sqltype_of(SQL_INTERVAL);
    case MYSQL_TYPE_JSON: return sqltype_of(SQL_JSON);
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY: return sqltype_of(SQL_BYTEA);
    default: return sqltype_of(field->charsetnr == BINARY_CHARSET ? SQL_BYTEA : SQL_TEXT);
    }
}

/* A wanted type is taken when the server's value can be read as it. */
static SqlType settle_type(SqlType server, SqlType wanted) {
    bool numbers = sqltype_is_number(server) && sqltype_is_number(wanted);
    bool fits = server.id == wanted.id || numbers || (sqltype_is_text(server) && sqltype_is_text(wanted)) ||
                (sqltype_is(wanted, SQL_BOOL) && sqltype_is_integer(server)) ||
                (sqltype_is(wanted, SQL_TIMESTAMP) && server.id == SQL_TIMESTAMPTZ);
    if (!fits || wanted.is_array) return server;
    if (wanted.id == SQL_NUMERIC && !wanted.precision && server.id == SQL_NUMERIC)
        return sqltype_of(SQL_NUMERIC);
    return wanted;
}

/* ---- binding
 * ---------------------------------------------------------------------------------------------------- */

static void bind_column(ResultColumn *column, MYSQL_BIND *bind) {
    memset(bind, 0, sizeof *bind);
    bind->is_null = &column->is_null;
    bind->length = &column->length;
    bind->error = &column->truncated;
    switch ((SqlTypeId)column->type.id) {
    case SQL_BOOL:
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
        column->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &column->integer;
        break;
    case SQL_FLOAT4:
    case SQL_FLOAT8:
        column->buffer_type = MYSQL_TYPE_DOUBLE;
        bind->buffer = &column->number;
        break;
    case SQL_DATE:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_INTERVAL:
        column->buffer_type = column->type.id == SQL_DATE       ? MYSQL_TYPE_DATE
                              : column->type.id == SQL_INTERVAL ? MYSQL_TYPE_TIME
                                                                : MYSQL_TYPE_DATETIME;
        bind->buffer = &column->time;
        bind->buffer_length = sizeof column->time;
        break;
    default:
        column->buffer_type = column->type.id == SQL_BYTEA ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
        if (!column->buffer) {
            column->buffer_bytes = FIRST_BUFFER_BYTES;
            column->buffer = malloc(column->buffer_bytes);
        }
        bind->buffer = column->buffer;
        bind->buffer_length = column->buffer_bytes;
    }
    bind->buffer_type = column->buffer_type;
}

static Status bind_result(MysqlResult *result, Error *err) {
    if (result->column_count == 0) /* a write: there is nothing to bind, and the client library refuses to */
        return STATUS_OK;
    for (int i = 0; i < result->column_count; i++)
        bind_column(&result->columns[i], &result->binds[i]);
    if (mysql_stmt_bind_result(result->stmt, result->binds))
        return mysql_call_error(&result->call, result->stmt, err);
    return STATUS_OK;
}

/* ---- values
 * -------------------------------------------------------------------------------------------------------- */

static int64_t clock_us(const MYSQL_TIME *time) {
    return (((int64_t)time->hour * 60 + time->minute) * 60 + time->second) * 1000000 +
           (int64_t)time->second_part;
}

static Status append_time(ArrowColumn *out, const ResultColumn *column, const char *name, Error *err) {
    const MYSQL_TIME *time = &column->time;
    if (column->type.id == SQL_INTERVAL) {
        int64_t microseconds = clock_us(time) + (int64_t)time->day * 86400000000;
        arrow_append_interval(out, 0, 0, (time->neg ? -microseconds : microseconds) * 1000);
        return STATUS_OK;
    }
    if (time->month == 0 || time->day == 0)
        return error_set(err, "22008",
                         "column %s holds the date %04u-%02u-%02u, which PostgreSQL's dates do not have",
                         name, time->year, time->month, time->day);
    int64_t days = calendar_days_of(time->year, (int)time->month, (int)time->day);
    arrow_append_int(out, column->type.id == SQL_DATE ? days : days * 86400000000 + clock_us(time));
    return STATUS_OK;
}

/* "-12.50" → -1250 with the column's scale; false when it has more digits than fit. */
static bool decimal_of(const char *text, size_t length, int scale, __int128 *out) {
    __int128 value = 0;
    int fraction = -1;
    size_t at = length && (text[0] == '-' || text[0] == '+');
    for (; at < length; at++) {
        if (text[at] == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (text[at] < '0' || text[at] > '9') return false;
        if (fraction >= scale && text[at] != '0') return false;
        if (fraction >= scale) continue;
        value = value * 10 + (text[at] - '0');
        fraction += fraction >= 0;
    }
    for (fraction = fraction < 0 ? 0 : fraction; fraction < scale; fraction++)
        value *= 10;
    *out = length && text[0] == '-' ? -value : value;
    return true;
}

/* A value longer than its buffer is fetched again with room enough; the buffer stays that large. */
static Status complete_value(MysqlResult *result, int index, Error *err) {
    ResultColumn *column = &result->columns[index];
    if (column->length <= column->buffer_bytes) return STATUS_OK;
    column->buffer_bytes = column->length + column->length / 4;
    column->buffer = realloc(column->buffer, column->buffer_bytes);
    bind_column(column, &result->binds[index]);
    if (mysql_stmt_fetch_column(result->stmt, &result->binds[index], (unsigned)index, 0))
        return mysql_call_error(&result->call, result->stmt, err);
    return bind_result(result, err);
}

/* MySQL computes integers in 64 bits; PostgreSQL refuses what its narrower type cannot hold. */
static bool fits_integer(int64_t value, SqlType type) {
    return type.id == SQL_INT2   ? value >= INT16_MIN && value <= INT16_MAX
           : type.id == SQL_INT4 ? value >= INT32_MIN && value <= INT32_MAX
                                 : true;
}

static Status append_value(MysqlResult *result, int index, const char *name, Error *err) {
    ResultColumn *column = &result->columns[index];
    ArrowColumn *out = arrow_builder_column(&result->builder, index);
    if (column->is_null) {
        arrow_append_null(out);
        return STATUS_OK;
    }
    switch (column->buffer_type) {
    case MYSQL_TYPE_LONGLONG:
        if (column->truncated || !fits_integer(column->integer, column->type))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range",
                             column->type.id == SQL_INT2   ? "smallint"
                             : column->type.id == SQL_INT4 ? "integer"
                                                           : "bigint");
        if (column->type.id == SQL_BOOL)
            arrow_append_bool(out, column->integer != 0);
        else
            arrow_append_int(out, column->integer);
        return STATUS_OK;
    case MYSQL_TYPE_DOUBLE: arrow_append_float(out, column->number); return STATUS_OK;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIME: return append_time(out, column, name, err);
    default: break;
    }
    TRY(complete_value(result, index, err));
    __int128 unscaled;
    if (column->type.id != SQL_NUMERIC || !column->type.precision) {
        arrow_append_bytes(out, column->buffer, column->length);
        return STATUS_OK;
    }
    if (!decimal_of(column->buffer, column->length, column->type.scale, &unscaled))
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                         "column %s holds a number that does not fit its type", name);
    arrow_append_decimal(out, unscaled);
    return STATUS_OK;
}

/* ---- the stream
 * --------------------------------------------------------------------------------------------------- */

static Status append_row(MysqlResult *result, Error *err) {
    for (int i = 0; i < result->column_count; i++)
        TRY(append_value(result, i, result->columns[i].name, err));
    arrow_builder_end_row(&result->builder);
    return STATUS_OK;
}

static Status next_batch(void *state, ArrowArray *out, Error *err) {
    MysqlResult *result = state;
    int64_t limit = result->execution->row_limit;
    result->ended |= !result->column_count; /* a write: nothing to fetch */
    while (!result->ended && result->builder.row_count < ROWS_PER_BATCH &&
           result->builder.approx_bytes < BYTES_PER_BATCH) {
        if (limit && result->rows >= limit) {
            result->ended = true;
            break;
        }
        TRY(cancel_check(result->call.cancel, err));
        int code = mysql_call_fetch(&result->call, result->stmt);
        if (code == MYSQL_NO_DATA) {
            result->ended = true;
        } else if (code == 0 || code == MYSQL_DATA_TRUNCATED) {
            TRY(append_row(result, err));
            result->rows++;
        } else {
            result->ended = true;
            return mysql_call_error(&result->call, result->stmt, err);
        }
    }
    if (result->builder.row_count) arrow_builder_finish(&result->builder, out);
    return STATUS_OK;
}

static void close_result(void *state) {
    MysqlResult *result = state;
    if (!result->ended &&
        result->column_count) { /* rows are still to come: dropping the connection beats reading them all */
        shutdown(mysql_get_socket(result->call.connection->mysql), SHUT_RDWR);
        result->call.connection->broken = true;
    }
    mysql_stmt_free_result(result->stmt);
    mysql_pool_give(result->call.pool, result->call.connection);
    arrow_builder_deinit(&result->builder);
    for (int i = 0; i < result->column_count; i++)
        free(result->columns[i].buffer);
    free(result->columns);
    free(result->binds);
    free(result);
}

static void describe_columns(MysqlResult *result, const SqlType *wanted, int wanted_count,
                             ArrowColumnSpec *specs, const MYSQL_FIELD *fields) {
    for (int i = 0; i < result->column_count; i++) {
        SqlType server = mysql_field_type(&fields[i]);
        bool has_wish = i < wanted_count && wanted[i].id != SQL_INVALID;
        result->columns[i].type = has_wish ? settle_type(server, wanted[i]) : server;
        snprintf(result->columns[i].name, sizeof result->columns[i].name, "%s", fields[i].name);
        specs[i] = (ArrowColumnSpec){.name = fields[i].name, .type = result->columns[i].type};
    }
}

Status mysql_result_stream(const MysqlCall *call, MYSQL_STMT *stmt, const SqlType *wanted, int wanted_count,
                           Execution *execution, const char *command, ArrowArrayStream *out, Error *err) {
    MYSQL_RES *metadata = mysql_stmt_result_metadata(stmt);
    int count = metadata ? (int)mysql_num_fields(metadata) : 0;
    snprintf(execution->stats->command, sizeof execution->stats->command, "%s", command);
    if (!metadata) { /* a write: nothing to fetch, the connection is free */
        mysql_pool_give(call->pool, call->connection);
        arrow_stream_make_empty(out);
        return STATUS_OK;
    }
    MysqlResult *result = calloc(1, sizeof *result);
    ArrowColumnSpec *specs = calloc((size_t)count + 1, sizeof *specs);
    result->call = *call;
    result->stmt = stmt;
    result->execution = execution;
    result->column_count = count;
    result->ended = count == 0;
    result->columns = calloc((size_t)count + 1, sizeof *result->columns);
    result->binds = calloc((size_t)count + 1, sizeof *result->binds);
    describe_columns(result, wanted, wanted_count, specs, mysql_fetch_fields(metadata));
    arrow_builder_init(&result->builder, specs, count);
    ArrowSchema schema;
    arrow_schema_build(&schema, specs, count);
    free(specs);
    mysql_free_result(metadata);
    if (bind_result(result, err) != STATUS_OK) {
        arrow_schema_release(&schema);
        close_result(result);
        return STATUS_ERROR;
    }
    arrow_stream_make(out, &schema,
                      (ArrowStreamSource){.next = next_batch, .close = close_result, .state = result});
    return STATUS_OK;
}
