/* Manifests written: entries with partition tuples and metrics. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/manifest_internal.h"
#include "engines/columnar/store/local_store.h"

static void put_optional(StrBuf *out, int64_t value) {
    avro_put_long(out, value >= 0 ? AVRO_SOME : AVRO_NONE);
    if (value >= 0) avro_put_long(out, value);
}

static void put_optional_text(StrBuf *out, const char *text) {
    avro_put_long(out, text ? AVRO_SOME : AVRO_NONE);
    if (text) avro_put_string(out, text);
}

static void put_counts(StrBuf *out, const EntryMetrics *metrics) {
    avro_put_long(out, metrics->items ? AVRO_SOME : AVRO_NONE);
    if (!metrics->items) return;
    if (metrics->count) avro_put_long(out, metrics->count);
    for (int i = 0; i < metrics->count; i++) {
        avro_put_long(out, metrics->items[i].field_id);
        avro_put_long(out, metrics->items[i].count);
    }
    avro_put_long(out, 0);
}

static void put_bounds(StrBuf *out, const EntryMetrics *metrics) {
    avro_put_long(out, metrics->items ? AVRO_SOME : AVRO_NONE);
    if (!metrics->items) return;
    if (metrics->count) avro_put_long(out, metrics->count);
    for (int i = 0; i < metrics->count; i++) {
        avro_put_long(out, metrics->items[i].field_id);
        avro_put_bytes(out, metrics->items[i].data, metrics->items[i].length);
    }
    avro_put_long(out, 0);
}

static void put_fixed_decimal(StrBuf *out, SqlType type, const union ParquetBound *value) {
    int bytes = manifest_decimal_bytes(type.precision);
    __int128 number = physical_type_of(type) == PHYS_I128 ? value->i128 : value->i64;
    for (int i = bytes - 1; i >= 0; i--)
        strbuf_append_char(out, (char)(number >> (8 * i)));
}

static void put_partition(StrBuf *out, const PartitionSpec *spec, const PartitionValue *values) {
    for (int i = 0; i < spec->field_count; i++) {
        SqlType type = spec->fields[i].result_type;
        bool is_null = !values || values[i].is_null;
        avro_put_long(out, is_null ? AVRO_NONE : AVRO_SOME);
        if (is_null) continue;
        const union ParquetBound *value = &values[i].value;
        PhysicalType physical = physical_type_of(type);
        if (type.id == SQL_NUMERIC)
            put_fixed_decimal(out, type, value);
        else if (physical == PHYS_STRING && type.id != SQL_UUID)
            avro_put_bytes(out, stringview_data(&value->string), value->string.length);
        else if (physical == PHYS_STRING || physical == PHYS_BOOL || physical == PHYS_F32 ||
                 physical == PHYS_F64)
            iceberg_value_encode(type, value, out); /* the same bytes in Avro */
        else
            avro_put_long(out, value->i64);
    }
}

static void put_lists(StrBuf *out, const ManifestEntry *entry) {
    avro_put_long(out, entry->split_offsets ? AVRO_SOME : AVRO_NONE);
    if (entry->split_offsets) {
        if (entry->split_count) avro_put_long(out, entry->split_count);
        for (int i = 0; i < entry->split_count; i++)
            avro_put_long(out, entry->split_offsets[i]);
        avro_put_long(out, 0);
    }
    avro_put_long(out, entry->equality_ids ? AVRO_SOME : AVRO_NONE);
    if (entry->equality_ids) {
        if (entry->equality_count) avro_put_long(out, entry->equality_count);
        for (int i = 0; i < entry->equality_count; i++)
            avro_put_long(out, entry->equality_ids[i]);
        avro_put_long(out, 0);
    }
}

static void put_entry(StrBuf *out, const ManifestEntry *entry, const PartitionSpec *spec) {
    avro_put_long(out, entry->status);
    put_optional(out, entry->snapshot_id);
    put_optional(out, entry->sequence_number);
    put_optional(out, entry->file_sequence_number);
    avro_put_long(out, entry->content);
    avro_put_string(out, entry->uri);
    avro_put_string(out, entry->format);
    put_partition(out, spec, entry->partition);
    avro_put_long(out, entry->row_count);
    avro_put_long(out, entry->bytes);
    put_counts(out, &entry->column_sizes);
    put_counts(out, &entry->value_counts);
    put_counts(out, &entry->null_counts);
    put_counts(out, &entry->nan_counts);
    put_bounds(out, &entry->lower);
    put_bounds(out, &entry->upper);
    avro_put_long(out, entry->key_metadata ? AVRO_SOME : AVRO_NONE);
    if (entry->key_metadata) avro_put_bytes(out, entry->key_metadata, entry->key_metadata_bytes);
    put_lists(out, entry);
    put_optional(out, entry->sort_order_id);
    put_optional_text(out, entry->referenced_uri);
}

