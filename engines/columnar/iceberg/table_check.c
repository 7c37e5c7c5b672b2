#include "engines/columnar/iceberg/table_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_reach.h"
#include "engines/columnar/store/local_store.h"

typedef struct Check {
    TableCatalog *catalog;
    const TableCheckOptions *options;
    Arena *arena;
    TableCheck *out;
    PathSet seen;
} Check;

static void problem(Check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void problem(Check *check, const char *format, ...) {
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (check->out->problems < TABLE_CHECK_MESSAGES)
        check->out->messages[check->out->problems] = arena_strdup(check->arena, text);
    check->out->problems++;
}

/* True when the file is there; its size is compared unless `bytes` is negative. */
static bool check_size(Check *check, const char *what, const char *path, int64_t bytes) {
    struct stat info;
    if (stat(path, &info) != 0) {
        problem(check, "%s \"%s\" %s", what, path, errno == ENOENT ? "is missing" : strerror(errno));
        return false;
    }
    if (bytes < 0 || info.st_size == bytes) return true;
    problem(check, "%s \"%s\" has %lld bytes, the table says %lld", what, path, (long long)info.st_size,
            (long long)bytes);
    return false;
}

static Status read_chunk(Check *check, ParquetFile *file, int group, int column, Error *err) {
    ParquetColumnReader *reader;
    TRY(parquet_column_open(file, group, column, 0, &reader, err));
    int64_t rows = parquet_row_group_row_count(file, group);
    Status status = STATUS_OK;
    for (int64_t row = 0; row < rows && status == STATUS_OK;) {
        Vector vector = {0};
        int step = rows - row < BATCH_ROWS ? (int)(rows - row) : BATCH_ROWS;
        status = cancel_check(check->options->cancel, err);
        if (status == STATUS_OK) status = parquet_column_read(reader, step, &vector, err);
        row += step;
    }
    parquet_column_close(reader);
    return status;
}

static void read_pages(Check *check, ParquetFile *file) {
    for (int group = 0; group < parquet_file_row_group_count(file); group++) {
        for (int column = 0; column < parquet_file_column_count(file); column++) {
            Error failure = {0};
            if (parquet_file_column(file, column)->unsupported) continue;
            if (cancel_is_requested(check->options->cancel)) return;
            if (read_chunk(check, file, group, column, &failure) != STATUS_OK)
                problem(check, "%s", failure.message);
        }
    }
}

static void check_parquet(Check *check, const ReachedFile *reached) {
    ParquetFile *file;
    Error failure = {0};
    if (parquet_file_open(reached->path, &file, &failure) != STATUS_OK) {
        problem(check, "%s", failure.message);
        return;
    }
    if (parquet_file_row_count(file) != reached->row_count)
        problem(check, "data file \"%s\" has %lld rows, the table says %lld", reached->path,
                (long long)parquet_file_row_count(file), (long long)reached->row_count);
    else if (check->options->deep)
        read_pages(check, file);
    parquet_file_release(file);
}

static Status check_file(Check *check, const ReachedFile *file, Error *err) {
    TRY(cancel_check(check->options->cancel, err));
    if (!path_set_add(&check->seen, file->path)) return STATUS_OK;
    check->out->files++;
    check->out->bytes += file->bytes;
    if (file->content == 0) check->out->rows += file->row_count;
    if (check_size(check, file->content ? "delete file" : "data file", file->path, file->bytes) &&
        file->parquet)
        check_parquet(check, file);
    if (check->options->progress)
        check->options->progress(check->options->progress_context, check->out->files);
    return STATUS_OK;
}

static Status check_manifest(Check *check, const char *path, int64_t bytes, Error *err) {
    Arena arena;
    Error failure = {0};
    ReachedFileList files = {0};
    if (!path_set_add(&check->seen, path)) return STATUS_OK;
    check->out->manifests++;
    if (!check_size(check, "manifest", path, bytes > 0 ? bytes : -1)) return STATUS_OK;
    arena_init(&arena);
    if (reach_manifest(path, &arena, &files, &failure) != STATUS_OK) problem(check, "%s", failure.message);
    Status status = STATUS_OK;
    for (int i = 0; i < files.count && status == STATUS_OK; i++)
        status = check_file(check, &files.files[i], err);
    arena_deinit(&arena);
    return status;
}

static Status check_snapshot(Check *check, json_t *snapshot, Error *err) {
    ReachedSnapshot reached;
    Error failure = {0};
    check->out->snapshots++;
    if (reach_snapshot(snapshot, check->arena, &reached, &failure) != STATUS_OK) {
        problem(check, "snapshot %lld: %s", (long long)reached.snapshot_id, failure.message);
        return STATUS_OK;
    }
    for (int i = 0; i < reached.manifest_count; i++)
        TRY(check_manifest(check, reached.manifests[i], reached.manifest_bytes[i], err));
    return STATUS_OK;
}

static Status check_snapshots(Check *check, const TableMetadata *metadata, Error *err) {
    size_t index;
    json_t *snapshot;
    json_array_foreach(json_object_get(metadata->root, "snapshots"), index, snapshot)
        TRY(check_snapshot(check, snapshot, err));
    return STATUS_OK;
}

/* Commits and maintenance may go on meanwhile: a reader's pin keeps the snapshot, expired ones are looked for
 * once more by the caller. */
static Status check_location(Check *check, const char *location, Error *err) {
    TableMetadata metadata;
    Error failure = {0};
    if (table_catalog_read_metadata(location, check->arena, &metadata, &failure) != STATUS_OK) {
        problem(check, "%s", failure.message);
        return STATUS_OK;
    }
    path_set_init(&check->seen, check->arena);
    Status status = check_snapshots(check, &metadata, err);
    path_set_deinit(&check->seen);
    table_metadata_deinit(&metadata);
    return status;
}

static Status find_location(TableCatalog *catalog, const char *namespace_name, const char *name,
                            StrBuf *location, Error *err) {
    bool found;
    strbuf_reset(location);
    TRY(catalog_db_find(catalog->db, namespace_name, name, location, &found, err));
    return found ? STATUS_OK : table_catalog_undefined(namespace_name, name, err);
}

enum { CHECK_ATTEMPTS = 5 };

/* Again while problems may come from expiry that took place under our eyes. */
static Status check_with(Check *check, const char *namespace_name, const char *name, StrBuf *location,
                         StrBuf *now, Error *err) {
    for (int attempt = 0;; attempt++) {
        TRY(find_location(check->catalog, namespace_name, name, location, err));
        *check->out = (TableCheck){0};
        TRY(check_location(check, strbuf_text(location), err));
        if (check->out->problems == 0) break;
        TRY(find_location(check->catalog, namespace_name, name, now, err));
        if (attempt == CHECK_ATTEMPTS || strcmp(strbuf_text(now), strbuf_text(location)) == 0) break;
    }
    /* Where files are missing nothing can be told of what is too much. */
    if (check->out->problems > 0) return STATUS_OK;
    return table_orphans_find(check->catalog, namespace_name, name, check->options->orphan_min_age_ms,
                              check->arena, &check->out->orphans, err);
}

Status table_check(TableCatalog *catalog, const char *namespace_name, const char *name,
                   const TableCheckOptions *options, Arena *arena, TableCheck *out, Error *err) {
    Check check = {.catalog = catalog, .options = options, .arena = arena, .out = out};
    StrBuf location, now;
    strbuf_init(&location);
    strbuf_init(&now);
    Status status =
        check_with(&check, namespace_name ? namespace_name : DEFAULT_NAMESPACE, name, &location, &now, err);
    strbuf_deinit(&location);
    strbuf_deinit(&now);
    return status;
}
