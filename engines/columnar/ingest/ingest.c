#include "engines/columnar/ingest/ingest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/columnar/ingest/loader.h"

enum { REPORT_ROWS = 4096 };

IngestFormat ingest_format_from_name(const char *name) {
    static const struct {
        const char *name;
        IngestFormat format;
    } FORMATS[] = {
        {"csv", INGEST_CSV},     {"tsv", INGEST_CSV},    {"txt", INGEST_CSV},         {"json", INGEST_JSON},
        {"ndjson", INGEST_JSON}, {"jsonl", INGEST_JSON}, {"parquet", INGEST_PARQUET}, {"pq", INGEST_PARQUET},
    };
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (strcasecmp(FORMATS[i].name, name) == 0) return FORMATS[i].format;
    return INGEST_AUTO;
}

static Status detect_format(LoadInput *input, Error *err) {
    unsigned char head[512];
    size_t got;
    TRY(load_input_read(input, 0, head, sizeof head, &got, err));
    if (got >= 4 && memcmp(head, "PAR1", 4) == 0) {
        input->format = INGEST_PARQUET;
        return STATUS_OK;
    }
    if (got >= 2 &&
        ((head[0] == 0x1F && head[1] == 0x8B) || (got >= 4 && memcmp(head, "\x28\xB5\x2F\xFD", 4) == 0)))
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\" is compressed; decompress it first",
                         input->name);
    const char *dot = strrchr(input->name, '.');
    input->format = dot ? ingest_format_from_name(dot + 1) : INGEST_AUTO;
    if (input->format == INGEST_CSV || input->format == INGEST_JSON) return STATUS_OK;
    size_t i = got >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (i < got && strchr(" \t\r\n", head[i]))
        i++;
    input->format = i < got && (head[i] == '{' || head[i] == '[') ? INGEST_JSON : INGEST_CSV;
    return STATUS_OK;
}

Status loader_report(Loader *loader, int64_t file_bytes, Error *err) {
    if (loader->rows < loader->next_report) return STATUS_OK;
    loader->next_report = loader->rows + REPORT_ROWS;
    const IngestOptions *options = loader->options;
    if (options->progress)
        options->progress(options->progress_context, loader->profiling ? 0 : loader->rows,
                          loader->finished_bytes + file_bytes, loader->total_bytes);
    return cancel_check(options->cancel, err);
}

Status loader_column(Loader *loader, const char *name, size_t length, int hint, const char *file, int *column,
                     Error *err) {
    *column = column_registry_find(&loader->registry, name, length, hint);
    if (*column >= 0) return STATUS_OK;
    if (loader->profiling) return column_registry_add(&loader->registry, name, length, column, err);
    for (int i = 0; i < loader->registry.count; i++) {
        const RegistryColumn *candidate = &loader->registry.columns[i];
        if (candidate->name_length == length && strncasecmp(candidate->name, name, length) == 0) {
            *column = i;
            return STATUS_OK;
        }
    }
    int shown = (int)(length < 100 ? length : 100);
    return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "\"%s\": table \"%s\" has no column \"%.*s\"", file,
                     loader->options->table, shown, name);
}

/* Puts file, row and column before what was wrong with the value. */
static Status locate(const Loader *loader, int column, const char *file, int64_t row, Error *err) {
    if (!err) return STATUS_ERROR;
    Error inner = *err;
    return error_set(err, inner.sqlstate, "\"%s\", row %" PRId64 ", column \"%s\": %s", file, row,
                     loader->registry.columns[column].name, inner.message);
}

Status loader_cell(Loader *loader, int column, const Cell *cell, const char *file, int64_t row, Error *err) {
    if (loader->profiling) {
        column_profile_add(&loader->registry.columns[column].profile, cell);
        return STATUS_OK;
    }
    SqlType type = loader->types[column];
    bool is_csv = cell->kind == CELL_TEXT || cell->kind == CELL_QUOTED;
    if (is_csv && cell->length && (type.id == SQL_JSON || type.id == SQL_JSONB)) {
        if (!loader->json_checker) loader->json_checker = json_parser_create();
        if (!json_parser_accepts(loader->json_checker, cell->data, cell->length)) {
            (void)error_set(err, SQLSTATE_INVALID_TEXT, "invalid input for type json");
            return locate(loader, column, file, row, err);
        }
    }
    if (batch_builder_put(&loader->builder, column, cell, err) != STATUS_OK)
        return locate(loader, column, file, row, err);
    return STATUS_OK;
}

static Status flush(Loader *loader, Error *err) {
    if (loader->append) TRY(table_append_batch(loader->append, batch_builder_batch(&loader->builder), err));
    batch_builder_reset(&loader->builder);
    return STATUS_OK;
}

Status loader_end_row(Loader *loader, int64_t file_bytes, Error *err) {
    loader->rows++;
    if (loader->types) {
        batch_builder_end_row(&loader->builder);
        if (batch_builder_is_full(&loader->builder)) TRY(flush(loader, err));
    }
    return loader_report(loader, file_bytes, err);
}

static Status read_inputs(Loader *loader, Error *err) {
    loader->rows = loader->next_report = 0;
    for (int i = 0; i < loader->input_count; i++) {
        if (loader->inputs[i].format == INGEST_JSON)
            TRY(load_json_input(loader, &loader->inputs[i], err));
        else
            TRY(load_csv_input(loader, &loader->inputs[i], err));
    }
    return STATUS_OK;
}

