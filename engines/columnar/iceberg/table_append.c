/* Rows in, one snapshot out. Order of a commit: data files, manifest, manifest list, metadata file (each
 * synced with its directory entry), then the compare-and-swap of the catalog row. Before the swap nothing is
 * visible. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/store/local_store.h"

enum { COMMIT_ATTEMPTS = 64, MAX_BACKOFF_MS = 100, ROWS_PER_FILE = 16 << 20, SHARED_BUFFER_BYTES = 48 << 20 };

void (*table_append_step_hook)(const char *step);

/* Writes files of its own: one thread's share of an append. */
struct TableAppendWriter {
    TableAppend *append;
    TableAppendWriter *next;
    Arena arena;
    ParquetWriter *parquet; /* NULL between files */
    char *path;
    WrittenFile *files;
    int file_count, file_capacity;
    int64_t row_count;
};

typedef enum AppendMode { MODE_APPEND, MODE_REPLACE, MODE_CREATE, MODE_CREATE_OR_REPLACE } AppendMode;

struct TableAppend {
    TableCatalog *catalog;
    AppendMode mode;
    Arena arena;
    TableVersion *target;
    TableMetadata metadata; /* its current schema is what the files are written with */
    char *data_directory, *metadata_directory;
    TableAppendWriter *writers; /* the append's own is the last one */
    _Atomic int next_file_number;
    WrittenFile *files; /* of all writers, once they are finished */
    int file_count;
    int64_t row_count;
    int64_t snapshot_id;
    bool uncertain;      /* the catalog failed so that nobody knows whether it took the commit: no file may be
                            removed */
    char *manifest_path; /* "" until written */
    ManifestFile manifest;
};

static void step_done(const char *step) {
    if (table_append_step_hook) table_append_step_hook(step);
}

static Status check_writable(const TableMetadata *metadata, const char *name, Error *err) {
    if (metadata->format_version != 2)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "table \"%s\" has Iceberg format version %d; only version 2 can be written", name,
                         metadata->format_version);
    if (metadata->partitioned)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "table \"%s\" is partitioned, which cannot be written yet", name);
    char type[SQLTYPE_NAME_BYTES];
    for (int i = 0; i < metadata->column_count; i++) {
        if (metadata->columns[i].type.id == SQL_OTHER)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "column \"%s\" of table \"%s\" has a type that cannot be written",
                             metadata->columns[i].name, name);
        TRY(iceberg_type_name(metadata->columns[i].type, metadata->columns[i].name, type, err));
    }
    return STATUS_OK;
}

static Status find_location(TableCatalog *catalog, const char *namespace_name, const char *name, Arena *arena,
                            char **location, bool *found, Error *err) {
    StrBuf text;
    strbuf_init(&text);
    Status status = catalog_db_find(catalog->db, namespace_name, name, &text, found, err);
    *location = arena_strdup(arena, strbuf_text(&text));
    strbuf_deinit(&text);
    return status;
}

static Status prepare_directories(TableAppend *append, Error *err) {
    const char *directory;
    TRY(store_path_from_uri(append->metadata.location, &append->arena, &directory, err));
    append->data_directory = arena_printf(&append->arena, "%s/data", directory);
    append->metadata_directory = arena_printf(&append->arena, "%s/metadata", directory);
    TRY(store_make_directories(append->data_directory, err));
    return store_make_directories(append->metadata_directory, err);
}

static void append_destroy(TableAppend *append) {
    for (TableAppendWriter *writer = append->writers, *next; writer; writer = next) {
        next = writer->next;
        arena_deinit(&writer->arena);
        free(writer);
    }
    table_metadata_deinit(&append->metadata);
    table_version_release(append->target);
    arena_deinit(&append->arena);
    free(append);
}

TableAppendWriter *table_append_writer_open(TableAppend *append) {
    TableAppendWriter *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    arena_init(&writer->arena);
    writer->append = append;
    writer->next = append->writers;
    append->writers = writer;
    return writer;
}

