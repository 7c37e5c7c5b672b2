#include "engines/columnar/iceberg/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/columnar/iceberg/manifest_schema.h"
#include "engines/columnar/store/local_store.h"

enum { STATUS_ADDED = 1, STATUS_DELETED = 2, CONTENT_DATA = 0, AVRO_SOME = 1, AVRO_NONE = 0 };

static const char *field_text(const AvroValue *record, const char *name, Arena *arena) {
    const AvroValue *value = avro_record_field(record, name);
    if (!value || value->kind != AVRO_STRING) return NULL;
    return arena_strndup(arena, value->bytes.data, value->bytes.length);
}

static Status open_avro(const char *uri, Arena *arena, AvroFile *file, Error *err) {
    const char *path;
    char *data;
    size_t bytes;
    TRY(store_path_from_uri(uri, arena, &path, err));
    TRY(store_read_file(path, MANIFEST_MAX_BYTES, arena, &data, &bytes, err));
    return avro_file_open(data, bytes, path, arena, file, err);
}

/* Older writers call the counts added_data_files_count and so on. */
static int64_t file_count(const AvroValue *record, const char *name, const char *older_name) {
    return avro_field_integer(record, name, avro_field_integer(record, older_name, -1));
}

Status manifest_list_read(const char *path, Arena *arena, ManifestFile **out, int *count, Error *err) {
    AvroFile file;
    TRY(open_avro(path, arena, &file, err));
    int capacity = 0;
    *count = 0;
    *out = NULL;
    for (;;) {
        AvroValue record;
        bool more;
        TRY(avro_file_next(&file, &record, &more, err));
        if (!more) return STATUS_OK;
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            ManifestFile *grown = ARENA_NEW_ARRAY(arena, ManifestFile, capacity);
            if (*count) memcpy(grown, *out, (size_t)*count * sizeof *grown);
            *out = grown;
        }
        ManifestFile *manifest = &(*out)[(*count)++];
        *manifest = (ManifestFile){
            .path = field_text(&record, "manifest_path", arena),
            .bytes = avro_field_integer(&record, "manifest_length", 0),
            .spec_id = (int)avro_field_integer(&record, "partition_spec_id", 0),
            .deletes = avro_field_integer(&record, "content", 0) != 0,
            .sequence_number = avro_field_integer(&record, "sequence_number", 0),
            .min_sequence_number = avro_field_integer(&record, "min_sequence_number", 0),
            .added_snapshot_id = avro_field_integer(&record, "added_snapshot_id", -1),
            .added_files = file_count(&record, "added_files_count", "added_data_files_count"),
            .existing_files = file_count(&record, "existing_files_count", "existing_data_files_count"),
            .deleted_files = file_count(&record, "deleted_files_count", "deleted_data_files_count"),
            .added_rows = avro_field_integer(&record, "added_rows_count", -1),
            .existing_rows = avro_field_integer(&record, "existing_rows_count", -1),
            .deleted_rows = avro_field_integer(&record, "deleted_rows_count", -1),
        };
        if (!manifest->path)
            return error_set(err, SQLSTATE_DATA_CORRUPTED, "manifest list \"%s\": an entry has no path",
                             file.name);
    }
}

static int column_of_field(const TableColumn *columns, int column_count, int64_t field_id) {
    for (int i = 0; i < column_count; i++)
        if (columns[i].field_id == field_id) return i;
    return -1;
}

typedef enum MetricKind { METRIC_NULLS, METRIC_NANS, METRIC_LOWER, METRIC_UPPER } MetricKind;

