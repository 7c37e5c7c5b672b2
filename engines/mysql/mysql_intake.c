/* Rows of files into a table, in one transaction: the engine that reads files gives Arrow batches, which go
 * on as INSERTs of many rows, about a megabyte each. A statement that the server refuses has done nothing, so
 * the bad rows of one are found by sending halves of it. Columns that no row has keep their defaults. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/arrow_text.h"
#include "engines/mysql/mysql_engine.h"
#include "engines/row_intake.h"

enum { ROWS_AT_ONCE = 8192 };

typedef struct MysqlIntake {
    MysqlEngine *engine;
    MysqlCall call;
    const TableIntake *intake;
    char *table;          /* quoted */
    const char *where_is; /* the table's row of information_schema */
    TableRowColumn *columns;
    int column_count;
    bool exists, created;
    const char *insert; /* INSERT INTO t (...) VALUES */
    ColumnFormat *formats;
    int format_count;
    RowSender sender;
    StrBuf scratch, statement;
    bool began;
} MysqlIntake;

/* ---- the table -------------------------------------------------------------------------------------------
 */

static void name_table(MysqlIntake *run) {
    const TableIntake *intake = run->intake;
    StrBuf text;
    strbuf_init(&text);
    if (intake->schema) {
        strbuf_append_identifier(&text, intake->schema, '"');
        strbuf_append_char(&text, '.');
    }
    strbuf_append_identifier(&text, intake->table, '"');
    run->table = arena_strdup(intake->arena, text.data);
    strbuf_reset(&text);
    strbuf_append_text(&text, "table_schema = ");
    if (intake->schema)
        strbuf_append_literal(&text, intake->schema, strlen(intake->schema));
    else
        strbuf_append_text(&text, "DATABASE()");
    strbuf_append_text(&text, " AND table_name = ");
    strbuf_append_literal(&text, intake->table, strlen(intake->table));
    run->where_is = arena_strdup(intake->arena, text.data);
    strbuf_deinit(&text);
}

static Status ask(MysqlIntake *run, const char *sql, MYSQL_RES **out, Error *err) {
    TRY(mysql_call_query(&run->call, sql, err));
    *out = mysql_store_result(run->call.connection->mysql);
    return *out ? STATUS_OK : mysql_call_error(&run->call, NULL, err);
}

/* All or nothing is the server's to give. */
static Status find_table(MysqlIntake *run, Error *err) {
    MYSQL_RES *rows;
    const TableIntake *intake = run->intake;
    TRY(ask(run,
            arena_printf(
                intake->arena,
                "SELECT t.engine, e.transactions, t.table_type FROM information_schema.tables t LEFT JOIN "
                "information_schema.engines e ON e.engine = t.engine WHERE %s",
                run->where_is),
            &rows, err));
    MYSQL_ROW row = mysql_fetch_row(rows);
    run->exists = row != NULL;
    Status status = STATUS_OK;
    if (row && row[2] && strstr(row[2], "VIEW"))
        status = error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%.200s\" is a view", intake->table);
    else if (row && (!row[1] || strcmp(row[1], "YES") != 0))
        status = error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "table \"%.200s\" is kept by %s, which has no transactions: rows could not be taken all or "
            "not at all",
            intake->table, row[0] ? row[0] : "an engine");
    else if (row && intake->must_be_new)
        status = error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%.200s\" already exists", intake->table);
    else if (!row && !intake->create)
        status = error_set(err, SQLSTATE_UNDEFINED_TABLE, "table \"%.200s\" does not exist", intake->table);
    mysql_free_result(rows);
    return status;
}

/* Types whose texts differ from ours are read before they are sent. */
static SqlType reading_type(SqlType type) {
    bool unbounded = sqltype_is(type, SQL_NUMERIC) && type.precision == 0;
    if (sqltype_is(type, SQL_TIMESTAMP)) return sqltype_of(SQL_TIMESTAMPTZ); /* an offset may stand there */
    return unbounded || sqltype_is(type, SQL_INTERVAL) ? sqltype_of(SQL_TEXT) : type;
}

