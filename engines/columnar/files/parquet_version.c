#include "engines/columnar/files/parquet_version.h"

#include <string.h>

#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/parquet/parquet_reader.h"

typedef struct Columns {
    TableColumn *items;
    int count, capacity;
    Arena *arena;
} Columns;

/* The type that both files' values have, as far as a scan widens them. */
static bool merge_types(SqlType a, SqlType b, SqlType *out) {
    *out = a;
    if (sqltype_equals(a, b)) return true;
    if (sqltype_is_integer(a) && sqltype_is_integer(b)) {
        *out = physical_type_of(a) >= physical_type_of(b) ? a : b;
        return true;
    }
    if (sqltype_is_text(a) && sqltype_is_text(b)) {
        *out = sqltype_of(SQL_TEXT);
        return true;
    }
    if (a.id == SQL_NUMERIC && b.id == SQL_NUMERIC && a.scale == b.scale) {
        *out = a.precision >= b.precision ? a : b;
        return true;
    }
    bool floats = (a.id == SQL_FLOAT4 || a.id == SQL_FLOAT8) && (b.id == SQL_FLOAT4 || b.id == SQL_FLOAT8);
    if (floats) *out = sqltype_of(SQL_FLOAT8);
    return floats;
}

static void append_column(Columns *columns, const char *name, SqlType type) {
    if (columns->count == columns->capacity) {
        columns->capacity = columns->capacity ? columns->capacity * 2 : 64;
        TableColumn *grown = ARENA_NEW_ARRAY(columns->arena, TableColumn, columns->capacity);
        if (columns->count) memcpy(grown, columns->items, sizeof *grown * (size_t)columns->count);
        columns->items = grown;
    }
    columns->items[columns->count++] = (TableColumn){
        .name = arena_strdup(columns->arena, name), .type = type, .nullable = true, .field_id = -1};
}

static Status add_column(Columns *columns, const ParquetFile *file, const ParquetColumn *column, Error *err) {
    /* What cannot be read is refused by name when it is read; it does not stand in the way of the others. */
    SqlType type = column->unsupported || column->type.id == SQL_OTHER ? sqltype_of(SQL_TEXT) : column->type;
    for (int i = 0; i < columns->count; i++) {
        TableColumn *known = &columns->items[i];
        if (strcmp(known->name, column->name) != 0) continue;
        SqlType merged;
        if (!merge_types(known->type, type, &merged)) {
            char have[SQLTYPE_NAME_BYTES], other[SQLTYPE_NAME_BYTES];
            return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                             "column \"%s\" is %s in \"%s\" and %s in files before it", column->name,
                             sqltype_name(type, true, have), parquet_file_path(file),
                             sqltype_name(known->type, true, other));
        }
        known->type = merged;
        return STATUS_OK;
    }
    append_column(columns, column->name, type);
    return STATUS_OK;
}

static Status add_file(Columns *columns, const FilePath *path, DataFile *out, Error *err) {
    ParquetFile *file;
    TRY(parquet_file_open(path->path, &file, err));
    Status status = STATUS_OK;
    for (int i = 0; i < parquet_file_column_count(file) && status == STATUS_OK; i++)
        status = add_column(columns, file, parquet_file_column(file, i), err);
    *out = (DataFile){
        .path = path->path, .row_count = parquet_file_row_count(file), .bytes = parquet_file_bytes(file)};
    parquet_file_release(file);
    return status;
}

/* The path of each file as one more column, in none of them. */
static Status add_file_name(Columns *columns, Error *err) {
    for (int i = 0; i < columns->count; i++)
        if (strcmp(columns->items[i].name, INGEST_FILE_NAME) == 0)
            return error_set(err, "42701", "there is a column \"" INGEST_FILE_NAME "\" already");
    append_column(columns, INGEST_FILE_NAME, sqltype_of(SQL_TEXT));
    return STATUS_OK;
}

/* Bounds that leave out a file whose path is not asked for. */
static const ParquetColumnStats *path_stats(const TableVersion *version, const char *path, Arena *arena) {
    ParquetColumnStats *stats = ARENA_NEW_ARRAY(arena, ParquetColumnStats, version->column_count);
    for (int i = 0; i < version->column_count; i++)
        stats[i].null_count = stats[i].distinct_count = -1;
    ParquetColumnStats *last = &stats[version->column_count - 1];
    last->has_min_max = last->min_exact = last->max_exact = true;
    last->min.string = last->max.string = stringview_make(path, (uint32_t)strlen(path));
    last->null_count = 0;
    return stats;
}

Status parquet_version_make(const FilePathList *files, const char *name, bool file_names, TableVersion **out,
                            Error *err) {
    Arena arena;
    arena_init(&arena);
    Columns columns = {.arena = &arena};
    DataFile *found = ARENA_NEW_ARRAY(&arena, DataFile, files->count + 1);
    Status status = STATUS_OK;
    for (int i = 0; i < files->count && status == STATUS_OK; i++)
        status = add_file(&columns, &files->items[i], &found[i], err);
    if (status == STATUS_OK && columns.count == 0)
        status = error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "the files have no columns");
    if (status == STATUS_OK && file_names) status = add_file_name(&columns, err);
    if (status == STATUS_OK) {
        TableVersion *version = table_version_create("files", name, "", columns.items, columns.count);
        DataFile *kept = ARENA_NEW_ARRAY(&version->arena, DataFile, files->count + 1);
        for (int i = 0; i < files->count; i++) {
            kept[i] = found[i];
            kept[i].path = arena_strdup(&version->arena, found[i].path);
            if (file_names) kept[i].stats = path_stats(version, kept[i].path, &version->arena);
            version->row_count += found[i].row_count;
            version->bytes += found[i].bytes;
        }
        version->files = kept;
        version->has_path_column = file_names;
        version->file_count = files->count;
        *out = version;
    }
    arena_deinit(&arena);
    return status;
}