/* ---- the line in the manifest list -----------------------------------------------------------------------
 */

static void keep_bound(SqlType type, const union ParquetBound *value, Arena *arena, const char **out,
                       size_t *bytes) {
    StrBuf text;
    strbuf_init(&text);
    iceberg_value_encode(type, value, &text);
    *out = arena_strndup(arena, strbuf_text(&text), text.length);
    *bytes = text.length;
    strbuf_deinit(&text);
}

static void summarize_field(const ManifestEntry *entries, int count, const PartitionField *field, int index,
                            Arena *arena, PartitionSummary *out) {
    const union ParquetBound *low = NULL, *high = NULL;
    SqlType type = field->result_type;
    bool floats = type.id == SQL_FLOAT4 || type.id == SQL_FLOAT8;
    out->contains_nan = floats ? 0 : -1;
    for (int i = 0; i < count; i++) {
        const PartitionValue *value = entries[i].partition ? &entries[i].partition[index] : NULL;
        if (!value || value->is_null) {
            out->contains_null = true;
        } else if (floats && value->value.f64 != value->value.f64) {
            out->contains_nan = 1;
        } else {
            if (!low || partition_value_compare(type, &value->value, low) < 0) low = &value->value;
            if (!high || partition_value_compare(type, &value->value, high) > 0) high = &value->value;
        }
    }
    if (!low) return;
    keep_bound(type, low, arena, &out->lower, &out->lower_bytes);
    keep_bound(type, high, arena, &out->upper, &out->upper_bytes);
}

static void summarize(const ManifestEntry *entries, int count, const PartitionSpec *spec, Arena *arena,
                      ManifestFile *out) {
    out->partitions = ARENA_NEW_ARRAY(arena, PartitionSummary, spec->field_count + 1);
    out->partition_count = spec->field_count;
    for (int i = 0; i < spec->field_count; i++)
        summarize_field(entries, count, &spec->fields[i], i, arena, &out->partitions[i]);
    for (int i = 0; i < count; i++) {
        const ManifestEntry *entry = &entries[i];
        int64_t *files[] = {&out->existing_files, &out->added_files, &out->deleted_files};
        int64_t *rows[] = {&out->existing_rows, &out->added_rows, &out->deleted_rows};
        ++*files[entry->status];
        *rows[entry->status] += entry->row_count;
        if (entry->status == ENTRY_DELETED || entry->sequence_number < 0) continue;
        if (out->min_sequence_number < 0 || entry->sequence_number < out->min_sequence_number)
            out->min_sequence_number = entry->sequence_number;
    }
}

/* ---- headers ---------------------------------------------------------------------------------------------
 */

static char *current_schema_text(const TableMetadata *table) {
    json_t *schema = json_find_by_id(json_object_get(table->root, "schemas"), "schema-id", table->schema_id);
    return schema ? json_dumps(schema, JSON_COMPACT) : strdup("{}");
}

static char *spec_text(const TableMetadata *table, const PartitionSpec *spec) {
    json_t *found =
        json_find_by_id(json_object_get(table->root, "partition-specs"), "spec-id", spec->spec_id);
    json_t *fields = json_object_get(found, "fields");
    return fields ? json_dumps(fields, JSON_COMPACT) : strdup("[]");
}