/* Walks one of the id → value maps of a data file (an array of key, value records). */
static void read_metric(const AvroValue *data_file, const char *name, MetricKind kind,
                        const TableColumn *columns, int column_count, ParquetColumnStats *stats) {
    const AvroValue *map = avro_record_field(data_file, name);
    if (!map || map->kind != AVRO_ARRAY) return;
    for (int i = 0; i < map->count; i++) {
        const AvroValue *value = avro_record_field(&map->items[i], "value");
        int column = column_of_field(columns, column_count, avro_field_integer(&map->items[i], "key", -1));
        if (column < 0 || !value) continue;
        ParquetColumnStats *stat = &stats[column];
        if (kind == METRIC_NULLS && value->kind == AVRO_LONG) stat->null_count = value->integer;
        if (kind == METRIC_NANS && value->kind == AVRO_LONG)
            stat->distinct_count = value->integer; /* kept here only until read_stats has looked at it */
        if (kind < METRIC_LOWER || value->kind != AVRO_BYTES) continue;
        union ParquetBound *bound = kind == METRIC_LOWER ? &stat->min : &stat->max;
        if (!iceberg_bound_decode(columns[column].type, value->bytes.data, value->bytes.length, bound))
            continue;
        /* min_exact and max_exact mark here which side was found; settled in read_stats. */
        if (kind == METRIC_LOWER)
            stat->min_exact = true;
        else
            stat->max_exact = true;
    }
}

static const ParquetColumnStats *read_stats(const AvroValue *data_file, const TableColumn *columns,
                                            int column_count, Arena *arena) {
    ParquetColumnStats *stats = ARENA_NEW_ARRAY(arena, ParquetColumnStats, column_count + 1);
    for (int i = 0; i < column_count; i++)
        stats[i].null_count = stats[i].distinct_count = -1;
    read_metric(data_file, "null_value_counts", METRIC_NULLS, columns, column_count, stats);
    read_metric(data_file, "nan_value_counts", METRIC_NANS, columns, column_count, stats);
    read_metric(data_file, "lower_bounds", METRIC_LOWER, columns, column_count, stats);
    read_metric(data_file, "upper_bounds", METRIC_UPPER, columns, column_count, stats);
    for (int i = 0; i < column_count; i++) {
        PhysicalType physical = physical_type_of(columns[i].type);
        bool is_float = physical == PHYS_F32 || physical == PHYS_F64;
        /* Iceberg's bounds leave NaN out, but in SQL NaN is above every number. */
        bool nan_free = !is_float || stats[i].distinct_count == 0;
        stats[i].distinct_count = -1;
        stats[i].has_min_max = stats[i].min_exact && stats[i].max_exact && nan_free;
        stats[i].min_exact = stats[i].max_exact =
            stats[i].has_min_max && physical != PHYS_STRING && !is_float;
    }
    return stats;
}

static Status read_data_file(const AvroValue *data_file, const char *manifest_name,
                             const TableColumn *columns, int column_count, Arena *arena, DataFile *out,
                             Error *err) {
    if (avro_field_integer(data_file, "content", CONTENT_DATA) != CONTENT_DATA)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "manifest \"%s\" holds delete files",
                         manifest_name);
    const char *uri = field_text(data_file, "file_path", arena);
    const char *format = field_text(data_file, "file_format", arena);
    if (!uri || !format)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "manifest \"%s\": a file has no path or format",
                         manifest_name);
    if (strcasecmp(format, "parquet") != 0)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "data file \"%s\" is in the format %s, not Parquet", uri, format);
    TRY(store_path_from_uri(uri, arena, &out->path, err));
    out->row_count = avro_field_integer(data_file, "record_count", -1);
    out->bytes = avro_field_integer(data_file, "file_size_in_bytes", 0);
    if (out->row_count < 0)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "manifest \"%s\": a file has no row count",
                         manifest_name);
    out->stats = read_stats(data_file, columns, column_count, arena);
    return STATUS_OK;
}

Status manifest_read(const ManifestFile *manifest, const TableColumn *columns, int column_count, Arena *arena,
                     DataFileList *files, Error *err) {
    AvroFile file;
    TRY(open_avro(manifest->path, arena, &file, err));
    for (;;) {
        AvroValue entry;
        bool more;
        TRY(avro_file_next(&file, &entry, &more, err));
        if (!more) return STATUS_OK;
        if (avro_field_integer(&entry, "status", STATUS_ADDED) == STATUS_DELETED) continue;
        if (files->count == files->capacity) {
            files->capacity = files->capacity ? files->capacity * 2 : 16;
            DataFile *grown = ARENA_NEW_ARRAY(arena, DataFile, files->capacity);
            if (files->count) memcpy(grown, files->files, (size_t)files->count * sizeof *grown);
            files->files = grown;
        }
        TRY(read_data_file(avro_record_field(&entry, "data_file"), file.name, columns, column_count, arena,
                           &files->files[files->count], err));
        files->count++;
    }
}

