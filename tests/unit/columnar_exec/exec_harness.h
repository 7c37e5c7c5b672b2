/* Statements over Parquet files, planned and run as the engine does, answered as text: one line per row,
 * columns separated by '|', NULL as "NULL". */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/exec/executor.h"

enum { HARNESS_TABLES = 8 };

typedef struct Harness {
    Engine engine;
    TableVersion *tables[HARNESS_TABLES];
    TableDesc descriptions[HARNESS_TABLES];
    TableBinding bindings[HARNESS_TABLES];
    int table_count;
    int64_t memory_bytes;
    int64_t row_limit;
    const char *spill_directory; /* NULL = nothing is spilled */
    CancelToken *cancel;
    double max_bytes_scanned;
    ExecutionStats stats;
    char sqlstate[6]; /* of the last failure, "" when it went well */
    char message[1024];
    int position;
    int64_t left_reserved; /* in the budget after the stream was released */
} Harness;

static inline Status harness_load(void *context, const char *schema, const char *name, TableVersion **out,
                                  Error *err) {
    Harness *harness = context;
    for (int i = 0; i < harness->table_count; i++)
        if (!strcmp(harness->tables[i]->name, name)) {
            *out = table_version_retain(harness->tables[i]);
            return STATUS_OK;
        }
    return error_set(err, SQLSTATE_UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
}

/* A table over files that all have the first one's columns. */
static inline void harness_add_table(Harness *harness, const char *name, const char *const *paths,
                                     int path_count) {
    TableVersion *version = calloc(1, sizeof *version);
    Error err = {0};
    arena_init(&version->arena);
    atomic_init(&version->references, 1);
    version->namespace_name = "default";
    version->name = arena_strdup(&version->arena, name);
    DataFile *files = ARENA_NEW_ARRAY(&version->arena, DataFile, path_count + 1);
    for (int f = 0; f < path_count; f++) {
        ParquetFile *file;
        if (parquet_file_open(paths[f], &file, &err) != STATUS_OK) {
            fprintf(stderr, "%s\n", err.message);
            abort();
        }
        files[f].path = arena_strdup(&version->arena, paths[f]);
        files[f].row_count = parquet_file_row_count(file);
        files[f].bytes = parquet_file_bytes(file);
        version->row_count += files[f].row_count;
        version->bytes += files[f].bytes;
        if (f == 0) {
            version->column_count = parquet_file_column_count(file);
            TableColumn *columns = ARENA_NEW_ARRAY(&version->arena, TableColumn, version->column_count + 1);
            for (int c = 0; c < version->column_count; c++) {
                const ParquetColumn *column = parquet_file_column(file, c);
                columns[c] = (TableColumn){arena_strdup(&version->arena, column->name), column->type,
                                           column->nullable, column->field_id};
            }
            version->columns = columns;
        }
        parquet_file_release(file);
    }
    version->files = files;
    version->file_count = path_count;
    ColumnDesc *columns = ARENA_NEW_ARRAY(&version->arena, ColumnDesc, version->column_count + 1);
    for (int c = 0; c < version->column_count; c++)
        columns[c] = (ColumnDesc){.name = version->columns[c].name,
                                  .type = version->columns[c].type,
                                  .nullable = true,
                                  .distinct = -1};
    int at = harness->table_count++;
    harness->tables[at] = version;
    harness->descriptions[at] = (TableDesc){.schema = "default",
                                            .name = version->name,
                                            .kind = "table",
                                            .columns = columns,
                                            .column_count = version->column_count,
                                            .row_estimate = (double)version->row_count};
    harness->bindings[at] = (TableBinding){
        .written_name = version->name, .engine = &harness->engine, .table = &harness->descriptions[at]};
}

static inline void harness_init(Harness *harness) {
    memset(harness, 0, sizeof *harness);
    harness->engine = (Engine){.ops = NULL, .name = "columnar"};
}

static inline void harness_deinit(Harness *harness) {
    for (int i = 0; i < harness->table_count; i++)
        table_version_release(harness->tables[i]);
}

static inline void harness_append_decimal(StrBuf *out, __int128 value, int scale) {
    char digits[64];
    int count = 0;
    bool negative = value < 0;
    unsigned __int128 rest = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest || count <= scale);
    if (negative) strbuf_append_char(out, '-');
    while (count) {
        if (count == scale) strbuf_append_char(out, '.');
        strbuf_append_char(out, digits[--count]);
    }
}

static inline void harness_append_value(StrBuf *out, const ArrowSchema *schema, const ArrowArray *array,
                                        int64_t row) {
    const uint8_t *validity = array->buffers[0];
    const char *format = schema->format;
    const void *values = array->buffers[1];
    row += array->offset;
    if (array->null_count && validity && !(validity[row >> 3] >> (row & 7) & 1)) {
        strbuf_append_text(out, "NULL");
        return;
    }
    if (!strcmp(format, "b"))
        strbuf_append_char(out, ((const uint8_t *)values)[row >> 3] >> (row & 7) & 1 ? 't' : 'f');
    else if (!strcmp(format, "s"))
        strbuf_append_i64(out, ((const int16_t *)values)[row]);
    else if (!strcmp(format, "i") || !strcmp(format, "tdD"))
        strbuf_append_i64(out, ((const int32_t *)values)[row]);
    else if (!strcmp(format, "f"))
        strbuf_printf(out, "%.9g", (double)((const float *)values)[row]);
    else if (!strcmp(format, "g"))
        strbuf_printf(out, "%.17g", ((const double *)values)[row]);
    else if (!strncmp(format, "d:", 2)) {
        __int128 value;
        memcpy(&value, (const char *)values + row * 16, 16);
        harness_append_decimal(out, value, atoi(strchr(format, ',') + 1));
    } else if (!strcmp(format, "u") || !strcmp(format, "z")) {
        const int32_t *offsets = values;
        strbuf_append(out, (const char *)array->buffers[2] + offsets[row],
                      (size_t)(offsets[row + 1] - offsets[row]));
    } else
        strbuf_append_i64(out, ((const int64_t *)values)[row]);
}

