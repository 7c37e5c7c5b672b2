#include <stdlib.h>
#include <string.h>

#include "engines/columnar/ingest/loader.h"

/* Where each column of the table comes from in one file; -1 = nowhere, NULL. */
typedef struct ParquetSource {
    ParquetFile *file;
    int *columns;
    const char *name;
    int64_t rows; /* given to a receiver */
} ParquetSource;

typedef struct ParquetTarget {
    const char *name;
    const TableColumn *columns;
    int column_count;
} ParquetTarget;

static ParquetTarget target_of(const Loader *loader) {
    if (loader->options->receiver)
        return (ParquetTarget){loader->options->table, loader->received, loader->received_count};
    const TableVersion *version = table_append_target(loader->append);
    return (ParquetTarget){version->name, version->columns, version->column_count};
}

/* Receivers are databases, where a name's case seldom means anything. */
static int find_column(const Loader *loader, const ParquetTarget *target, const char *name) {
    for (int i = 0; i < target->column_count; i++)
        if (!strcmp(target->columns[i].name, name)) return i;
    for (int i = 0; loader->options->receiver && i < target->column_count; i++)
        if (!strcasecmp(target->columns[i].name, name)) return i;
    return -1;
}

static Status check_readable(const ParquetFile *file, const ParquetColumn *column, Error *err) {
    if (column->type.id != SQL_OTHER && !column->unsupported) return STATUS_OK;
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\": column \"%s\" cannot be loaded: %s",
                     parquet_file_path(file), column->name,
                     column->unsupported ? column->unsupported : "its type is not supported");
}

/* The table of the first file's columns; further files must have the same ones. */
static Status begin_from_file(Loader *loader, const ParquetFile *file, Arena *arena, Error *err) {
    int count = parquet_file_column_count(file);
    TableColumn *columns = ARENA_NEW_ARRAY(arena, TableColumn, count + 1);
    for (int i = 0; i < count; i++) {
        const ParquetColumn *column = parquet_file_column(file, i);
        TRY(check_readable(file, column, err));
        /* Whether a file happens to declare a column required says little about the next one. */
        columns[i] = (TableColumn){.name = column->name, .type = column->type, .nullable = true};
    }
    const IngestOptions *options = loader->options;
    return table_append_begin_create(loader->catalog, options->namespace_name, options->table, columns, count,
                                     options->mode == INGEST_REPLACE, &loader->append, err);
}

static Status map_file(Loader *loader, ParquetSource *source, Arena *arena, Error *err) {
    const ParquetTarget target = target_of(loader);
    source->columns = ARENA_NEW_ARRAY(arena, int, target.column_count + 1);
    for (int i = 0; i < target.column_count; i++)
        source->columns[i] = -1;
    for (int i = 0; i < parquet_file_column_count(source->file); i++) {
        const ParquetColumn *column = parquet_file_column(source->file, i);
        int found = find_column(loader, &target, column->name);
        if (found < 0)
            return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "\"%s\": table \"%s\" has no column \"%s\"",
                             parquet_file_path(source->file), target.name, column->name);
        TRY(check_readable(source->file, column, err));
        SqlType wanted = target.columns[found].type;
        bool both_text = sqltype_is_text(wanted) && sqltype_is_text(column->type) && wanted.precision == 0;
        bool is_json = wanted.id == SQL_JSON && sqltype_is_text(column->type);
        if (!sqltype_equals(wanted, column->type) && !both_text && !is_json) {
            char have[SQLTYPE_NAME_BYTES], want[SQLTYPE_NAME_BYTES];
            return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                             "\"%s\": column \"%s\" is %s, in the table it is %s",
                             parquet_file_path(source->file), column->name,
                             sqltype_name(column->type, true, have), sqltype_name(wanted, true, want));
        }
        source->columns[found] = i;
    }
    return STATUS_OK;
}

static Status give_batch(Loader *loader, ParquetSource *source, const Batch *batch, Error *err) {
    const IngestReceiver *receiver = loader->options->receiver;
    if (!receiver) return table_append_batch(loader->append, batch, err);
    int64_t rows[BATCH_ROWS];
    for (int i = 0; i < batch->selected; i++)
        rows[i] = ++source->rows;
    return receiver->take(receiver->context, source->name, rows, batch, err);
}

static Status copy_batches(Loader *loader, ParquetSource *source, ParquetColumnReader **readers,
                           int row_group, Arena *batch_arena, Error *err) {
    const ParquetTarget target = target_of(loader);
    int64_t left = parquet_row_group_row_count(source->file, row_group);
    while (left > 0) {
        int rows = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
        arena_reset(batch_arena);
        Batch batch = {.row_count = rows, .selected = rows, .column_count = target.column_count};
        batch.columns = ARENA_NEW_ARRAY(batch_arena, Vector, target.column_count);
        for (int i = 0; i < target.column_count; i++) {
            if (!readers[i]) {
                vector_init_constant(&batch.columns[i], target.columns[i].type, NULL, batch_arena);
                continue;
            }
            TRY(parquet_column_read(readers[i], rows, &batch.columns[i], err));
            batch.columns[i].type = target.columns[i].type;
        }
        TRY(give_batch(loader, source, &batch, err));
        left -= rows;
        loader->rows += rows;
        TRY(loader_report(loader, err));
    }
    return STATUS_OK;
}