static void put_counts(StrBuf *out, const WrittenFile *file, const TableMetadata *table,
                       int64_t (*count)(const ParquetWrittenColumn *, SqlType)) {
    int entries = 0;
    for (int i = 0; i < table->column_count; i++)
        entries += count(&file->written.columns[i], table->columns[i].type) >= 0;
    avro_put_long(out, AVRO_SOME);
    if (entries) avro_put_long(out, entries);
    for (int i = 0; i < table->column_count; i++) {
        int64_t value = count(&file->written.columns[i], table->columns[i].type);
        if (value < 0) continue;
        avro_put_long(out, table->columns[i].field_id);
        avro_put_long(out, value);
    }
    avro_put_long(out, 0);
}

static int64_t size_of(const ParquetWrittenColumn *column, SqlType type) {
    return column->compressed_bytes;
}
static int64_t values_of(const ParquetWrittenColumn *column, SqlType type) {
    return column->value_count;
}
static int64_t nulls_of(const ParquetWrittenColumn *column, SqlType type) {
    return column->null_count;
}
static int64_t nans_of(const ParquetWrittenColumn *column, SqlType type) {
    return type.id == SQL_FLOAT4 || type.id == SQL_FLOAT8 ? column->nan_count : -1;
}

static void put_bounds(StrBuf *out, const WrittenFile *file, const TableMetadata *table, bool upper) {
    StrBuf entries, bound;
    strbuf_init(&entries);
    strbuf_init(&bound);
    int count = 0;
    for (int i = 0; i < table->column_count; i++) {
        const ParquetColumnStats *stats = &file->written.columns[i].stats;
        strbuf_reset(&bound);
        if (!stats->has_min_max ||
            !iceberg_bound_encode(table->columns[i].type, upper ? &stats->max : &stats->min, upper, &bound))
            continue;
        avro_put_long(&entries, table->columns[i].field_id);
        avro_put_bytes(&entries, strbuf_text(&bound), bound.length);
        count++;
    }
    avro_put_long(out, AVRO_SOME);
    if (count) {
        avro_put_long(out, count);
        strbuf_append(out, strbuf_text(&entries), entries.length);
    }
    avro_put_long(out, 0);
    strbuf_deinit(&entries);
    strbuf_deinit(&bound);
}

static void put_entry(StrBuf *out, const WrittenFile *file, const TableMetadata *table, int64_t snapshot_id,
                      Arena *arena) {
    avro_put_long(out, STATUS_ADDED);
    avro_put_long(out, AVRO_SOME);
    avro_put_long(out, snapshot_id);
    avro_put_long(out, AVRO_NONE); /* sequence numbers: inherited */
    avro_put_long(out, AVRO_NONE);
    avro_put_long(out, CONTENT_DATA);
    avro_put_string(out, store_uri_from_path(file->path, arena));
    avro_put_string(out, "PARQUET");
    avro_put_long(out, file->written.row_count);
    avro_put_long(out, file->written.file_bytes);
    put_counts(out, file, table, size_of);
    put_counts(out, file, table, values_of);
    put_counts(out, file, table, nulls_of);
    put_counts(out, file, table, nans_of);
    put_bounds(out, file, table, false);
    put_bounds(out, file, table, true);
    avro_put_long(out, AVRO_NONE); /* key_metadata */
    avro_put_long(out, AVRO_SOME);
    if (file->written.split_count > 0) {
        avro_put_long(out, file->written.split_count);
        for (int i = 0; i < file->written.split_count; i++)
            avro_put_long(out, file->written.split_offsets[i]);
    }
    avro_put_long(out, 0);
    avro_put_long(out, AVRO_NONE); /* equality_ids */
    avro_put_long(out, AVRO_SOME);
    avro_put_long(out, 0); /* unsorted */
}

