/* Rows of files into a table, in one transaction. The engine that reads files gives Arrow batches; they go on
 * as COPY text, a piece at a time, so memory does not grow with them. Columns that no row has keep their
 * defaults. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/arrow_text.h"
#include "engines/postgres/pgcopy.h"
#include "engines/postgres/pgengine.h"
#include "engines/postgres/pgstream.h"
#include "engines/row_intake.h"

/* Rows that may have to be sent again are few at a time. */
enum { ROWS_AT_ONCE = 65536, ROWS_AT_ONCE_SKIPPING = 512 };

typedef struct PgIntake {
    PgEngine *engine;
    PgConn *conn;
    const TableIntake *intake;
    char *table; /* quoted */
    TableRowColumn *columns;
    bool *arrays; /* which of `columns` are */
    int column_count;
    bool exists;
    const char *copy_sql;
    ColumnFormat *formats; /* of the batches */
    bool *to_arrays;       /* JSON text that becomes an array */
    int format_count;
    RowSender sender;
    StrBuf scratch;
    bool began; /* the reader did */
} PgIntake;

static Status run_sql(PgIntake *run, const char *sql, Error *err) {
    return pgconn_exec(run->conn, sql, NULL, 0, run->intake->cancel, NULL, err);
}

/* ---- the table -------------------------------------------------------------------------------------------
 */

static char *quoted_name(const TableIntake *intake) {
    StrBuf name;
    strbuf_init(&name);
    if (intake->schema) {
        strbuf_append_identifier(&name, intake->schema, '"');
        strbuf_append_char(&name, '.');
    }
    strbuf_append_identifier(&name, intake->table, '"');
    char *text = arena_strdup(intake->arena, strbuf_text(&name));
    strbuf_deinit(&name);
    return text;
}

/* Text goes to PostgreSQL as it is, whose types read it; JSON has to stay JSON. */
static Status find_columns(PgIntake *run, Error *err) {
    static const char question[] =
        "SELECT attname, coalesce(nullif(t.typbasetype, 0), a.atttypid)::oid, t.typcategory = 'A' FROM "
        "pg_attribute a JOIN "
        "pg_type t ON t.oid = a.atttypid WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT "
        "attisdropped ORDER BY attnum";
    Param name = {.kind = PARAM_TEXT, .text = run->table, .length = strlen(run->table)};
    PGresult *rows;
    TRY(pgconn_exec(run->conn, "SELECT to_regclass($1)", &name, 1, run->intake->cancel, &rows, err));
    run->exists = !PQgetisnull(rows, 0, 0);
    PQclear(rows);
    TRY(pgconn_exec(run->conn, question, &name, 1, run->intake->cancel, &rows, err));
    Arena *arena = run->intake->arena;
    run->column_count = PQntuples(rows);
    run->columns = ARENA_NEW_ARRAY(arena, TableRowColumn, run->column_count + 1);
    run->arrays = ARENA_NEW_ARRAY(arena, bool, run->column_count + 1);
    for (int i = 0; i < run->column_count; i++) {
        SqlType type = sqltype_from_oid((uint32_t)strtoul(PQgetvalue(rows, i, 1), NULL, 10), -1);
        bool is_json = sqltype_is(type, SQL_JSON) || sqltype_is(type, SQL_JSONB);
        run->columns[i] = (TableRowColumn){.name = arena_strdup(arena, PQgetvalue(rows, i, 0)),
                                           .type = is_json ? type : sqltype_of(SQL_TEXT)};
        run->arrays[i] = PQgetvalue(rows, i, 2)[0] == 't';
    }
    PQclear(rows);
    return STATUS_OK;
}

static Status check_table(const PgIntake *run, Error *err) {
    const TableIntake *intake = run->intake;
    if (run->exists && intake->must_be_new)
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%.200s\" already exists", intake->table);
    if (!run->exists && !intake->create)
        return error_set(err, SQLSTATE_UNDEFINED_TABLE, "table \"%.200s\" does not exist", intake->table);
    return STATUS_OK;
}