static Status find_columns(MysqlIntake *run, Error *err) {
    MYSQL_RES *rows;
    Arena *arena = run->intake->arena;
    TRY(ask(run,
            arena_printf(arena,
                         "SELECT column_name, data_type, column_type, COALESCE(character_maximum_length, 0), "
                         "COALESCE(numeric_precision, 0), COALESCE(numeric_scale, 0) FROM "
                         "information_schema.columns WHERE %s ORDER BY ordinal_position",
                         run->where_is),
            &rows, err));
    run->columns = ARENA_NEW_ARRAY(arena, TableRowColumn, mysql_num_rows(rows) + 1);
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        SqlType type = mysql_column_type(row[1], row[2], atoi(row[3]), atoi(row[4]), atoi(row[5]));
        run->columns[run->column_count++] =
            (TableRowColumn){.name = arena_strdup(arena, row[0]), .type = reading_type(type)};
    }
    mysql_free_result(rows);
    return STATUS_OK;
}

static const char *type_text(SqlType type, char scratch[SQLTYPE_NAME_BYTES]) {
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return "boolean";
    case SQL_INT2: return "smallint";
    case SQL_INT4: return "int";
    case SQL_INT8: return "bigint";
    case SQL_OID: return "int unsigned";
    case SQL_FLOAT4: return "float";
    case SQL_FLOAT8: return "double";
    case SQL_NUMERIC: return type.precision ? sqltype_name(type, true, scratch) : "decimal(65,20)";
    case SQL_DATE: return "date";
    case SQL_TIME: return "time(6)";
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return "datetime(6)"; /* timestamp ends in 2038 */
    case SQL_BYTEA: return "longblob";
    case SQL_JSON:
    case SQL_JSONB: return type.is_array ? "longtext" : "json";
    case SQL_UUID: return "char(36)";
    default: return "longtext";
    }
}

