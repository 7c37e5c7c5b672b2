/* Entries of manifests, and what a scan needs of them. */
#include <string.h>
#include <strings.h>

#include "engines/columnar/iceberg/manifest_internal.h"
#include "engines/columnar/store/local_store.h"

/* Field ids of the columns of position delete files. */
enum { ID_FILE_PATH = 2147483546 };

ManifestEntry *entry_list_add(EntryList *list, Arena *arena) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        ManifestEntry *grown = ARENA_NEW_ARRAY(arena, ManifestEntry, list->capacity);
        if (list->count) memcpy(grown, list->entries, (size_t)list->count * sizeof *grown);
        list->entries = grown;
    }
    return &list->entries[list->count++];
}

/* One of the id → value maps of a data file: an array of key, value records. */
static EntryMetrics read_metrics(const AvroValue *data_file, const char *name, Arena *arena) {
    const AvroValue *map = avro_record_field(data_file, name);
    if (!map || map->kind != AVRO_ARRAY) return (EntryMetrics){0};
    EntryMetrics out = {.items = ARENA_NEW_ARRAY(arena, EntryMetric, map->count + 1)};
    for (int i = 0; i < map->count; i++) {
        const AvroValue *value = avro_record_field(&map->items[i], "value");
        EntryMetric *item = &out.items[out.count];
        item->field_id = (int)avro_field_integer(&map->items[i], "key", -1);
        if (!value || item->field_id < 0) continue;
        if (value->kind == AVRO_LONG || value->kind == AVRO_INT) {
            item->count = value->integer;
        } else if (value->kind == AVRO_BYTES) {
            item->data = value->bytes.data;
            item->length = value->bytes.length;
        } else {
            continue;
        }
        out.count++;
    }
    return out;
}

static bool decode_tuple_value(SqlType type, const AvroValue *held, PartitionValue *out) {
    PhysicalType physical = physical_type_of(type);
    bool integer = held->kind == AVRO_INT || held->kind == AVRO_LONG || held->kind == AVRO_BOOLEAN;
    bool bytes = held->kind == AVRO_BYTES || held->kind == AVRO_STRING || held->kind == AVRO_FIXED;
    if (type.id == SQL_NUMERIC)
        return bytes && iceberg_bound_decode(type, held->bytes.data, held->bytes.length, &out->value);
    if (physical == PHYS_F32 || physical == PHYS_F64) {
        out->value.f64 = held->real;
        return held->kind == AVRO_FLOAT || held->kind == AVRO_DOUBLE;
    }
    if (physical == PHYS_STRING) {
        if (!bytes || held->bytes.length > UINT32_MAX) return false;
        out->value.string = stringview_make(held->bytes.data, (uint32_t)held->bytes.length);
        return type.id != SQL_UUID || held->bytes.length == 16;
    }
    out->value.i64 = held->integer;
    return integer;
}

static Status read_partition(const AvroValue *data_file, const PartitionSpec *spec, const char *name,
                             Arena *arena, ManifestEntry *out, Error *err) {
    const AvroValue *tuple = avro_record_field(data_file, "partition");
    PartitionValue *values = ARENA_NEW_ARRAY(arena, PartitionValue, spec->field_count + 1);
    for (int i = 0; i < spec->field_count; i++) {
        const PartitionField *field = &spec->fields[i];
        const AvroValue *held = avro_record_field_by_id(tuple, field->field_id);
        if (!held) held = avro_record_field(tuple, field->name);
        values[i].is_null = true;
        if (!held || held->kind == AVRO_NULL || field->transform.kind == TRANSFORM_UNKNOWN) continue;
        values[i].is_null = false;
        if (!decode_tuple_value(field->result_type, held, &values[i]))
            return error_set(err, SQLSTATE_DATA_CORRUPTED,
                             "manifest \"%s\": a value of partition field \"%s\" is of another type", name,
                             field->name);
    }
    out->partition = values;
    return STATUS_OK;
}

static void read_lists(const AvroValue *data_file, Arena *arena, ManifestEntry *out) {
    const AvroValue *splits = avro_record_field(data_file, "split_offsets");
    const AvroValue *ids = avro_record_field(data_file, "equality_ids");
    if (splits && splits->kind == AVRO_ARRAY) {
        int64_t *offsets = ARENA_NEW_ARRAY(arena, int64_t, splits->count + 1);
        for (int i = 0; i < splits->count; i++)
            offsets[i] = splits->items[i].kind == AVRO_LONG ? splits->items[i].integer : 0;
        out->split_offsets = offsets;
        out->split_count = splits->count;
    }
    if (ids && ids->kind == AVRO_ARRAY) {
        int *equality = ARENA_NEW_ARRAY(arena, int, ids->count + 1);
        for (int i = 0; i < ids->count; i++)
            equality[i] = ids->items[i].kind == AVRO_INT ? (int)ids->items[i].integer : -1;
        out->equality_ids = equality;
        out->equality_count = ids->count;
    }
}

