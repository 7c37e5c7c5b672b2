#include "engines/columnar/ingest/ingest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/columnar/ingest/loader.h"
#include "engines/columnar/ingest/text_source.h"

enum { REPORT_ROWS = 4096, REJECTS_LISTED = 100 };

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

/* events.csv, and events.csv.gz, too. */
static IngestFormat format_of_path(const char *path) {
    const char *dot = strrchr(path, '.');
    char inner[32];
    if (!dot) return INGEST_AUTO;
    if (strcasecmp(dot, ".gz") != 0 && strcasecmp(dot, ".zst") != 0 && strcasecmp(dot, ".zstd") != 0)
        return ingest_format_from_name(dot + 1);
    const char *before = memrchr(path, '.', (size_t)(dot - path));
    if (!before || (size_t)(dot - before) > sizeof inner) return INGEST_AUTO;
    memcpy(inner, before + 1, (size_t)(dot - before) - 1);
    inner[dot - before - 1] = 0;
    return ingest_format_from_name(inner);
}

static Status detect_format(LoadInput *input, const char *encoding, Error *err) {
    char head[4096];
    size_t got, length = 0;
    TRY(load_input_read(input, 0, head, sizeof head, &got, err));
    if (got >= 4 && memcmp(head, "PAR1", 4) == 0) {
        input->format = INGEST_PARQUET;
        return STATUS_OK;
    }
    TextSource *source;
    TRY(text_source_open(input, encoding, &source, err));
    Status status = STATUS_OK;
    do {
        status = text_source_read(source, head + length, sizeof head - length, &got, err);
        length += got;
    } while (status == STATUS_OK && got > 0 && length + TEXT_SOURCE_ROOM <= sizeof head);
    text_source_close(source);
    TRY(status);
    input->format = format_of_path(input->name);
    if (input->format == INGEST_CSV || input->format == INGEST_JSON) return STATUS_OK;
    size_t i = 0;
    while (i < length && strchr(" \t\r\n", head[i]))
        i++;
    input->format = i < length && (head[i] == '{' || head[i] == '[') ? INGEST_JSON : INGEST_CSV;
    return STATUS_OK;
}

Status loader_report(Loader *loader, Error *err) {
    if (loader->rows < loader->next_report) return STATUS_OK;
    loader->next_report = loader->rows + REPORT_ROWS;
    const IngestOptions *options = loader->options;
    if (options->progress)
        options->progress(options->progress_context, loader->rows, loader->finished_bytes,
                          loader->total_bytes);
    return cancel_check(options->cancel, err);
}

static Status open_inputs(Loader *loader, Error *err) {
    const IngestOptions *options = loader->options;
    int count = options->inputs ? options->input_count : options->file_count, parquet_files = 0;
    if (count == 0) return error_set(err, SQLSTATE_INVALID_PARAMETER, "no file to load");
    loader->inputs = ARENA_NEW_ARRAY(&loader->arena, LoadInput, count);
    for (int i = 0; i < count; i++) {
        IngestInput path = {.kind = INGEST_PATH, .name = options->inputs ? NULL : options->files[i]};
        LoadInput *input = &loader->inputs[i];
        TRY(load_input_open(input, options->inputs ? &options->inputs[i] : &path, NULL, err));
        loader->input_count++;
        input->format = options->format;
        if (input->format == INGEST_AUTO) TRY(detect_format(input, options->encoding, err));
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
    bool is_parquet = loader->inputs[0].format == INGEST_PARQUET;
    if (options->columns && (options->mode == INGEST_APPEND || is_parquet))
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         options->mode == INGEST_APPEND
                             ? "the table has its columns already; a schema is for new tables"
                             : "Parquet files carry their own schema");
    return is_parquet ? load_parquet_files(loader, err) : load_text(loader, err);
}

static void give_rejects(Loader *loader, IngestResult *result) {
    IngestReject *rejects = ARENA_NEW_ARRAY(&loader->rejects.arena, IngestReject, loader->rejects.count + 1);
    for (int i = 0; i < loader->rejects.count; i++)
        rejects[i] = loader->rejects.entries[i].reject;
    result->rejected_count = loader->rejected_count;
    result->rejects = rejects;
    result->reject_count = loader->rejects.count;
    result->changes = loader->changes;
    result->change_count = loader->change_count;
    result->arena = loader->rejects.arena;
}

Status ingest_load(TableCatalog *catalog, const IngestOptions *options, IngestResult *result, Error *err) {
    Loader loader = {.catalog = catalog, .options = options};
    *result = (IngestResult){.snapshot_id = -1};
    arena_init(&loader.arena);
    arena_init(&loader.rejects.arena);
    loader.rejects.capacity = options->max_rejects_listed > 0 ? options->max_rejects_listed : REJECTS_LISTED;
    loader.rejects.entries = ARENA_NEW_ARRAY(&loader.rejects.arena, RejectEntry, loader.rejects.capacity);
    Status status = load(&loader, err);
    if (status == STATUS_OK && options->progress)
        options->progress(options->progress_context, loader.rows, loader.total_bytes, loader.total_bytes);
    result->row_count = loader.rows;
    if (status == STATUS_OK && !options->receiver) {
        status = table_append_commit(loader.append, &result->row_count, &result->snapshot_id, err);
        loader.append = NULL;
    }
    table_append_abort(loader.append);
    result->bytes_read = loader.finished_bytes;
    for (int i = 0; i < loader.input_count; i++)
        load_input_close(&loader.inputs[i]);
    give_rejects(&loader, result);
    arena_deinit(&loader.arena);
    return status;
}

void ingest_result_deinit(IngestResult *result) {
    arena_deinit(&result->arena);
}