/* MySQL commits what it is told to make; on_failure() takes it back. */
static Status create_table(MysqlIntake *run, Error *err) {
    StrBuf sql;
    char scratch[SQLTYPE_NAME_BYTES];
    strbuf_init(&sql);
    strbuf_printf(&sql, "CREATE TABLE %s (", run->table);
    for (int i = 0; i < run->format_count; i++) {
        SqlType type = run->formats[i].type;
        if (i) strbuf_append_text(&sql, ", ");
        strbuf_append_identifier(&sql, run->formats[i].name, '"');
        strbuf_printf(&sql, " %s NULL", type.is_array ? "longtext" : type_text(type, scratch));
    }
    strbuf_append_text(&sql, ") ENGINE = InnoDB DEFAULT CHARSET = utf8mb4");
    Status status = mysql_call_query(&run->call, sql.data, err);
    if (status == STATUS_OK) run->created = true;
    if (status == STATUS_OK) status = mysql_call_query(&run->call, "START TRANSACTION", err);
    if (status == STATUS_OK) status = mysql_call_query(&run->call, "SAVEPOINT row_start", err);
    strbuf_deinit(&sql);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------------------
 */

/* "... for column `db`.`t`.`name` at row 3", "Column 'name' cannot be null". */
static void read_message(const char *message, RowRefusal *refusal) {
    const char *row = strstr(message, " at row "), *column = strstr(message, "olumn ");
    if (row && isdigit((unsigned char)row[8])) {
        long number = strtol(row + 8, NULL, 10);
        if (number > 0 && number <= ROWS_AT_ONCE) refusal->row = (int)number - 1;
    }
    if (!column || (column[6] != '`' && column[6] != '\'')) return;
    char quote = column[6];
    const char *start = column + 6, *end;
    while ((end = strchr(start + 1, quote)) && end[1] == '.' && end[2] == quote)
        start = end + 2;
    size_t length = end ? (size_t)(end - start - 1) : 0;
    if (!end || length >= sizeof refusal->column) return;
    memcpy(refusal->column, start + 1, length);
    refusal->column[length] = 0;
}

static Status send(void *context, const char *text, size_t length, int count, RowRefusal *refusal,
                   Error *err) {
    MysqlIntake *run = context;
    StrBuf *sql = &run->statement;
    strbuf_reset(sql);
    strbuf_append_text(sql, run->insert);
    strbuf_append(sql, text, length - 1); /* without the last comma */
    Status status = mysql_call_query(&run->call, sql->data, err);
    if (status != STATUS_OK) read_message(err->message, refusal);
    return status;
}

static void make_insert(MysqlIntake *run) {
    StrBuf sql;
    strbuf_init(&sql);
    strbuf_printf(&sql, "INSERT INTO %s (", run->table);
    for (int i = 0; i < run->format_count; i++) {
        if (i) strbuf_append_text(&sql, ", ");
        strbuf_append_identifier(&sql, run->formats[i].name, '"');
    }
    strbuf_append_text(&sql, ") VALUES ");
    run->insert = arena_strdup(run->intake->arena, sql.data);
    strbuf_deinit(&sql);
}

static Status begin(void *context, const ArrowSchema *schema, Error *err) {
    MysqlIntake *run = context;
    Arena *arena = run->intake->arena;
    TRY(mysql_call_query(&run->call, run->began ? "ROLLBACK TO SAVEPOINT row_start" : "SAVEPOINT row_start",
                         err));
    run->began = true;
    row_sender_restart(&run->sender);
    run->format_count = (int)schema->n_children;
    run->formats = ARENA_NEW_ARRAY(arena, ColumnFormat, run->format_count + 1);
    for (int i = 0; i < run->format_count; i++)
        TRY(column_format_init(&run->formats[i], schema->children[i], arena, err));
    make_insert(run);
    return run->exists || run->created ? STATUS_OK : create_table(run, err);
}

static bool is_bare(const ColumnFormat *format) {
    return (format->shape == SHAPE_NUMBER || format->shape == SHAPE_FLOAT) && format->layout != 'u' &&
           format->layout != 'U';
}

/* A timestamp's zone is the session's, UTC. */
static size_t without_zone(const ColumnFormat *format, const char *text, size_t length) {
    bool zoned = sqltype_is(format->type, SQL_TIMESTAMPTZ) && length > 3;
    return zoned && !memcmp(text + length - 3, "+00", 3) ? length - 3 : length;
}

static void append_cell(MysqlIntake *run, const ColumnFormat *format, const ArrowArray *array, int64_t row) {
    StrBuf *out = &run->sender.text, *scratch = &run->scratch;
    if (array_is_null(array, row)) {
        strbuf_append_text(out, "NULL");
        return;
    }
    strbuf_reset(scratch);
    if (format->shape == SHAPE_LIST || format->shape == SHAPE_STRUCT)
        append_nested_text(scratch, format, array, row);
    else
        append_value_text(scratch, format, array, row);
    const char *text = strbuf_text(scratch);
    if (format->shape == SHAPE_BOOL) {
        strbuf_append_char(out, text[0] == 't' ? '1' : '0');
    } else if (is_binary(format)) { /* \x0a0b */
        strbuf_append_text(out, "x'");
        strbuf_append(out, text + 2, scratch->length - 2);
        strbuf_append_char(out, '\'');
    } else if (is_bare(format) && !isalpha((unsigned char)text[text[0] == '-'])) {
        strbuf_append(out, text, scratch->length);
    } else {
        strbuf_append_literal(out, text, without_zone(format, text, scratch->length));
    }
}

static Status take(void *context, const char *source, const int64_t *rows, const ArrowArray *batch,
                   Error *err) {
    MysqlIntake *run = context;
    StrBuf *out = &run->sender.text;
    if (run->format_count == 0)
        return error_set(err, SQLSTATE_INVALID_TEXT, "\"%.200s\" has rows without a column", source);
    TRY(row_sender_source(&run->sender, source, err));
    for (int64_t row = 0; row < batch->length; row++) {
        for (int i = 0; i < run->format_count; i++) {
            strbuf_append_char(out, i ? ',' : '(');
            append_cell(run, &run->formats[i], batch->children[i], row);
        }
        strbuf_append_text(out, "),");
        TRY(row_sender_end_row(&run->sender, rows[row], err));
    }
    return STATUS_OK;
}

/* ---- the transaction -------------------------------------------------------------------------------------
 */

static Status fill(MysqlIntake *run, TableIntakeResult *result, Error *err) {
    const TableIntake *intake = run->intake;
    TableRowReceiver receiver = {.context = run, .begin = begin, .take = take};
    TRY(find_table(run, err));
    if (run->exists) {
        TRY(find_columns(run, err));
        receiver.columns = run->columns;
        receiver.column_count = run->column_count;
    }
    if (run->exists && intake->replace)
        TRY(mysql_call_query(&run->call, arena_printf(intake->arena, "DELETE FROM %s", run->table), err));
    TRY(intake->reader->ops->read_rows(intake->reader, intake, &receiver, result, err));
    TRY(row_sender_flush(&run->sender, err));
    row_intake_result(intake, &run->sender, run->created, result);
    return STATUS_OK;
}

static Status commit(MysqlIntake *run, Error *err) {
    TRY(cancel_check(run->intake->cancel, err));
    run->call.cancel = NULL; /* the answer is the one that counts */
    Status status = mysql_call_query(&run->call, "COMMIT", err);
    if (status == STATUS_OK || !run->call.connection->broken) return status;
    return error_set(
        err, "40003",
        "the connection to the MySQL server was lost while it committed: whether the rows are in "
        "the table is unknown");
}

static void on_failure(MysqlIntake *run) {
    run->call.cancel = NULL;
    if (run->call.connection->broken) return;
    if (mysql_call_query(&run->call, "ROLLBACK", NULL) != STATUS_OK) run->call.connection->broken = true;
    if (run->created && !run->call.connection->broken)
        (void)mysql_call_query(&run->call, arena_printf(run->intake->arena, "DROP TABLE %s", run->table),
                               NULL);
}

static Status begin_transaction(MysqlIntake *run, Error *err) {
    for (int attempt = 0;; attempt++) {
        run->call = (MysqlCall){.pool = &run->engine->pool, .cancel = run->intake->cancel};
        TRY(mysql_pool_take(&run->engine->pool, run->intake->cancel, &run->call.connection, err));
        if (mysql_call_query(&run->call, "START TRANSACTION", err) == STATUS_OK) return STATUS_OK;
        bool stale = run->call.connection->broken && !run->call.connection->fresh;
        mysql_pool_give(&run->engine->pool, run->call.connection);
        if (!stale || attempt >= run->engine->config.max_connections) return STATUS_ERROR;
    }
}

Status mysql_intake(Engine *base, const TableIntake *intake, TableIntakeResult *result, Error *err) {
    Error own = {0};
    err = err ? err : &own;
    *result = (TableIntakeResult){.snapshot_id = -1};
    if (!intake->reader)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "no engine of this server reads files for MySQL's tables: use INSERT");
    MysqlIntake run = {.engine = (MysqlEngine *)base, .intake = intake};
    run.sender = (RowSender){.context = &run,
                             .send = send,
                             .skip = intake->skip_bad_rows,
                             .may_retry = true,
                             .rows_at_once = ROWS_AT_ONCE,
                             .arena = intake->arena};
    name_table(&run);
    TRY(begin_transaction(&run, err));
    row_sender_init(&run.sender);
    strbuf_init(&run.scratch);
    strbuf_init(&run.statement);
    Status status = fill(&run, result, err);
    if (status == STATUS_OK) status = commit(&run, err);
    if (status != STATUS_OK) on_failure(&run);
    mysql_pool_give(&run.engine->pool, run.call.connection);
    row_sender_deinit(&run.sender);
    strbuf_deinit(&run.scratch);
    strbuf_deinit(&run.statement);
    return status;
}