static Status load_row_group(Loader *loader, ParquetSource *source, int row_group, Arena *batch_arena,
                             Error *err) {
    int count = target_of(loader).column_count;
    ParquetColumnReader **readers = calloc((size_t)count, sizeof *readers);
    if (!readers) abort();
    Status status = STATUS_OK;
    int64_t bytes = 0;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        if (source->columns[i] < 0) continue;
        status = parquet_column_open(source->file, row_group, source->columns[i], 0, &readers[i], err);
        bytes += parquet_chunk_bytes(source->file, row_group, source->columns[i]);
    }
    if (status == STATUS_OK) status = copy_batches(loader, source, readers, row_group, batch_arena, err);
    for (int i = 0; i < count; i++)
        if (readers[i]) parquet_column_close(readers[i]);
    free(readers);
    loader->finished_bytes += bytes;
    return status;
}

static Status load_file(Loader *loader, ParquetSource *source, Arena *arena, Arena *batch_arena, Error *err) {
    if (!loader->append && !loader->options->receiver) TRY(begin_from_file(loader, source->file, arena, err));
    TRY(map_file(loader, source, arena, err));
    for (int i = 0; i < parquet_file_row_group_count(source->file); i++)
        TRY(load_row_group(loader, source, i, batch_arena, err));
    return STATUS_OK;
}

static Status open_file(const LoadInput *input, Arena *arena, ParquetFile **out, Error *err) {
    if (input->fd < 0)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\": Parquet is read from files only",
                         input->name);
    return parquet_file_open(
        input->is_path ? input->name : arena_printf(arena, "/proc/self/fd/%d", input->fd), out, err);
}

/* The columns of all files, each once. */
static Status list_columns(Loader *loader, TableColumn **columns, int *count, Error *err) {
    int capacity = 0;
    *count = 0;
    for (int i = 0; i < loader->input_count; i++) {
        ParquetFile *file;
        TRY(open_file(&loader->inputs[i], &loader->arena, &file, err));
        int file_columns = parquet_file_column_count(file);
        if (*count + file_columns > capacity) {
            capacity = 2 * (*count + file_columns);
            TableColumn *grown = ARENA_NEW_ARRAY(&loader->arena, TableColumn, capacity);
            if (*count) memcpy(grown, *columns, (size_t)*count * sizeof *grown);
            *columns = grown;
        }
        Status status = STATUS_OK;
        for (int j = 0; j < file_columns && status == STATUS_OK; j++) {
            const ParquetColumn *column = parquet_file_column(file, j);
            bool known = false;
            for (int k = 0; k < *count && !known; k++)
                known = strcmp((*columns)[k].name, column->name) == 0;
            status = check_readable(file, column, err);
            if (!known)
                (*columns)[(*count)++] = (TableColumn){.name = arena_strdup(&loader->arena, column->name),
                                                       .type = column->type,
                                                       .nullable = true};
        }
        parquet_file_release(file);
        TRY(status);
    }
    return STATUS_OK;
}

static Status begin_append(Loader *loader, Error *err) {
    const IngestOptions *options = loader->options;
    TableColumn *columns = NULL;
    int count;
    if (options->mode != INGEST_APPEND) return STATUS_OK; /* the first file has the columns */
    if (options->keep_columns)
        return table_append_begin(loader->catalog, options->namespace_name, options->table,
                                  options->replace_rows, &loader->append, err);
    TRY(list_columns(loader, &columns, &count, err));
    return load_evolve(loader, columns, count, NULL, err);
}

/* The types are the first file's: what receives them reads them as what it has. */
static Status begin_received(Loader *loader, Error *err) {
    const IngestReceiver *receiver = loader->options->receiver;
    TableColumn *found = NULL;
    int count;
    TRY(list_columns(loader, &found, &count, err));
    TRY(load_receiver_columns(loader, found, count, &loader->received, &loader->received_count, err));
    const ParquetTarget target = target_of(loader);
    for (int i = 0; i < count; i++)
        loader->received[find_column(loader, &target, found[i].name)].type = found[i].type;
    return receiver->begin(receiver->context, loader->received, loader->received_count, err);
}

Status load_parquet_files(Loader *loader, Error *err) {
    TRY(loader->options->receiver ? begin_received(loader, err) : begin_append(loader, err));
    Arena arena, batch_arena;
    arena_init(&arena);
    arena_init(&batch_arena);
    Status status = STATUS_OK;
    for (int i = 0; i < loader->input_count && status == STATUS_OK; i++) {
        ParquetSource source = {.name = loader->inputs[i].name};
        status = open_file(&loader->inputs[i], &arena, &source.file, err);
        if (status != STATUS_OK) break;
        status = load_file(loader, &source, &arena, &batch_arena, err);
        parquet_file_release(source.file);
    }
    arena_deinit(&arena);
    arena_deinit(&batch_arena);
    return status;
}
