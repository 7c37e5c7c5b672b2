#include "engines/columnar/ingest/generate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/ingest/generate_rows.h"

enum { FLUSH_BYTES = 1 << 20 };

#define COLUMN(name, type)                                                                                   \
    { name, type, true, 0 }
#define KEY(name, type)                                                                                      \
    { name, type, false, 0 }
#define T(sql)                                                                                               \
    { .id = sql }
#define NUMERIC(digits, places)                                                                              \
    { .id = SQL_NUMERIC, .precision = digits, .scale = places }

static const TableColumn USERS[] = {
    KEY("id", T(SQL_INT8)),
    KEY("name", T(SQL_TEXT)),
    KEY("email", T(SQL_TEXT)),
    KEY("country", T(SQL_TEXT)),
    KEY("city", T(SQL_TEXT)),
    KEY("plan", T(SQL_TEXT)),
    KEY("created_at", T(SQL_TIMESTAMPTZ)),
    KEY("birth_date", T(SQL_DATE)),
    KEY("is_active", T(SQL_BOOL)),
};
static const TableColumn TRANSACTIONS[] = {
    KEY("id", T(SQL_INT8)),        KEY("user_id", T(SQL_INT8)),
    KEY("amount", NUMERIC(12, 2)), KEY("currency", T(SQL_TEXT)),
    KEY("status", T(SQL_TEXT)),    KEY("merchant", T(SQL_TEXT)),
    KEY("category", T(SQL_TEXT)),  KEY("created_at", T(SQL_TIMESTAMPTZ)),
};
static const TableColumn EVENTS[] = {
    KEY("id", T(SQL_INT8)),          COLUMN("user_id", T(SQL_INT8)),
    KEY("type", T(SQL_TEXT)),        KEY("ts", T(SQL_TIMESTAMPTZ)),
    KEY("session_id", T(SQL_UUID)),  KEY("page", T(SQL_TEXT)),
    COLUMN("referrer", T(SQL_TEXT)), KEY("device", T(SQL_TEXT)),
    KEY("country", T(SQL_TEXT)),     COLUMN("duration_ms", T(SQL_INT4)),
    COLUMN("payload", T(SQL_JSON)),
};
static const TableColumn PRODUCTS[] = {
    KEY("id", T(SQL_INT8)),          KEY("sku", T(SQL_TEXT)),        KEY("name", T(SQL_TEXT)),
    KEY("category", T(SQL_TEXT)),    KEY("price", NUMERIC(10, 2)),   KEY("stock", T(SQL_INT4)),
    COLUMN("rating", NUMERIC(2, 1)), KEY("created_on", T(SQL_DATE)),
};
static const TableColumn SENSORS[] = {
    KEY("device_id", T(SQL_INT4)),  KEY("ts", T(SQL_TIMESTAMPTZ)), KEY("temperature", T(SQL_FLOAT8)),
    KEY("humidity", T(SQL_FLOAT8)), KEY("battery", T(SQL_FLOAT8)), KEY("status", T(SQL_TEXT)),
};

static const struct {
    const char *name;
    const TableColumn *columns;
    int count;
} KINDS[GENERATE_KIND_COUNT] = {
    [GENERATE_USERS] = {"users", USERS, sizeof USERS / sizeof *USERS},
    [GENERATE_TRANSACTIONS] = {"transactions", TRANSACTIONS, sizeof TRANSACTIONS / sizeof *TRANSACTIONS},
    [GENERATE_EVENTS] = {"events", EVENTS, sizeof EVENTS / sizeof *EVENTS},
    [GENERATE_PRODUCTS] = {"products", PRODUCTS, sizeof PRODUCTS / sizeof *PRODUCTS},
    [GENERATE_SENSORS] = {"sensors", SENSORS, sizeof SENSORS / sizeof *SENSORS},
};

int generate_kind_from_name(const char *name) {
    for (int i = 0; i < GENERATE_KIND_COUNT; i++)
        if (strcmp(KINDS[i].name, name) == 0) return i;
    return -1;
}

const char *generate_kind_name(GenerateKind kind) {
    return KINDS[kind].name;
}

const TableColumn *generate_columns(GenerateKind kind, int *count) {
    *count = KINDS[kind].count;
    return KINDS[kind].columns;
}

static void report(const GenerateOptions *options, int64_t rows) {
    if (options->progress) options->progress(options->progress_context, rows);
}