static Status create_table(PgIntake *run, Error *err) {
    StrBuf sql;
    char type[SQLTYPE_NAME_BYTES];
    strbuf_init(&sql);
    strbuf_printf(&sql, "CREATE TABLE %s (", run->table);
    for (int i = 0; i < run->format_count; i++) {
        if (i) strbuf_append_text(&sql, ", ");
        strbuf_append_identifier(&sql, run->formats[i].name, '"');
        strbuf_printf(&sql, " %s", sqltype_name(run->formats[i].type, true, type));
    }
    strbuf_append_char(&sql, ')');
    Status status = run_sql(run, sql.data, err);
    strbuf_deinit(&sql);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------------------
 */

static Status send(void *context, const char *text, size_t length, int count, RowRefusal *refusal,
                   Error *err) {
    PgIntake *run = context;
    CancelToken *cancel = run->intake->cancel;
    if (!run->sender.may_retry)
        return pgcopy_send(run->conn, run->copy_sql, text, length, cancel, refusal, err);
    TRY(run_sql(run, "SAVEPOINT piece", err));
    Status status = pgcopy_send(run->conn, run->copy_sql, text, length, cancel, refusal, err);
    if (run->conn->broken || cancel_is_requested(cancel)) return status;
    Error unwinding;
    if (status != STATUS_OK && run_sql(run, "ROLLBACK TO SAVEPOINT piece", &unwinding) != STATUS_OK) {
        *err = unwinding;
        return STATUS_ERROR;
    }
    return run_sql(run, "RELEASE SAVEPOINT piece", status == STATUS_OK ? err : NULL) == STATUS_OK
               ? status
               : STATUS_ERROR;
}

static void make_copy(PgIntake *run) {
    StrBuf sql;
    strbuf_init(&sql);
    strbuf_printf(&sql, "COPY %s (", run->table);
    for (int i = 0; i < run->format_count; i++) {
        if (i) strbuf_append_text(&sql, ", ");
        strbuf_append_identifier(&sql, run->formats[i].name, '"');
    }
    strbuf_append_text(&sql, ") FROM STDIN");
    run->copy_sql = arena_strdup(run->intake->arena, sql.data);
    strbuf_deinit(&sql);
}

static void mark_arrays(PgIntake *run) {
    for (int i = 0; i < run->format_count; i++)
        for (int j = 0; j < run->column_count; j++)
            if (!strcmp(run->formats[i].name, run->columns[j].name))
                run->to_arrays[i] = run->arrays[j] && run->formats[i].shape != SHAPE_LIST;
}

/* Everything of an earlier beginning is undone first. */
static Status begin(void *context, const ArrowSchema *schema, Error *err) {
    PgIntake *run = context;
    Arena *arena = run->intake->arena;
    TRY(run_sql(run, run->began ? "ROLLBACK TO SAVEPOINT rows" : "SAVEPOINT rows", err));
    run->began = true;
    row_sender_restart(&run->sender);
    run->format_count = (int)schema->n_children;
    run->formats = ARENA_NEW_ARRAY(arena, ColumnFormat, run->format_count + 1);
    run->to_arrays = ARENA_NEW_ARRAY(arena, bool, run->format_count + 1);
    for (int i = 0; i < run->format_count; i++)
        TRY(column_format_init(&run->formats[i], schema->children[i], arena, err));
    make_copy(run);
    mark_arrays(run);
    return run->exists ? STATUS_OK : create_table(run, err);
}

static void append_cell(PgIntake *run, int column, const ArrowArray *array, int64_t row) {
    const ColumnFormat *format = &run->formats[column];
    StrBuf *out = &run->sender.text, *scratch = &run->scratch;
    size_t length;
    if (array_is_null(array, row)) {
        pgcopy_append_null(out);
        return;
    }
    const char *text = is_binary(format) ? NULL : string_value(format, array, row, &length);
    strbuf_reset(scratch);
    if (text && run->to_arrays[column] && pgcopy_array_literal(scratch, text, length)) {
        text = NULL;
    } else if (!text) {
        if (format->shape == SHAPE_LIST || format->shape == SHAPE_STRUCT)
            append_nested_text(scratch, format, array, row);
        else
            append_value_text(scratch, format, array, row);
    }
    pgcopy_append_value(out, text ? text : strbuf_text(scratch), text ? length : scratch->length);
}

static Status take(void *context, const char *source, const int64_t *rows, const ArrowArray *batch,
                   Error *err) {
    PgIntake *run = context;
    StrBuf *out = &run->sender.text;
    if (run->format_count == 0)
        return error_set(err, SQLSTATE_INVALID_TEXT, "\"%.200s\" has rows without a column", source);
    TRY(row_sender_source(&run->sender, source, err));
    for (int64_t row = 0; row < batch->length; row++) {
        for (int i = 0; i < run->format_count; i++) {
            if (i) strbuf_append_char(out, '\t');
            append_cell(run, i, batch->children[i], row);
        }
        strbuf_append_char(out, '\n');
        TRY(row_sender_end_row(&run->sender, rows[row], err));
    }
    return STATUS_OK;
}

/* ---- the transaction -------------------------------------------------------------------------------------
 */

static Status fill(PgIntake *run, TableIntakeResult *result, Error *err) {
    const TableIntake *intake = run->intake;
    TableRowReceiver receiver = {.context = run, .begin = begin, .take = take};
    TRY(find_columns(run, err));
    TRY(check_table(run, err));
    if (run->exists) {
        receiver.columns = run->columns;
        receiver.column_count = run->column_count;
    }
    if (run->exists && intake->replace)
        TRY(run_sql(run, arena_printf(intake->arena, "DELETE FROM %s", run->table), err));
    TRY(intake->reader->ops->read_rows(intake->reader, intake, &receiver, result, err));
    TRY(row_sender_flush(&run->sender, err));
    row_intake_result(intake, &run->sender, !run->exists, result);
    return STATUS_OK;
}

/* The answer is awaited whoever cancels: it is the one that counts. */
static Status commit(PgIntake *run, Error *err) {
    TRY(cancel_check(run->intake->cancel, err));
    Status status = pgconn_exec(run->conn, "COMMIT", NULL, 0, NULL, NULL, err);
    return status != STATUS_OK && run->conn->broken ? pgstream_fail_unknown(err) : status;
}

static Status begin_transaction(PgIntake *run, Error *err) {
    bool allow_idle = true;
    for (;;) {
        TRY(pgengine_acquire(run->engine, allow_idle, run->intake->cancel, &run->conn, err));
        if (run_sql(run, "BEGIN", err) == STATUS_OK) return STATUS_OK;
        bool stale = run->conn->broken && !run->conn->fresh;
        pgengine_give_back(run->engine, run->conn);
        run->conn = NULL;
        if (!stale) return STATUS_ERROR;
        allow_idle = false;
    }
}

Status pgintake_intake(Engine *base, const TableIntake *intake, TableIntakeResult *result, Error *err) {
    Error own = {0};
    err = err ? err : &own;
    *result = (TableIntakeResult){.snapshot_id = -1};
    if (!intake->reader)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "no engine of this server reads files for PostgreSQL's tables: use INSERT");
    PgIntake run = {.engine = pgengine_of(base), .intake = intake, .table = quoted_name(intake)};
    run.sender = (RowSender){.context = &run,
                             .send = send,
                             .skip = intake->skip_bad_rows,
                             .may_retry = intake->skip_bad_rows,
                             .rows_at_once = intake->skip_bad_rows ? ROWS_AT_ONCE_SKIPPING : ROWS_AT_ONCE,
                             .arena = intake->arena};
    TRY(begin_transaction(&run, err));
    row_sender_init(&run.sender);
    strbuf_init(&run.scratch);
    Status status = fill(&run, result, err);
    if (status == STATUS_OK) status = commit(&run, err);
    if (!run.conn->broken && PQtransactionStatus(run.conn->pg) != PQTRANS_IDLE)
        (void)pgconn_exec(run.conn, "ROLLBACK", NULL, 0, NULL, NULL, NULL);
    pgengine_give_back(run.engine, run.conn);
    row_sender_deinit(&run.sender);
    strbuf_deinit(&run.scratch);
    return status;
}
