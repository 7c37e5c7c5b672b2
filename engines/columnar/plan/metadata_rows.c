#include "engines/columnar/plan/metadata_rows.h"

#include <stdio.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/manifest.h"
#include "engines/columnar/iceberg/transform.h"

typedef struct RowsBuilder {
    MetadataRows *rows;
    Arena *arena;
    int64_t capacity;
} RowsBuilder;

static void add_column(RowsBuilder *builder, const char *name, SqlTypeId type) {
    MetadataRows *rows = builder->rows;
    rows->names[rows->column_count] = name;
    vector_init_flat(&rows->columns[rows->column_count++], sqltype_of(type),
                     builder->capacity > 0 ? (int)builder->capacity : 1, builder->arena);
}

static void put_number(RowsBuilder *builder, int column, int64_t value) {
    ((int64_t *)builder->rows->columns[column].values)[builder->rows->row_count] = value;
}

static void put_flag(RowsBuilder *builder, int column, bool value) {
    ((uint8_t *)builder->rows->columns[column].values)[builder->rows->row_count] = value;
}

static void put_null(RowsBuilder *builder, int column) {
    Vector *vector = &builder->rows->columns[column];
    bitmap_clear(
        vector_make_validity(vector, builder->capacity > 0 ? (int)builder->capacity : 1, builder->arena),
        (size_t)builder->rows->row_count);
    memset((char *)vector->values +
               (size_t)builder->rows->row_count * physical_width((PhysicalType)vector->physical),
           0, physical_width((PhysicalType)vector->physical));
}

/* Negative: not told. */
static void put_known(RowsBuilder *builder, int column, int64_t value) {
    if (value < 0)
        put_null(builder, column);
    else
        put_number(builder, column, value);
}

static void put_time(RowsBuilder *builder, int column, int64_t timestamp_ms) {
    put_number(builder, column, timestamp_ms * 1000);
}

/* The arena keeps a copy. */
static void put_text(RowsBuilder *builder, int column, const char *text) {
    if (!text) {
        put_null(builder, column);
        return;
    }
    const char *copy = arena_strdup(builder->arena, text);
    ((StringView *)builder->rows->columns[column].values)[builder->rows->row_count] =
        stringview_make(copy, (uint32_t)strlen(copy));
}

static void put_json(RowsBuilder *builder, int column, const PropertyPair *items, int count) {
    StrBuf text;
    strbuf_init(&text);
    strbuf_append_char(&text, '{');
    for (int i = 0; i < count; i++) {
        if (i > 0) strbuf_append_text(&text, ", ");
        strbuf_append_json(&text, items[i].key, strlen(items[i].key));
        strbuf_append_text(&text, ": ");
        strbuf_append_json(&text, items[i].value, strlen(items[i].value));
    }
    strbuf_append_char(&text, '}');
    put_text(builder, column, strbuf_text(&text));
    strbuf_deinit(&text);
}

/* "ts_month=2024-03/id_bucket=3", as in the path; NULL when there are no partitions. */
static void put_partition(RowsBuilder *builder, int column, const TableVersion *version,
                          const DataFile *file) {
    const PartitionSpec *spec = NULL;
    for (int s = 0; s < version->spec_count; s++)
        if (version->specs[s].spec_id == file->spec_id) spec = &version->specs[s];
    if (!spec || spec->field_count == 0 || !file->partition) {
        put_null(builder, column);
        return;
    }
    StrBuf text;
    strbuf_init(&text);
    for (int f = 0; f < spec->field_count; f++) {
        strbuf_printf(&text, "%s%s=", f > 0 ? "/" : "", spec->fields[f].name);
        partition_value_text(&spec->fields[f], &file->partition[f], &text);
    }
    put_text(builder, column, strbuf_text(&text));
    strbuf_deinit(&text);
}

static int64_t deleted_rows(const DataFile *file) {
    int64_t rows = 0;
    for (int d = 0; d < file->delete_count; d++)
        rows += file->deletes[d]->content == CONTENT_EQUALITY_DELETES ? 0 : file->deletes[d]->row_count;
    return rows;
}

/* ---- one table each --------------------------------------------------------------------------------------
 */