static TableAppend *append_new(TableCatalog *catalog, AppendMode mode) {
    TableAppend *append = calloc(1, sizeof *append);
    if (!append) abort();
    append->catalog = catalog;
    append->mode = mode;
    arena_init(&append->arena);
    append->manifest_path = "";
    append->snapshot_id = (int64_t)(store_random_u64() >> 1);
    table_append_writer_open(append);
    return append;
}

static Status begin_existing(TableAppend *append, const char *namespace_name, const char *name, Error *err) {
    char *location;
    bool found;
    TRY(find_location(append->catalog, namespace_name, name, &append->arena, &location, &found, err));
    if (!found) return table_catalog_undefined(namespace_name, name, err);
    TRY(table_catalog_read_metadata(location, &append->arena, &append->metadata, err));
    TRY(check_writable(&append->metadata, name, err));
    append->target = table_version_create(namespace_name, name, location, append->metadata.columns,
                                          append->metadata.column_count);
    append->target->snapshot_id = append->metadata.snapshot_id;
    return prepare_directories(append, err);
}

Status table_append_begin(TableCatalog *catalog, const char *namespace_name, const char *name, bool replace,
                          TableAppend **out, Error *err) {
    TableAppend *append = append_new(catalog, replace ? MODE_REPLACE : MODE_APPEND);
    if (begin_existing(append, namespace_name ? namespace_name : DEFAULT_NAMESPACE, name, err) != STATUS_OK) {
        append_destroy(append);
        return STATUS_ERROR;
    }
    *out = append;
    return STATUS_OK;
}

static Status check_columns(const TableColumn *columns, int column_count, Error *err) {
    if (column_count == 0) return error_set(err, "42P16", "a table needs at least one column");
    for (int i = 0; i < column_count; i++) {
        if (!columns[i].name || !columns[i].name[0])
            return error_set(err, "42602", "column %d has no name", i + 1);
        for (int j = 0; j < i; j++)
            if (strcmp(columns[i].name, columns[j].name) == 0)
                return error_set(err, "42701", "column \"%s\" is specified more than once", columns[i].name);
    }
    return STATUS_OK;
}

static Status begin_create(TableAppend *append, const char *namespace_name, const char *name,
                           const TableColumn *columns, int column_count, Error *err) {
    char *location;
    bool found;
    Arena *arena = &append->arena;
    TRY(check_columns(columns, column_count, err));
    if (!name[0]) return error_set(err, "42602", "a table needs a name");
    TRY(find_location(append->catalog, namespace_name, name, arena, &location, &found, err));
    if (found && append->mode == MODE_CREATE)
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%s\" already exists", name);
    if (found) {
        TRY(table_catalog_read_metadata(location, arena, &append->metadata, err));
        TRY(check_writable(&append->metadata, name, err));
        TableColumn *wanted = ARENA_NEW_ARRAY(arena, TableColumn, column_count);
        memcpy(wanted, columns, (size_t)column_count * sizeof *wanted);
        TRY(table_metadata_set_schema(&append->metadata, wanted, column_count, arena, err));
    } else {
        char *directory = table_catalog_directory(append->catalog, namespace_name, name, arena);
        TRY(table_metadata_create(store_uri_from_path(directory, arena), columns, column_count, arena,
                                  &append->metadata, err));
    }
    append->target =
        table_version_create(namespace_name, name, location, append->metadata.columns, column_count);
    append->target->snapshot_id = append->metadata.snapshot_id;
    return prepare_directories(append, err);
}

Status table_append_begin_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 const TableColumn *columns, int column_count, bool or_replace,
                                 TableAppend **out, Error *err) {
    TableAppend *append = append_new(catalog, or_replace ? MODE_CREATE_OR_REPLACE : MODE_CREATE);
    if (begin_create(append, namespace_name ? namespace_name : DEFAULT_NAMESPACE, name, columns, column_count,
                     err) != STATUS_OK) {
        append_destroy(append);
        return STATUS_ERROR;
    }
    *out = append;
    return STATUS_OK;
}

const TableVersion *table_append_target(const TableAppend *append) {
    return append->target;
}

int64_t table_append_snapshot_id(const TableAppend *append) {
    return append->snapshot_id;
}