SqlType *loader_profiled_types(Loader *loader) {
    ColumnRegistry *registry = &loader->registry;
    SqlType *types = ARENA_NEW_ARRAY(&registry->arena, SqlType, registry->count + 1);
    for (int i = 0; i < registry->count; i++)
        types[i] = column_profile_type(&registry->columns[i].profile);
    return types;
}

static Status begin_from_profiles(Loader *loader, Error *err) {
    const IngestOptions *options = loader->options;
    ColumnRegistry *registry = &loader->registry;
    if (registry->count == 0) return error_set(err, "22P04", "\"%s\" has no columns", loader->inputs[0].name);
    const SqlType *types = loader_profiled_types(loader);
    TableColumn *columns = ARENA_NEW_ARRAY(&registry->arena, TableColumn, registry->count);
    for (int i = 0; i < registry->count; i++)
        columns[i] = (TableColumn){.name = registry->columns[i].name, .type = types[i], .nullable = true};
    return table_append_begin_create(loader->catalog, options->namespace_name, options->table, columns,
                                     registry->count, options->mode == INGEST_REPLACE, &loader->append, err);
}

void loader_start_batches(Loader *loader, const SqlType *types, int count) {
    batch_builder_init(&loader->builder, types, count);
    loader->types = types;
}

void loader_deinit(Loader *loader) {
    if (loader->types) batch_builder_deinit(&loader->builder);
    if (loader->json_checker) json_parser_destroy(loader->json_checker);
    column_registry_deinit(&loader->registry);
}

static void start_table_batches(Loader *loader) {
    const TableVersion *target = table_append_target(loader->append);
    SqlType *types = ARENA_NEW_ARRAY(&loader->registry.arena, SqlType, target->column_count + 1);
    for (int i = 0; i < target->column_count; i++)
        types[i] = target->columns[i].type;
    loader_start_batches(loader, types, target->column_count);
}

static Status load_text(Loader *loader, Error *err) {
    const IngestOptions *options = loader->options;
    if (!loader->append && options->columns)
        TRY(table_append_begin_create(loader->catalog, options->namespace_name, options->table,
                                      options->columns, options->column_count,
                                      options->mode == INGEST_REPLACE, &loader->append, err));
    if (!loader->append) {
        loader->profiling = true;
        loader->total_bytes *= 2;
        TRY(read_inputs(loader, err));
        loader->profiling = false;
        TRY(begin_from_profiles(loader, err));
    } else {
        const TableVersion *target = table_append_target(loader->append);
        loader->fixed = true;
        int column;
        for (int i = 0; i < target->column_count; i++)
            TRY(column_registry_add(&loader->registry, target->columns[i].name,
                                    strlen(target->columns[i].name), &column, err));
    }
    start_table_batches(loader);
    TRY(read_inputs(loader, err));
    return flush(loader, err);
}

static Status open_inputs(Loader *loader, Error *err) {
    const IngestOptions *options = loader->options;
    int count = options->inputs ? options->input_count : options->file_count, parquet_files = 0;
    if (count == 0) return error_set(err, SQLSTATE_INVALID_PARAMETER, "no file to load");
    loader->inputs = ARENA_NEW_ARRAY(&loader->registry.arena, LoadInput, count);
    for (int i = 0; i < count; i++) {
        IngestInput path = {.kind = INGEST_PATH, .name = options->inputs ? NULL : options->files[i]};
        LoadInput *input = &loader->inputs[i];
        TRY(load_input_open(input, options->inputs ? &options->inputs[i] : &path, NULL, err));
        loader->input_count++;
        input->format = options->format;
        if (input->format == INGEST_AUTO) TRY(detect_format(input, err));
        loader->total_bytes += input->bytes;
        parquet_files += input->format == INGEST_PARQUET;
    }
    if (parquet_files > 0 && parquet_files < count)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "Parquet and text files cannot be loaded together");
    return STATUS_OK;
}

static Status load(Loader *loader, Error *err) {
    const IngestOptions *options = loader->options;
    TRY(open_inputs(loader, err));
    if (options->columns && (options->mode == INGEST_APPEND || loader->inputs[0].format == INGEST_PARQUET))
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         options->mode == INGEST_APPEND
                             ? "the table has its columns already; a schema is for new tables"
                             : "Parquet files carry their own schema");
    if (options->mode == INGEST_APPEND)
        TRY(table_append_begin(loader->catalog, options->namespace_name, options->table, false,
                               &loader->append, err));
    if (loader->inputs[0].format == INGEST_PARQUET) return load_parquet_files(loader, err);
    return load_text(loader, err);
}

Status ingest_load(TableCatalog *catalog, const IngestOptions *options, IngestResult *result, Error *err) {
    Loader loader = {.catalog = catalog, .options = options};
    column_registry_init(&loader.registry);
    *result = (IngestResult){.snapshot_id = -1};
    arena_init(&result->arena);
    Status status = load(&loader, err);
    if (status == STATUS_OK) {
        if (options->progress)
            options->progress(options->progress_context, loader.rows, loader.total_bytes, loader.total_bytes);
        status = table_append_commit(loader.append, &result->row_count, &result->snapshot_id, err);
        loader.append = NULL;
    }
    table_append_abort(loader.append);
    result->bytes_read = loader.finished_bytes;
    for (int i = 0; i < loader.input_count; i++)
        load_input_close(&loader.inputs[i]);
    loader_deinit(&loader);
    return status;
}

void ingest_result_deinit(IngestResult *result) {
    arena_deinit(&result->arena);
}