static void snapshots(RowsBuilder *builder, const TableLog *log) {
    builder->capacity = log->snapshot_count;
    add_column(builder, "committed_at", SQL_TIMESTAMPTZ);
    add_column(builder, "snapshot_id", SQL_INT8);
    add_column(builder, "parent_id", SQL_INT8);
    add_column(builder, "sequence_number", SQL_INT8);
    add_column(builder, "operation", SQL_TEXT);
    add_column(builder, "is_current", SQL_BOOL);
    add_column(builder, "manifest_list", SQL_TEXT);
    add_column(builder, "summary", SQL_JSON);
    for (int i = 0; i < log->snapshot_count; i++) {
        const LoggedSnapshot *snapshot = &log->snapshots[i];
        put_time(builder, 0, snapshot->timestamp_ms);
        put_number(builder, 1, snapshot->snapshot_id);
        put_known(builder, 2, snapshot->parent_id);
        put_number(builder, 3, snapshot->sequence_number);
        put_text(builder, 4, snapshot->operation);
        put_flag(builder, 5, snapshot->snapshot_id == log->current_snapshot_id);
        put_text(builder, 6, snapshot->manifest_list);
        put_json(builder, 7, snapshot->summary, snapshot->summary_count);
        builder->rows->row_count++;
    }
}

static void history(RowsBuilder *builder, const TableLog *log) {
    builder->capacity = log->history_count;
    add_column(builder, "made_current_at", SQL_TIMESTAMPTZ);
    add_column(builder, "snapshot_id", SQL_INT8);
    add_column(builder, "is_current_ancestor", SQL_BOOL);
    for (int i = 0; i < log->history_count; i++) {
        put_time(builder, 0, log->history[i].timestamp_ms);
        put_number(builder, 1, log->history[i].snapshot_id);
        put_flag(builder, 2, log->history[i].is_ancestor);
        builder->rows->row_count++;
    }
}

static void refs(RowsBuilder *builder, const TableLog *log) {
    builder->capacity = log->ref_count;
    add_column(builder, "name", SQL_TEXT);
    add_column(builder, "type", SQL_TEXT);
    add_column(builder, "snapshot_id", SQL_INT8);
    add_column(builder, "max_ref_age_ms", SQL_INT8);
    add_column(builder, "max_snapshot_age_ms", SQL_INT8);
    add_column(builder, "min_snapshots_to_keep", SQL_INT8);
    for (int i = 0; i < log->ref_count; i++) {
        const TableRef *ref = &log->refs[i];
        put_text(builder, 0, ref->name);
        put_text(builder, 1, ref->is_tag ? "tag" : "branch");
        put_number(builder, 2, ref->snapshot_id);
        put_known(builder, 3, ref->max_ref_age_ms);
        put_known(builder, 4, ref->max_snapshot_age_ms);
        put_known(builder, 5, ref->min_snapshots_to_keep);
        builder->rows->row_count++;
    }
}

static void properties(RowsBuilder *builder, const TableLog *log) {
    builder->capacity = log->property_count;
    add_column(builder, "key", SQL_TEXT);
    add_column(builder, "value", SQL_TEXT);
    for (int i = 0; i < log->property_count; i++) {
        put_text(builder, 0, log->properties[i].key);
        put_text(builder, 1, log->properties[i].value);
        builder->rows->row_count++;
    }
}

static void files(RowsBuilder *builder, const TableVersion *version) {
    builder->capacity = version->file_count;
    add_column(builder, "file_path", SQL_TEXT);
    add_column(builder, "partition", SQL_TEXT);
    add_column(builder, "spec_id", SQL_INT8);
    add_column(builder, "record_count", SQL_INT8);
    add_column(builder, "file_size_in_bytes", SQL_INT8);
    add_column(builder, "sequence_number", SQL_INT8);
    add_column(builder, "sort_order_id", SQL_INT8);
    add_column(builder, "delete_files", SQL_INT8);
    add_column(builder, "position_deletes", SQL_INT8);
    for (int i = 0; i < version->file_count; i++) {
        const DataFile *file = &version->files[i];
        put_text(builder, 0, file->path);
        put_partition(builder, 1, version, file);
        put_number(builder, 2, file->spec_id);
        put_number(builder, 3, file->row_count);
        put_number(builder, 4, file->bytes);
        put_known(builder, 5, file->sequence_number);
        put_number(builder, 6, file->sort_order_id);
        put_number(builder, 7, file->delete_count);
        put_number(builder, 8, deleted_rows(file));
        builder->rows->row_count++;
    }
}

static bool same_text(StringView a, StringView b) {
    return stringview_equals(&a, &b);
}