Status manifest_write(const char *path, const ManifestEntry *entries, int count, const TableMetadata *table,
                      const PartitionSpec *spec, int64_t snapshot_id, Arena *arena, ManifestFile *out,
                      Error *err) {
    *out = (ManifestFile){.path = store_uri_from_path(path, arena),
                          .spec_id = spec->spec_id,
                          .deletes = count > 0 && entries[0].content != CONTENT_DATA,
                          .added_snapshot_id = snapshot_id,
                          .sequence_number = -1,
                          .min_sequence_number = -1,
                          .first_row_id = -1};
    for (int i = 0; i < spec->field_count; i++)
        if (spec->fields[i].transform.kind == TRANSFORM_UNKNOWN)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "partition field \"%s\" has a transform that cannot be written",
                             spec->fields[i].name);
    StrBuf block, schema;
    strbuf_init(&block);
    strbuf_init(&schema);
    for (int i = 0; i < count; i++)
        put_entry(&block, &entries[i], spec);
    summarize(entries, count, spec, arena, out);
    manifest_entry_schema(spec, &schema);
    char *table_schema = current_schema_text(table), *fields = spec_text(table, spec);
    const char *metadata[] = {"schema",
                              table_schema,
                              "schema-id",
                              arena_printf(arena, "%d", table->schema_id),
                              "partition-spec",
                              fields,
                              "partition-spec-id",
                              arena_printf(arena, "%d", spec->spec_id),
                              "format-version",
                              "2",
                              "content",
                              out->deletes ? "deletes" : "data",
                              NULL};
    Status status =
        manifest_write_container(path, strbuf_text(&schema), metadata, &block, count, &out->bytes, err);
    free(table_schema);
    free(fields);
    strbuf_deinit(&block);
    strbuf_deinit(&schema);
    return status;
}

/* ---- entries of files just written -----------------------------------------------------------------------
 */

static EntryMetrics counts_of(const ParquetWritten *written, const TableColumn *columns, Arena *arena,
                              int64_t (*count)(const ParquetWrittenColumn *, SqlType)) {
    EntryMetrics out = {.items = ARENA_NEW_ARRAY(arena, EntryMetric, written->column_count + 1)};
    for (int i = 0; i < written->column_count; i++) {
        int64_t value = count(&written->columns[i], columns[i].type);
        if (value >= 0)
            out.items[out.count++] = (EntryMetric){.field_id = columns[i].field_id, .count = value};
    }
    return out;
}

static int64_t size_of(const ParquetWrittenColumn *column, SqlType type) {
    return column->compressed_bytes;
}
static int64_t values_of(const ParquetWrittenColumn *column, SqlType type) {
    return column->nested ? -1 : column->value_count;
}
static int64_t nulls_of(const ParquetWrittenColumn *column, SqlType type) {
    return column->null_count;
}
static int64_t nans_of(const ParquetWrittenColumn *column, SqlType type) {
    bool is_float = sqltype_is(type, SQL_FLOAT4) || sqltype_is(type, SQL_FLOAT8);
    return is_float ? column->nan_count : -1;
}

static EntryMetrics bounds_of(const ParquetWritten *written, const TableColumn *columns, bool upper,
                              Arena *arena) {
    EntryMetrics out = {.items = ARENA_NEW_ARRAY(arena, EntryMetric, written->column_count + 1)};
    StrBuf bound;
    strbuf_init(&bound);
    for (int i = 0; i < written->column_count; i++) {
        const ParquetColumnStats *stats = &written->columns[i].stats;
        strbuf_reset(&bound);
        if (!stats->has_min_max || columns[i].type.is_array ||
            !iceberg_bound_encode(columns[i].type, upper ? &stats->max : &stats->min, upper, &bound))
            continue;
        out.items[out.count++] =
            (EntryMetric){.field_id = columns[i].field_id,
                          .data = arena_strndup(arena, strbuf_text(&bound), bound.length),
                          .length = bound.length};
    }
    strbuf_deinit(&bound);
    return out;
}

void manifest_entry_of(const char *path, const ParquetWritten *written, const TableColumn *columns,
                       Arena *arena, ManifestEntry *out) {
    *out = (ManifestEntry){.status = ENTRY_ADDED,
                           .snapshot_id = -1,
                           .sequence_number = -1,
                           .file_sequence_number = -1,
                           .uri = store_uri_from_path(path, arena),
                           .format = "PARQUET",
                           .row_count = written->row_count,
                           .bytes = written->file_bytes,
                           .split_offsets = written->split_offsets,
                           .split_count = written->split_count,
                           .content_offset = -1,
                           .content_bytes = -1,
                           .first_row_id = -1};
    out->column_sizes = counts_of(written, columns, arena, size_of);
    out->value_counts = counts_of(written, columns, arena, values_of);
    out->null_counts = counts_of(written, columns, arena, nulls_of);
    out->nan_counts = counts_of(written, columns, arena, nans_of);
    out->lower = bounds_of(written, columns, false, arena);
    out->upper = bounds_of(written, columns, true, arena);
}