static Status open_file(TableAppendWriter *writer, Error *err) {
    TableAppend *append = writer->append;
    const TableVersion *target = append->target;
    ParquetWriterColumn *columns = ARENA_NEW_ARRAY(&writer->arena, ParquetWriterColumn, target->column_count);
    for (int i = 0; i < target->column_count; i++)
        columns[i] = (ParquetWriterColumn){target->columns[i].name, target->columns[i].type,
                                           target->columns[i].nullable, target->columns[i].field_id};
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    writer->path = arena_printf(&writer->arena, "%s/%05d-%s.parquet", append->data_directory,
                                append->next_file_number++, uuid);
    /* Several writers share what one may hold. */
    ParquetWriterOptions options = {.buffer_bytes = writer->next ? SHARED_BUFFER_BYTES : 0};
    return parquet_writer_open(writer->path, columns, target->column_count, &options, &writer->parquet, err);
}

static Status finish_file(TableAppendWriter *writer, Error *err) {
    if (!writer->parquet) return STATUS_OK;
    if (writer->file_count == writer->file_capacity) {
        int capacity = writer->file_capacity ? writer->file_capacity * 2 : 4;
        WrittenFile *grown = ARENA_NEW_ARRAY(&writer->arena, WrittenFile, capacity);
        if (writer->file_count) memcpy(grown, writer->files, (size_t)writer->file_count * sizeof *grown);
        writer->files = grown;
        writer->file_capacity = capacity;
    }
    WrittenFile *file = &writer->files[writer->file_count];
    file->path = writer->path;
    ParquetWriter *parquet = writer->parquet;
    writer->parquet = NULL;
    TRY(parquet_writer_finish(parquet, &writer->arena, &file->written, err));
    writer->file_count++;
    TRY(store_sync_directory_of(file->path, err));
    step_done("data file");
    return STATUS_OK;
}

Status table_append_writer_finish(TableAppendWriter *writer, Error *err) {
    return finish_file(writer, err);
}

/* The last files of all writers, then the list of them all. */
static Status finish_writers(TableAppend *append, Error *err) {
    int count = 0;
    for (TableAppendWriter *writer = append->writers; writer; writer = writer->next) {
        TRY(finish_file(writer, err));
        count += writer->file_count;
    }
    append->files = ARENA_NEW_ARRAY(&append->arena, WrittenFile, count + 1);
    append->file_count = 0;
    append->row_count = 0;
    for (TableAppendWriter *writer = append->writers; writer; writer = writer->next) {
        for (int i = 0; i < writer->file_count; i++)
            append->files[append->file_count++] = writer->files[i];
        append->row_count += writer->row_count;
    }
    return STATUS_OK;
}

static Status check_not_null(const TableVersion *target, const Batch *batch, Error *err) {
    for (int i = 0; i < target->column_count; i++) {
        const Vector *vector = &batch->columns[i];
        if (target->columns[i].nullable || !vector->validity) continue;
        for (int row = 0; row < batch->selected; row++)
            if (vector_is_null(vector, batch->selection ? batch->selection[row] : row))
                return error_set(err, "23502", "null value in column \"%s\" violates its not-null constraint",
                                 target->columns[i].name);
    }
    return STATUS_OK;
}

Status table_append_writer_batch(TableAppendWriter *writer, const Batch *batch, Error *err) {
    Batch whole = *batch;
    const TableVersion *target = writer->append->target;
    if (!whole.selection) whole.selected = whole.row_count;
    if (whole.selected == 0) return STATUS_OK;
    if (whole.column_count != target->column_count)
        return error_set(err, SQLSTATE_INTERNAL, "a batch of %d columns for a table of %d",
                         whole.column_count, target->column_count);
    TRY(check_not_null(target, &whole, err));
    if (writer->parquet && parquet_writer_row_count(writer->parquet) >= ROWS_PER_FILE)
        TRY(finish_file(writer, err));
    if (!writer->parquet) TRY(open_file(writer, err));
    TRY(parquet_writer_append(writer->parquet, &whole, err));
    writer->row_count += whole.selected;
    return STATUS_OK;
}