/* Files of one partition are looked for backwards: they mostly stand together. */
static int64_t find_partition(const RowsBuilder *builder, StringView name) {
    const StringView *names = builder->rows->columns[0].values;
    for (int64_t row = builder->rows->row_count - 1; row >= 0; row--)
        if (!vector_is_null(&builder->rows->columns[0], (int)row) && same_text(names[row], name)) return row;
    return -1;
}

static void partitions(RowsBuilder *builder, const TableVersion *version) {
    builder->capacity = version->file_count + 1;
    add_column(builder, "partition", SQL_TEXT);
    add_column(builder, "record_count", SQL_INT8);
    add_column(builder, "file_count", SQL_INT8);
    add_column(builder, "total_size_in_bytes", SQL_INT8);
    int64_t none = -1;
    for (int i = 0; i < version->file_count; i++) {
        const DataFile *file = &version->files[i];
        MetadataRows *rows = builder->rows;
        put_partition(builder, 0, version, file);
        bool null = vector_is_null(&rows->columns[0], (int)rows->row_count);
        int64_t row =
            null ? none : find_partition(builder, ((StringView *)rows->columns[0].values)[rows->row_count]);
        if (row < 0) {
            row = rows->row_count++;
            if (null) none = row;
            for (int c = 1; c < rows->column_count; c++)
                ((int64_t *)rows->columns[c].values)[row] = 0;
        } else if (null) {
            bitmap_set(rows->columns[0].validity, (size_t)rows->row_count);
        }
        ((int64_t *)rows->columns[1].values)[row] += file->row_count - deleted_rows(file);
        ((int64_t *)rows->columns[2].values)[row] += 1;
        ((int64_t *)rows->columns[3].values)[row] += file->bytes;
    }
}

static const LoggedSnapshot *snapshot_of(const TableVersion *version, const TableLog *log) {
    for (int i = 0; i < log->snapshot_count; i++)
        if (log->snapshots[i].snapshot_id == version->snapshot_id) return &log->snapshots[i];
    return NULL;
}

static Status manifests(RowsBuilder *builder, const TableVersion *version, const TableLog *log, Error *err) {
    const LoggedSnapshot *snapshot = snapshot_of(version, log);
    ManifestFile *list = NULL;
    int count = 0;
    if (snapshot && snapshot->manifest_list && snapshot->manifest_list[0])
        TRY(manifest_list_read(snapshot->manifest_list, builder->arena, &list, &count, err));
    builder->capacity = count;
    add_column(builder, "path", SQL_TEXT);
    add_column(builder, "length", SQL_INT8);
    add_column(builder, "content", SQL_TEXT);
    add_column(builder, "spec_id", SQL_INT8);
    add_column(builder, "added_snapshot_id", SQL_INT8);
    add_column(builder, "added_files_count", SQL_INT8);
    add_column(builder, "existing_files_count", SQL_INT8);
    add_column(builder, "deleted_files_count", SQL_INT8);
    for (int i = 0; i < count; i++) {
        put_text(builder, 0, list[i].path);
        put_number(builder, 1, list[i].bytes);
        put_text(builder, 2, list[i].deletes ? "deletes" : "data");
        put_number(builder, 3, list[i].spec_id);
        put_known(builder, 4, list[i].added_snapshot_id);
        put_known(builder, 5, list[i].added_files);
        put_known(builder, 6, list[i].existing_files);
        put_known(builder, 7, list[i].deleted_files);
        builder->rows->row_count++;
    }
    return STATUS_OK;
}

Status metadata_rows_read(const TableVersion *version, MetadataTable kind, Arena *arena, MetadataRows *out,
                          Error *err) {
    RowsBuilder builder = {.rows = out, .arena = arena};
    TableLog log = {0};
    *out = (MetadataRows){.row_count = 0};
    if (kind != METADATA_FILES && kind != METADATA_PARTITIONS)
        TRY(table_version_read_log(version, arena, &log, err));
    switch (kind) {
    case METADATA_SNAPSHOTS: snapshots(&builder, &log); return STATUS_OK;
    case METADATA_HISTORY: history(&builder, &log); return STATUS_OK;
    case METADATA_REFS: refs(&builder, &log); return STATUS_OK;
    case METADATA_PROPERTIES: properties(&builder, &log); return STATUS_OK;
    case METADATA_FILES: files(&builder, version); return STATUS_OK;
    case METADATA_PARTITIONS: partitions(&builder, version); return STATUS_OK;
    default: return manifests(&builder, version, &log, err);
    }
}