static Status read_file_record(const AvroValue *data_file, const char *name, Arena *arena, ManifestEntry *out,
                               Error *err) {
    int64_t content = avro_field_integer(data_file, "content", CONTENT_DATA);
    out->uri = manifest_field_text(data_file, "file_path", arena);
    out->format = manifest_field_text(data_file, "file_format", arena);
    out->row_count = avro_field_integer(data_file, "record_count", -1);
    out->bytes = avro_field_integer(data_file, "file_size_in_bytes", 0);
    if (!out->uri || !out->format)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "manifest \"%s\": a file has no path or format", name);
    if (out->row_count < 0)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "manifest \"%s\": a file has no row count", name);
    if (content < CONTENT_DATA || content > CONTENT_EQUALITY_DELETES)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "manifest \"%s\": files of content %d are not known", name, (int)content);
    out->content = (FileContent)content;
    out->column_sizes = read_metrics(data_file, "column_sizes", arena);
    out->value_counts = read_metrics(data_file, "value_counts", arena);
    out->null_counts = read_metrics(data_file, "null_value_counts", arena);
    out->nan_counts = read_metrics(data_file, "nan_value_counts", arena);
    out->lower = read_metrics(data_file, "lower_bounds", arena);
    out->upper = read_metrics(data_file, "upper_bounds", arena);
    const AvroValue *key = avro_record_field(data_file, "key_metadata");
    if (key && key->kind == AVRO_BYTES) {
        out->key_metadata = key->bytes.data;
        out->key_metadata_bytes = key->bytes.length;
    }
    read_lists(data_file, arena, out);
    out->sort_order_id = (int)avro_field_integer(data_file, "sort_order_id", -1);
    out->referenced_uri = manifest_field_text(data_file, "referenced_data_file", arena);
    out->content_offset = avro_field_integer(data_file, "content_offset", -1);
    out->content_bytes = avro_field_integer(data_file, "content_size_in_bytes", -1);
    out->first_row_id = avro_field_integer(data_file, "first_row_id", -1);
    return STATUS_OK;
}

/* ADDED entries inherit the numbers of the commit that the manifest list tells; entries of version 1 have
 * sequence number 0. */
static void read_numbers(const AvroValue *entry, const ManifestFile *manifest, ManifestEntry *out) {
    out->status = (EntryStatus)avro_field_integer(entry, "status", ENTRY_ADDED);
    out->snapshot_id = avro_field_integer(entry, "snapshot_id", manifest->added_snapshot_id);
    int64_t inherited = out->status == ENTRY_ADDED ? manifest->sequence_number : 0;
    out->sequence_number = avro_field_integer(entry, "sequence_number", inherited);
    out->file_sequence_number = avro_field_integer(entry, "file_sequence_number", inherited);
    out->spec_id = manifest->spec_id;
}

Status manifest_read(const ManifestFile *manifest, const PartitionSpec *spec, Arena *arena, EntryList *out,
                     Error *err) {
    AvroFile file;
    TRY(manifest_open_avro(manifest->path, arena, &file, err));
    for (;;) {
        AvroValue record;
        bool more;
        TRY(avro_file_next(&file, &record, &more, err));
        if (!more) return STATUS_OK;
        ManifestEntry *entry = entry_list_add(out, arena);
        memset(entry, 0, sizeof *entry);
        read_numbers(&record, manifest, entry);
        const AvroValue *data_file = avro_record_field(&record, "data_file");
        TRY(read_file_record(data_file, file.name, arena, entry, err));
        if (spec && spec->field_count) TRY(read_partition(data_file, spec, file.name, arena, entry, err));
    }
}

/* ---- what a scan needs -----------------------------------------------------------------------------------
 */

/* Metrics come in the order of columns, mostly. */
static int column_of(const TableColumn *columns, int column_count, int field_id, int hint) {
    for (int i = 0; i < column_count; i++) {
        int at = hint + i < column_count ? hint + i : hint + i - column_count;
        if (columns[at].field_id == field_id) return at;
    }
    return -1;
}

static void read_bounds(const EntryMetrics *metrics, bool upper, const TableColumn *columns, int column_count,
                        Arena *arena, ParquetColumnStats *stats) {
    for (int i = 0, column = -1; i < metrics->count; i++) {
        const EntryMetric *item = &metrics->items[i];
        int at = column_of(columns, column_count, item->field_id, column + 1);
        union ParquetBound bound;
        if (at < 0 || columns[at].type.is_array ||
            !iceberg_bound_decode(columns[at].type, item->data ? item->data : "", item->length, &bound))
            continue;
        column = at;
        if (physical_type_of(columns[at].type) == PHYS_STRING && bound.string.length > 12)
            bound.string =
                stringview_make(arena_strndup(arena, item->data, item->length), bound.string.length);
        /* min_exact and max_exact mark here which side was found; settled in read_stats. */
        if (upper) {
            stats[at].max = bound;
            stats[at].max_exact = true;
        } else {
            stats[at].min = bound;
            stats[at].min_exact = true;
        }
    }
}