Status table_append_batch(TableAppend *append, const Batch *batch, Error *err) {
    TableAppendWriter *own = append->writers;
    while (own->next)
        own = own->next;
    return table_append_writer_batch(own, batch, err);
}

void table_append_abort(TableAppend *append) {
    if (!append) return;
    for (TableAppendWriter *writer = append->writers; writer; writer = writer->next) {
        if (writer->parquet) parquet_writer_abort(writer->parquet);
        for (int i = 0; i < writer->file_count && !append->uncertain; i++)
            unlink(writer->files[i].path);
    }
    if (append->manifest_path[0] && !append->uncertain) unlink(append->manifest_path);
    /* Empty directories of a table that never came to be; rmdir leaves those that hold files. */
    if (append->data_directory && append->metadata_directory) {
        rmdir(append->data_directory);
        rmdir(append->metadata_directory);
    }
    append_destroy(append);
}

/* One attempt's own state. */
typedef struct CommitAttempt {
    Arena arena;
    TableMetadata metadata;
    char *old_location; /* "" for a table that does not exist yet */
    char *list_path, *metadata_path;
    SnapshotChange change;
} CommitAttempt;

static bool same_columns(const TableMetadata *metadata, const TableVersion *target) {
    if (metadata->column_count != target->column_count) return false;
    for (int i = 0; i < target->column_count; i++) {
        const TableColumn *a = &metadata->columns[i], *b = &target->columns[i];
        if (a->field_id != b->field_id || !sqltype_equals(a->type, b->type) || (b->nullable && !a->nullable))
            return false;
    }
    return true;
}

/* The metadata this attempt builds on: the table's as it is now, or the new table's own. */
static Status attempt_base(TableAppend *append, CommitAttempt *attempt, Error *err) {
    const TableVersion *target = append->target;
    Arena *arena = &attempt->arena;
    bool found;
    TRY(find_location(append->catalog, target->namespace_name, target->name, arena, &attempt->old_location,
                      &found, err));
    bool may_be_new = append->mode == MODE_CREATE || append->mode == MODE_CREATE_OR_REPLACE;
    if (!found && !may_be_new) return table_catalog_undefined(target->namespace_name, target->name, err);
    if (found && append->mode == MODE_CREATE)
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%s\" already exists", target->name);
    bool was_new = !target->metadata_location[0];
    if (!found || was_new) {
        if (found || !was_new)
            return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                             "table \"%s\" was created or dropped by another transaction meanwhile",
                             target->name);
        json_t *root = json_deep_copy(append->metadata.root);
        attempt->metadata = append->metadata;
        attempt->metadata.root = root;
        attempt->metadata.location = json_string_value(json_object_get(root, "location"));
        return STATUS_OK;
    }
    TRY(table_catalog_read_metadata(attempt->old_location, arena, &attempt->metadata, err));
    TRY(check_writable(&attempt->metadata, target->name, err));
    if (append->mode == MODE_CREATE_OR_REPLACE) {
        TableColumn *wanted = ARENA_NEW_ARRAY(arena, TableColumn, target->column_count);
        memcpy(wanted, target->columns, (size_t)target->column_count * sizeof *wanted);
        TRY(table_metadata_set_schema(&attempt->metadata, wanted, target->column_count, arena, err));
    }
    if (!same_columns(&attempt->metadata, target) ||
        strcmp(attempt->metadata.location, append->metadata.location) != 0)
        return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                         "the columns of table \"%s\" were changed by another transaction meanwhile",
                         target->name);
    return STATUS_OK;
}

static int64_t summary_number(const TableMetadata *metadata, const char *key) {
    const char *text =
        json_string_value(json_object_get(json_object_get(metadata->snapshot, "summary"), key));
    return text ? strtoll(text, NULL, 10) : 0;
}

/* Manifests of the new snapshot: those of the base when rows are appended, then ours. Fills the snapshot's
 * totals. */
