/* Parquet files into tables: which columns there are, and where each comes from. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engines/columnar/ingest/load_parquet.h"
#include "engines/columnar/ingest/load_widen.h"

static Status check_readable(const ParquetFile *file, const ParquetColumn *column, Error *err) {
    if (column->type.id != SQL_OTHER && !column->unsupported) return STATUS_OK;
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\": column \"%s\" cannot be loaded: %s",
                     parquet_file_path(file), column->name,
                     column->unsupported ? column->unsupported : "its type is not supported");
}

/* ---- the table's columns --------------------------------------------------------------------------------
 */

typedef struct FoundColumns {
    TableColumn *items;
    int count, capacity;
    Arena *arena;
} FoundColumns;

static Status add_column(FoundColumns *found, const ParquetFile *file, const ParquetColumn *column,
                         Error *err) {
    TRY(check_readable(file, column, err));
    for (int i = 0; i < found->count; i++) {
        TableColumn *known = &found->items[i];
        if (strcmp(known->name, column->name) != 0) continue;
        SqlType common;
        if (!load_common_type(known->type, column->type, &common)) {
            char have[SQLTYPE_NAME_BYTES], before[SQLTYPE_NAME_BYTES];
            return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                             "\"%s\": column \"%s\" is %s, in files before it %s, and no type holds both",
                             parquet_file_path(file), column->name, sqltype_name(column->type, true, have),
                             sqltype_name(known->type, true, before));
        }
        known->type = common;
        return STATUS_OK;
    }
    if (found->count == found->capacity) {
        found->capacity = found->capacity ? found->capacity * 2 : 64;
        TableColumn *grown = ARENA_NEW_ARRAY(found->arena, TableColumn, found->capacity);
        if (found->count) memcpy(grown, found->items, (size_t)found->count * sizeof *grown);
        found->items = grown;
    }
    /* Whether a file happens to declare a column required says little about the next one. */
    found->items[found->count++] = (TableColumn){
        .name = arena_strdup(found->arena, column->name), .type = column->type, .nullable = true};
    return STATUS_OK;
}

/* The columns of all files, each once, of types that hold all of their values. */
static Status find_columns(Loader *loader, FoundColumns *found, Error *err) {
    for (int i = 0; i < loader->input_count; i++) {
        ParquetFile *file;
        TRY(load_parquet_open(&loader->inputs[i], &file, err));
        Status status = STATUS_OK;
        for (int j = 0; j < parquet_file_column_count(file) && status == STATUS_OK; j++)
            status = add_column(found, file, parquet_file_column(file, j), err);
        parquet_file_release(file);
        TRY(status);
    }
    return STATUS_OK;
}

/* ---- a file's columns -----------------------------------------------------------------------------------
 */

Status load_parquet_open(const LoadInput *input, ParquetFile **out, Error *err) {
    char path[32];
    if (input->fd < 0)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "\"%s\": Parquet is read from files only",
                         input->name);
    snprintf(path, sizeof path, "/proc/self/fd/%d", input->fd);
    return parquet_file_open(input->is_path ? input->name : path, out, err);
}

static int find_target(const ParquetTarget *target, const char *name) {
    for (int i = 0; i < target->column_count; i++)
        if (strcmp(target->columns[i].name, name) == 0) return i;
    for (int i = 0; i < target->column_count; i++)
        if (strcasecmp(target->columns[i].name, name) == 0) return i;
    return -1;
}

Status load_parquet_map(const ParquetTarget *target, const ParquetFile *file, int *columns, Error *err) {
    const char *path = parquet_file_path(file);
    for (int i = 0; i < target->column_count; i++)
        columns[i] = -1;
    for (int i = 0; i < parquet_file_column_count(file); i++) {
        const ParquetColumn *column = parquet_file_column(file, i);
        int found = find_target(target, column->name);
        if (found < 0)
            return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "\"%s\": table \"%s\" has no column \"%s\"",
                             path, target->name, column->name);
        if (columns[found] >= 0)
            return error_set(err, "42701", "\"%s\": two columns are the table's \"%s\"", path,
                             target->columns[found].name);
        TRY(check_readable(file, column, err));
        SqlType wanted = target->columns[found].type;
        if (!load_widens(column->type, wanted)) {
            char have[SQLTYPE_NAME_BYTES], want[SQLTYPE_NAME_BYTES];
            return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                             "\"%s\": column \"%s\" is %s, in the table it is %s", path, column->name,
                             sqltype_name(column->type, true, have), sqltype_name(wanted, true, want));
        }
        columns[found] = i;
    }
    return STATUS_OK;
}

/* ---- the load --------------------------------------------------------------------------------------------
 */

static Status begin(Loader *loader, ParquetTarget *target, Error *err) {
    const IngestOptions *options = loader->options;
    FoundColumns found = {.arena = &loader->arena};
    if (options->mode == INGEST_APPEND && options->keep_columns) {
        TRY(table_append_begin(loader->catalog, options->namespace_name, options->table,
                               options->replace_rows, &loader->append, err));
    } else {
        TRY(find_columns(loader, &found, err));
        if (options->mode == INGEST_APPEND)
            TRY(load_evolve(loader, found.items, found.count, NULL, err));
        else
            TRY(table_append_begin_create(loader->catalog, options->namespace_name, options->table,
                                          found.items, found.count, options->mode == INGEST_REPLACE,
                                          &loader->append, err));
    }
    const TableVersion *version = table_append_target(loader->append);
    *target = (ParquetTarget){version->name, version->columns, version->column_count};
    return STATUS_OK;
}

/* The types are the files': what receives them reads them as what it has. */
static Status begin_received(Loader *loader, ParquetTarget *target, Error *err) {
    const IngestReceiver *receiver = loader->options->receiver;
    FoundColumns found = {.arena = &loader->arena};
    TRY(find_columns(loader, &found, err));
    TRY(load_receiver_columns(loader, found.items, found.count, &loader->received, &loader->received_count,
                              err));
    *target = (ParquetTarget){loader->options->table, loader->received, loader->received_count};
    for (int i = 0; i < found.count; i++)
        loader->received[find_target(target, found.items[i].name)].type = found.items[i].type;
    return receiver->begin(receiver->context, loader->received, loader->received_count, err);
}

Status load_parquet_files(Loader *loader, Error *err) {
    ParquetTarget target;
    TRY(loader->options->receiver ? begin_received(loader, &target, err) : begin(loader, &target, err));
    return load_parquet_rows(loader, &target, err);
}