static void read_counts(const EntryMetrics *metrics, const TableColumn *columns, int column_count,
                        int64_t *counts) {
    for (int i = 0; i < column_count; i++)
        counts[i] = -1;
    for (int i = 0, column = -1; i < metrics->count; i++) {
        int at = column_of(columns, column_count, metrics->items[i].field_id, column + 1);
        if (at < 0) continue;
        column = at;
        counts[at] = metrics->items[i].count;
    }
}

static const ParquetColumnStats *read_stats(const ManifestEntry *entry, const TableColumn *columns,
                                            int column_count, Arena *arena) {
    ParquetColumnStats *stats = ARENA_NEW_ARRAY(arena, ParquetColumnStats, column_count + 1);
    int64_t *nulls = ARENA_NEW_ARRAY(arena, int64_t, column_count + 1);
    int64_t *nans = ARENA_NEW_ARRAY(arena, int64_t, column_count + 1);
    read_counts(&entry->null_counts, columns, column_count, nulls);
    read_counts(&entry->nan_counts, columns, column_count, nans);
    read_bounds(&entry->lower, false, columns, column_count, arena, stats);
    read_bounds(&entry->upper, true, columns, column_count, arena, stats);
    for (int i = 0; i < column_count; i++) {
        PhysicalType physical = physical_type_of(columns[i].type);
        bool is_float = physical == PHYS_F32 || physical == PHYS_F64;
        /* Iceberg's bounds leave NaN out, but in SQL NaN is above every number. */
        bool nan_free = !is_float || nans[i] == 0;
        stats[i].null_count = nulls[i];
        stats[i].distinct_count = -1;
        stats[i].has_min_max = stats[i].min_exact && stats[i].max_exact && nan_free;
        stats[i].min_exact = stats[i].max_exact =
            stats[i].has_min_max && physical != PHYS_STRING && !is_float;
    }
    return stats;
}

Status manifest_entry_data_file(const ManifestEntry *entry, const TableColumn *columns, int column_count,
                                Arena *arena, DataFile *out, Error *err) {
    if (strcasecmp(entry->format, "parquet") != 0)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "data file \"%s\" is in the format %s, not Parquet", entry->uri, entry->format);
    *out = (DataFile){.uri = arena_strdup(arena, entry->uri),
                      .row_count = entry->row_count,
                      .bytes = entry->bytes,
                      .spec_id = entry->spec_id,
                      .partition = entry->partition,
                      .sequence_number = entry->sequence_number,
                      .first_row_id = entry->first_row_id,
                      .sort_order_id = entry->sort_order_id};
    TRY(store_path_from_uri(entry->uri, arena, &out->path, err));
    out->stats = read_stats(entry, columns, column_count, arena);
    return STATUS_OK;
}

static const EntryMetric *metric_of(const EntryMetrics *metrics, int field_id) {
    for (int i = 0; i < metrics->count; i++)
        if (metrics->items[i].field_id == field_id) return &metrics->items[i];
    return NULL;
}

/* Position deletes of one data file say so, or have it as both of their bounds. */
static const char *referenced_uri(const ManifestEntry *entry, Arena *arena) {
    if (entry->referenced_uri || entry->content != CONTENT_POSITION_DELETES) return entry->referenced_uri;
    const EntryMetric *lower = metric_of(&entry->lower, ID_FILE_PATH);
    const EntryMetric *upper = metric_of(&entry->upper, ID_FILE_PATH);
    if (!lower || !upper || lower->length != upper->length || lower->length == 0 ||
        memcmp(lower->data, upper->data, lower->length) != 0)
        return NULL;
    return arena_strndup(arena, lower->data, lower->length);
}

Status manifest_entry_delete_file(const ManifestEntry *entry, Arena *arena, DeleteFile *out, Error *err) {
    bool puffin = strcasecmp(entry->format, "puffin") == 0;
    if (!puffin && strcasecmp(entry->format, "parquet") != 0)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "delete file \"%s\" is in the format %s, not Parquet or Puffin", entry->uri,
                         entry->format);
    *out = (DeleteFile){.content = entry->content,
                        .deletion_vector = puffin,
                        .row_count = entry->row_count,
                        .bytes = entry->bytes,
                        .sequence_number = entry->sequence_number,
                        .spec_id = entry->spec_id,
                        .partition = entry->partition,
                        .equality_ids = entry->equality_ids,
                        .equality_count = entry->equality_count,
                        .content_offset = entry->content_offset,
                        .content_bytes = entry->content_bytes};
    TRY(store_path_from_uri(entry->uri, arena, &out->path, err));
    const char *referenced = referenced_uri(entry, arena);
    if (referenced) TRY(store_path_from_uri(referenced, arena, &out->referenced_path, err));
    if (puffin && (!referenced || entry->content_offset < 0 || entry->content_bytes < 0))
        return error_set(err, SQLSTATE_DATA_CORRUPTED,
                         "the deletion vector in \"%s\" has no data file or place", entry->uri);
    if (entry->content == CONTENT_EQUALITY_DELETES && entry->equality_count == 0)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "the equality deletes in \"%s\" name no column",
                         entry->uri);
    return STATUS_OK;
}