static Status attempt_manifests(TableAppend *append, CommitAttempt *attempt, ManifestFile **out, int *count,
                                Error *err) {
    ManifestFile *base = NULL;
    int base_count = 0;
    int64_t files = 0, rows = 0, bytes = summary_number(&attempt->metadata, "total-files-size");
    if (attempt->metadata.manifest_list)
        TRY(manifest_list_read(attempt->metadata.manifest_list, &attempt->arena, &base, &base_count, err));
    for (int i = 0; i < base_count; i++) {
        if (base[i].deletes) continue;
        files += base[i].added_files + base[i].existing_files;
        rows += base[i].added_rows + base[i].existing_rows;
    }
    SnapshotChange *change = &attempt->change;
    change->overwrite = append->mode != MODE_APPEND && attempt->metadata.snapshot_id != -1;
    if (change->overwrite) {
        change->deleted_files = files;
        change->deleted_rows = rows;
        change->deleted_bytes = bytes;
        base_count = 0;
        files = rows = bytes = 0;
    }
    change->added_files = append->file_count;
    change->added_rows = append->row_count;
    for (int i = 0; i < append->file_count; i++)
        change->added_bytes += append->files[i].written.file_bytes;
    change->total_files = files + change->added_files;
    change->total_rows = rows + change->added_rows;
    change->total_bytes = bytes + change->added_bytes;
    ManifestFile *all = ARENA_NEW_ARRAY(&attempt->arena, ManifestFile, base_count + 1);
    int used = 0;
    if (append->file_count > 0) {
        all[used] = append->manifest;
        all[used].sequence_number = all[used].min_sequence_number = change->sequence_number;
        used++;
    }
    if (base_count) memcpy(all + used, base, (size_t)base_count * sizeof *all);
    *out = all;
    *count = used + base_count;
    return STATUS_OK;
}

static Status attempt_snapshot(TableAppend *append, CommitAttempt *attempt, int number, Error *err) {
    SnapshotChange *change = &attempt->change;
    Arena *arena = &attempt->arena;
    ManifestFile *manifests;
    int count;
    char uuid[STORE_UUID_BYTES];
    change->snapshot_id = append->snapshot_id;
    change->sequence_number = attempt->metadata.last_sequence_number + 1;
    change->timestamp_ms = clock_wall_us() / 1000;
    TRY(attempt_manifests(append, attempt, &manifests, &count, err));
    store_make_uuid(uuid);
    attempt->list_path = arena_printf(arena, "%s/snap-%" PRId64 "-%d-%s.avro", append->metadata_directory,
                                      append->snapshot_id, number, uuid);
    TRY(manifest_list_write(attempt->list_path, manifests, count, &attempt->metadata, append->snapshot_id,
                            change->sequence_number, err));
    step_done("manifest list");
    change->manifest_list = store_uri_from_path(attempt->list_path, arena);
    table_metadata_add_snapshot(&attempt->metadata, change, attempt->old_location);
    return STATUS_OK;
}

/* Metadata files are numbered: 00000-UUID.metadata.json, 00001-... */
static int next_metadata_number(const char *old_location) {
    const char *slash = strrchr(old_location, '/');
    if (!old_location[0]) return 0;
    long number = strtol(slash ? slash + 1 : old_location, NULL, 10);
    return number >= 0 && number < 99999999 ? (int)number + 1 : 1;
}

/* A failed write to the catalog may still have reached it: what the row says now decides. */
static Status resolve_failed_swap(TableAppend *append, const char *location, bool *swapped, Error *err) {
    StrBuf current;
    bool found = false;
    Error ignored;
    strbuf_init(&current);
    Status looked = catalog_db_find(append->catalog->db, append->target->namespace_name, append->target->name,
                                    &current, &found, &ignored);
    *swapped = looked == STATUS_OK && found && strcmp(strbuf_text(&current), location) == 0;
    append->uncertain = looked != STATUS_OK;
    strbuf_deinit(&current);
    if (!*swapped) return STATUS_ERROR; /* `err` is the catalog's */
    if (err) error_clear(err);
    return STATUS_OK;
}