static inline void harness_fail(Harness *harness, const Error *err) {
    memcpy(harness->sqlstate, err->sqlstate, 6);
    snprintf(harness->message, sizeof harness->message, "%s", err->message);
    harness->position = err->position;
}

/* Reads at most `max_arrays` batches (-1 = all) and releases the stream. */
static inline void harness_read(Harness *harness, ArrowArrayStream *stream, int max_arrays, StrBuf *out) {
    ArrowSchema schema;
    Error err = {0};
    if (arrow_stream_schema(stream, &schema, &err) != STATUS_OK) {
        harness_fail(harness, &err);
        return;
    }
    for (int i = 0; i != max_arrays; i++) {
        ArrowArray array;
        if (arrow_stream_next(stream, &array, &err) != STATUS_OK) {
            harness_fail(harness, &err);
            break;
        }
        if (!array.release) break;
        for (int64_t row = 0; row < array.length; row++) {
            for (int64_t c = 0; c < array.n_children; c++) {
                if (c) strbuf_append_char(out, '|');
                harness_append_value(out, schema.children[c], array.children[c], row);
            }
            strbuf_append_char(out, '\n');
        }
        arrow_array_release(&array);
    }
    arrow_schema_release(&schema);
}

/* The rows as malloc'd text; "ERROR sqlstate" when it failed (details in the harness). */
static inline char *harness_query_arrays(Harness *harness, int threads, int max_arrays, const Param *params,
                                         int param_count, const char *sql) {
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(sql);
    if (parsed.error) {
        fprintf(stderr, "%s: %s\n", sql, parsed.error->message);
        abort();
    }
    PgQuery__ParseResult *tree =
        pg_query__parse_result__unpack(NULL, parsed.parse_tree.len, (const uint8_t *)parsed.parse_tree.data);
    Statement statement = {.sql = sql,
                           .sql_length = strlen(sql),
                           .tree = tree,
                           .kind = STATEMENT_READ,
                           .statement_count = 1,
                           .param_count = param_count,
                           .bindings = harness->bindings,
                           .binding_count = harness->table_count};
    PlanTableSource source = {.load = harness_load, .context = harness};
    Error err = {0};
    Plan *plan = NULL;
    StrBuf out;
    strbuf_init(&out);
    harness->sqlstate[0] = 0;
    if (!harness->cancel) /* whoever cancels may be reading them */
        memset(&harness->stats, 0, sizeof harness->stats);
    if (plan_statement_from(&harness->engine, &source, &statement, &plan, &err) != STATUS_OK) {
        harness_fail(harness, &err);
    } else {
        ThreadPool *pool = NULL;
        if (threads > 1 && threadpool_create(&pool, "test", threads, &err) != STATUS_OK) abort();
        Budget budget;
        budget_init(&budget, NULL, 0);
        ExecutorResources resources = {.workers = pool,
                                       .budget = &budget,
                                       .query_memory_bytes = harness->memory_bytes,
                                       .spill_directory = harness->spill_directory};
        Execution execution = {.params = params,
                               .param_count = param_count,
                               .cancel = harness->cancel,
                               .budget = &budget,
                               .row_limit = harness->row_limit,
                               .stats = &harness->stats,
                               .max_bytes_scanned = harness->max_bytes_scanned};
        ArrowArrayStream stream;
        if (executor_run(plan, &resources, &execution, &stream, &err) != STATUS_OK) {
            harness_fail(harness, &err);
        } else {
            harness_read(harness, &stream, max_arrays, &out);
            arrow_stream_release(&stream);
        }
        harness->left_reserved = atomic_load(&budget.used_bytes);
        if (pool) threadpool_destroy(pool);
        plan_destroy(plan);
    }
    pg_query__parse_result__free_unpacked(tree, NULL);
    pg_query_free_protobuf_parse_result(parsed);
    if (harness->sqlstate[0]) {
        strbuf_reset(&out);
        strbuf_printf(&out, "ERROR %s", harness->sqlstate);
    }
    return strbuf_release(&out);
}

static inline char *harness_query(Harness *harness, int threads, const char *sql) {
    return harness_query_arrays(harness, threads, -1, NULL, 0, sql);
}

/* Runs `sql` without a budget, then under each of `budgets` with one worker and two, spilling to `directory`:
 * the same rows, and nothing stays reserved. */
static inline void harness_check_budgets(Harness *harness, const char *directory, const char *sql,
                                         const int64_t *budgets, int count) {
    harness->memory_bytes = 0;
    harness->spill_directory = NULL;
    char *expected = harness_query(harness, 1, sql);
    if (harness->sqlstate[0]) fail_msg("%s: %s", sql, harness->message);
    harness->spill_directory = directory;
    for (int b = 0; b < count; b++)
        for (int threads = 1; threads <= 2; threads++) {
            harness->memory_bytes = budgets[b];
            char *actual = harness_query(harness, threads, sql);
            if (strcmp(actual, expected))
                fail_msg("%s\nbudget %lld, %d threads: %.200s(%s) in place of %.200s", sql,
                         (long long)budgets[b], threads, actual, harness->message, expected);
            assert_int_equal(harness->left_reserved, 0);
            free(actual);
        }
    free(expected);
}