static char *current_schema_text(const TableMetadata *table) {
    size_t index;
    json_t *schema;
    json_array_foreach(json_object_get(table->root, "schemas"), index, schema) {
        if (json_integer_value(json_object_get(schema, "schema-id")) == table->schema_id)
            return json_dumps(schema, JSON_COMPACT);
    }
    return strdup("{}");
}

static Status write_container(const char *path, const char *schema, const char *const *metadata,
                              const StrBuf *block, int64_t count, int64_t *bytes, Error *err) {
    StrBuf file;
    strbuf_init(&file);
    Status status = avro_container_write(&file, schema, metadata, AVRO_CODEC_DEFLATE, block, count, err);
    if (status == STATUS_OK) status = store_write_durable(path, strbuf_text(&file), file.length, err);
    *bytes = (int64_t)file.length;
    strbuf_deinit(&file);
    return status;
}

Status manifest_write(const char *path, const WrittenFile *files, int count, const TableMetadata *table,
                      int64_t snapshot_id, Arena *arena, ManifestFile *out, Error *err) {
    *out = (ManifestFile){
        .path = store_uri_from_path(path, arena), .added_snapshot_id = snapshot_id, .added_files = count};
    StrBuf block;
    strbuf_init(&block);
    for (int i = 0; i < count; i++) {
        put_entry(&block, &files[i], table, snapshot_id, arena);
        out->added_rows += files[i].written.row_count;
    }
    char *schema = current_schema_text(table);
    const char *metadata[] = {"schema",
                              schema,
                              "schema-id",
                              arena_printf(arena, "%d", table->schema_id),
                              "partition-spec",
                              "[]",
                              "partition-spec-id",
                              "0",
                              "format-version",
                              "2",
                              "content",
                              "data",
                              NULL};
    out->spec_id = (int)json_integer_value(json_object_get(table->root, "default-spec-id"));
    metadata[7] = arena_printf(arena, "%d", out->spec_id);
    Status status = write_container(path, MANIFEST_ENTRY_SCHEMA, metadata, &block, count, &out->bytes, err);
    free(schema);
    strbuf_deinit(&block);
    return status;
}

Status manifest_list_write(const char *path, const ManifestFile *files, int count,
                           const TableMetadata *parent, int64_t snapshot_id, int64_t sequence_number,
                           Error *err) {
    StrBuf block;
    strbuf_init(&block);
    for (int i = 0; i < count; i++) {
        const ManifestFile *file = &files[i];
        const int64_t counts[] = {file->added_files, file->existing_files, file->deleted_files,
                                  file->added_rows,  file->existing_rows,  file->deleted_rows};
        avro_put_string(&block, file->path);
        avro_put_long(&block, file->bytes);
        avro_put_long(&block, file->spec_id);
        avro_put_long(&block, file->deletes);
        avro_put_long(&block, file->sequence_number);
        avro_put_long(&block, file->min_sequence_number);
        avro_put_long(&block, file->added_snapshot_id);
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
            avro_put_long(&block, counts[j] < 0 ? 0 : counts[j]);
        avro_put_long(&block, AVRO_NONE); /* partitions: an unpartitioned table has none */
        avro_put_long(&block, AVRO_NONE); /* key_metadata */
    }
    char snapshot[32], parent_snapshot[32], sequence[32];
    snprintf(snapshot, sizeof snapshot, "%" PRId64, snapshot_id);
    snprintf(parent_snapshot, sizeof parent_snapshot, "%" PRId64, parent->snapshot_id);
    snprintf(sequence, sizeof sequence, "%" PRId64, sequence_number);
    const char *metadata[] = {"snapshot-id",
                              snapshot,
                              "sequence-number",
                              sequence,
                              "format-version",
                              "2",
                              "parent-snapshot-id",
                              parent->snapshot_id == -1 ? "null" : parent_snapshot,
                              NULL};
    int64_t bytes;
    Status status = write_container(path, MANIFEST_LIST_SCHEMA, metadata, &block, count, &bytes, err);
    strbuf_deinit(&block);
    return status;
}