static Status attempt_swap(TableAppend *append, CommitAttempt *attempt, bool *swapped, Error *err) {
    const TableVersion *target = append->target;
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    attempt->metadata_path =
        arena_printf(&attempt->arena, "%s/%05d-%s.metadata.json", append->metadata_directory,
                     next_metadata_number(attempt->old_location), uuid);
    char *text = table_metadata_text(&attempt->metadata);
    if (!text)
        return error_set(err, SQLSTATE_INTERNAL, "cannot write the metadata of table \"%s\" as JSON",
                         target->name);
    Status status = store_write_durable(attempt->metadata_path, text, strlen(text), err);
    free(text);
    TRY(status);
    step_done("metadata");
    const char *location = store_uri_from_path(attempt->metadata_path, &attempt->arena);
    CatalogDb *db = append->catalog->db;
    if (attempt->old_location[0]) {
        status = catalog_db_swap(db, target->namespace_name, target->name, attempt->old_location, location,
                                 swapped, err);
    } else {
        status = catalog_db_insert(db, target->namespace_name, target->name, location, err);
        *swapped = status == STATUS_OK;
    }
    return status == STATUS_OK ? STATUS_OK : resolve_failed_swap(append, location, swapped, err);
}

static Status attempt_commit(TableAppend *append, int number, bool *swapped, Error *err) {
    CommitAttempt attempt = {.metadata = {.snapshot_id = -1}};
    arena_init(&attempt.arena);
    *swapped = false;
    Status status = attempt_base(append, &attempt, err);
    bool adds_snapshot =
        append->file_count > 0 || (append->mode != MODE_APPEND && attempt.metadata.snapshot_id != -1);
    if (status == STATUS_OK && adds_snapshot) status = attempt_snapshot(append, &attempt, number, err);
    if (status == STATUS_OK && !adds_snapshot) append->snapshot_id = attempt.metadata.snapshot_id;
    bool nothing_to_do = !adds_snapshot && append->mode == MODE_APPEND;
    if (status == STATUS_OK && nothing_to_do)
        *swapped = true;
    else if (status == STATUS_OK)
        status = attempt_swap(append, &attempt, swapped, err);
    if (!*swapped && !append->uncertain) {
        if (attempt.list_path) unlink(attempt.list_path);
        if (attempt.metadata_path) unlink(attempt.metadata_path);
    }
    table_metadata_deinit(&attempt.metadata);
    arena_deinit(&attempt.arena);
    return status;
}

static void back_off(int attempt) {
    int64_t limit_us = attempt < 7 ? (int64_t)1000 << attempt : MAX_BACKOFF_MS * 1000;
    int64_t pause_us = (int64_t)(store_random_u64() % (uint64_t)limit_us);
    struct timespec pause = {.tv_sec = 0, .tv_nsec = pause_us * 1000};
    nanosleep(&pause, NULL);
}

static Status commit(TableAppend *append, Error *err) {
    TRY(finish_writers(append, err));
    if (append->file_count > 0) {
        char uuid[STORE_UUID_BYTES];
        store_make_uuid(uuid);
        append->manifest_path =
            arena_printf(&append->arena, "%s/%s-m0.avro", append->metadata_directory, uuid);
        TRY(manifest_write(append->manifest_path, append->files, append->file_count, &append->metadata,
                           append->snapshot_id, &append->arena, &append->manifest, err));
        step_done("manifest");
    }
    const TableVersion *target = append->target;
    pthread_mutex_t *lock =
        &append->catalog
             ->commit_locks[table_catalog_hash(target->namespace_name, target->name) % COMMIT_LOCKS];
    for (int number = 0; number < COMMIT_ATTEMPTS; number++) {
        bool swapped;
        pthread_mutex_lock(lock);
        Status status = attempt_commit(append, number, &swapped, err);
        pthread_mutex_unlock(lock);
        TRY(status);
        if (swapped) return STATUS_OK;
        back_off(number);
    }
    return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                     "could not commit to table \"%s\": other transactions commit to it all the time",
                     target->name);
}

Status table_append_commit(TableAppend *append, int64_t *row_count, int64_t *snapshot_id, Error *err) {
    if (commit(append, err) != STATUS_OK) {
        table_append_abort(append);
        return STATUS_ERROR;
    }
    if (row_count) *row_count = append->row_count;
    if (snapshot_id) *snapshot_id = append->snapshot_id;
    append_destroy(append);
    return STATUS_OK;
}