static Status write_buffer(int fd, const char *path, StrBuf *buf, Error *err) {
    for (size_t done = 0; done < buf->length;) {
        ssize_t written = write(fd, buf->data + done, buf->length - done);
        if (written < 0 && errno != EINTR) return error_set_errno(err, errno, "cannot write \"%s\"", path);
        done += written > 0 ? (size_t)written : 0;
    }
    strbuf_reset(buf);
    return STATUS_OK;
}

static Status write_rows(RowGenerator *generator, GenerateFormat format, int fd, const char *path,
                         StrBuf *buf, Error *err) {
    const Batch *batch;
    if (format == GENERATE_CSV) generate_append_csv_header(buf, generator->columns, generator->column_count);
    while ((batch = row_generator_next(generator))) {
        if (format == GENERATE_CSV)
            generate_append_csv(buf, batch, generator->columns);
        else
            generate_append_ndjson(buf, batch, generator->columns);
        if (buf->length >= FLUSH_BYTES) TRY(write_buffer(fd, path, buf, err));
        report(generator->options, generator->next_row);
    }
    return write_buffer(fd, path, buf, err);
}

static Status write_text(RowGenerator *generator, GenerateFormat format, const char *path, Error *err) {
    bool to_stdout = strcmp(path, "-") == 0;
    int fd = to_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return error_set_errno(err, errno, "cannot create \"%s\"", path);
    StrBuf buf;
    strbuf_init(&buf);
    Status status = write_rows(generator, format, fd, path, &buf, err);
    strbuf_deinit(&buf);
    if (!to_stdout && close(fd) != 0 && status == STATUS_OK)
        status = error_set_errno(err, errno, "cannot write \"%s\"", path);
    return status;
}

static Status write_parquet(RowGenerator *generator, const char *path, Error *err) {
    ParquetWriterColumn columns[32];
    for (int i = 0; i < generator->column_count; i++)
        columns[i] = (ParquetWriterColumn){generator->columns[i].name, generator->columns[i].type,
                                           generator->columns[i].nullable, -1};
    ParquetWriterOptions options = {0};
    ParquetWriter *writer;
    const Batch *batch;
    TRY(parquet_writer_open(path, columns, generator->column_count, &options, &writer, err));
    while ((batch = row_generator_next(generator))) {
        if (parquet_writer_append(writer, batch, err) != STATUS_OK) {
            parquet_writer_abort(writer);
            return STATUS_ERROR;
        }
        report(generator->options, generator->next_row);
    }
    ParquetWritten written;
    return parquet_writer_finish(writer, &generator->arena, &written, err);
}

static Status check_options(const GenerateOptions *options, Error *err) {
    if (options->count < 0 || options->users < 1)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "the number of rows must not be negative, that of users at least 1");
    return STATUS_OK;
}

Status generate_to_file(const GenerateOptions *options, GenerateFormat format, const char *path, Error *err) {
    TRY(check_options(options, err));
    if (format == GENERATE_PARQUET && strcmp(path, "-") == 0)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "Parquet cannot be written to the standard output");
    RowGenerator generator;
    row_generator_init(&generator, options);
    Status status = format == GENERATE_PARQUET ? write_parquet(&generator, path, err)
                                               : write_text(&generator, format, path, err);
    row_generator_deinit(&generator);
    return status;
}

static Status append_rows(RowGenerator *generator, TableAppend *append, Error *err) {
    const Batch *batch;
    while ((batch = row_generator_next(generator))) {
        TRY(table_append_batch(append, batch, err));
        report(generator->options, generator->next_row);
    }
    return STATUS_OK;
}

Status generate_to_table(const GenerateOptions *options, TableCatalog *catalog, const char *table,
                         bool replace, Error *err) {
    TRY(check_options(options, err));
    RowGenerator generator;
    TableAppend *append;
    int count;
    const TableColumn *columns = generate_columns(options->kind, &count);
    TRY(table_append_begin_create(catalog, NULL, table, columns, count, replace, &append, err));
    row_generator_init(&generator, options);
    Status status = append_rows(&generator, append, err);
    row_generator_deinit(&generator);
    if (status == STATUS_OK) return table_append_commit(append, NULL, NULL, err);
    table_append_abort(append);
    return STATUS_ERROR;
}
