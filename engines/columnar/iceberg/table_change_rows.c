/* Rows that leave: whole files, and positions in files as delete files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/store/local_store.h"

/* Beyond this many data files, deletes are written to a file per partition instead of one per data file. */
enum { MOST_SINGLE_FILES = 256 };
/* Reserved field ids (Iceberg specification, "Reserved Field IDs"). */
enum { ID_FILE_PATH = 2147483546, ID_POSITION = 2147483545 };

Status table_change_remove_file(TableChange *change, const DataFile *file, Error *err) {
    for (int i = 0; i < file->delete_count; i++) {
        const DeleteFile *deletes = file->deletes[i];
        if (!deletes->referenced_path || deletes->deletion_vector) continue;
        change->removed_deletes =
            change_grow(&change->arena, change->removed_deletes, change->removed_delete_count,
                        &change->removed_delete_capacity, sizeof *change->removed_deletes);
        change->removed_deletes[change->removed_delete_count++] = deletes;
    }
    change->removed = change_grow(&change->arena, change->removed, change->removed_count,
                                  &change->removed_capacity, sizeof *change->removed);
    change->removed[change->removed_count++] = (RemovedFile){.file = file};
    return STATUS_OK;
}

static int by_number(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

Status table_change_delete_positions(TableChange *change, const DataFile *file, const int64_t *positions,
                                     int64_t count, Error *err) {
    if (count == 0) return STATUS_OK;
    int64_t *sorted = arena_memdup(&change->arena, positions, sizeof *sorted * (size_t)count), distinct = 0;
    qsort(sorted, (size_t)count, sizeof *sorted, by_number);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || sorted[i] != sorted[i - 1]) sorted[distinct++] = sorted[i];
    if (sorted[0] < 0 || sorted[distinct - 1] >= file->row_count)
        return error_set(err, SQLSTATE_INTERNAL, "a position beyond the rows of \"%s\"", file->path);
    if (distinct == file->row_count) return table_change_remove_file(change, file, err);
    change->pending = change_grow(&change->arena, change->pending, change->pending_count,
                                  &change->pending_capacity, sizeof *change->pending);
    change->pending[change->pending_count++] = (PendingDelete){file, sorted, distinct};
    return STATUS_OK;
}

static int by_partition(const void *left, const void *right) {
    const PendingDelete *a = left, *b = right;
    if (a->file->spec_id != b->file->spec_id) return a->file->spec_id < b->file->spec_id ? -1 : 1;
    int order = strcmp(a->file->uri, b->file->uri);
    return order ? order : by_number(a->positions, b->positions);
}

static bool same_group(const TableChange *change, const DataFile *a, const DataFile *b) {
    if (a->spec_id != b->spec_id) return false;
    const PartitionSpec *spec = table_metadata_spec(&change->metadata, a->spec_id);
    for (int i = 0; spec && i < spec->field_count; i++)
        if (!partition_value_equals(spec->fields[i].result_type, &a->partition[i], &b->partition[i]))
            return false;
    return true;
}

static Status write_rows(ParquetWriter *writer, const PendingDelete *deletes, Error *err) {
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    StringView path = stringview_make(deletes->file->uri, (uint32_t)strlen(deletes->file->uri));
    for (int64_t at = 0; at < deletes->count && status == STATUS_OK; at += BATCH_ROWS) {
        int rows = deletes->count - at < BATCH_ROWS ? (int)(deletes->count - at) : BATCH_ROWS;
        Vector columns[2];
        vector_init_constant(&columns[0], sqltype_of(SQL_TEXT), &path, &arena);
        vector_init_flat(&columns[1], sqltype_of(SQL_INT8), rows, &arena);
        memcpy(columns[1].values, deletes->positions + at, sizeof(int64_t) * (size_t)rows);
        Batch batch = {.row_count = rows, .selected = rows, .column_count = 2, .columns = columns};
        status = parquet_writer_append(writer, &batch, err);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    return status;
}

static const TableColumn DELETE_COLUMNS[] = {{"file_path", {.id = SQL_TEXT}, false, ID_FILE_PATH},
                                             {"pos", {.id = SQL_INT8}, false, ID_POSITION}};

/* Bounds of the paths are kept whole: equal ones tell that only one data file is concerned. */
static void whole_path_bounds(TableChange *change, const char *low, const char *high, ManifestEntry *entry) {
    EntryMetrics *metrics[] = {&entry->lower, &entry->upper};
    const char *paths[] = {low, high};
    for (int side = 0; side < 2; side++) {
        EntryMetrics *held = metrics[side];
        EntryMetric *items = ARENA_NEW_ARRAY(&change->arena, EntryMetric, held->count + 1);
        int count = 0;
        items[count++] = (EntryMetric){.field_id = ID_FILE_PATH,
                                       .data = arena_strdup(&change->arena, paths[side]),
                                       .length = strlen(paths[side])};
        for (int i = 0; i < held->count; i++)
            if (held->items[i].field_id != ID_FILE_PATH) items[count++] = held->items[i];
        *held = (EntryMetrics){items, count};
    }
}

/* The delete file of pending[first .. first + count), which lie in one partition, sorted by path. */
static Status write_group(TableChange *change, int first, int count, Error *err) {
    const PendingDelete *group = &change->pending[first];
    Arena *arena = &change->arena;
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    const char *path = arena_printf(arena, "%s/%05d-%s-deletes.parquet", change->data_directory,
                                    change->file_number++, uuid);
    ParquetWriterColumn columns[2];
    for (int i = 0; i < 2; i++)
        columns[i] = (ParquetWriterColumn){DELETE_COLUMNS[i].name, DELETE_COLUMNS[i].type, false,
                                           DELETE_COLUMNS[i].field_id};
    const char *const metadata[] = {"delete-type", "position", NULL};
    ParquetWriterOptions options = {.metadata = metadata};
    ParquetWriter *writer;
    ParquetWritten written;
    TRY(parquet_writer_open(path, columns, 2, &options, &writer, err));
    change_note_written(change, path);
    for (int i = 0; i < count; i++) {
        if (write_rows(writer, &group[i], err) == STATUS_OK) continue;
        parquet_writer_abort(writer);
        return STATUS_ERROR;
    }
    TRY(parquet_writer_finish(writer, arena, &written, err));
    ManifestEntry *entry = entry_list_add(&change->added_deletes, arena);
    manifest_entry_of(path, &written, DELETE_COLUMNS, arena, entry);
    entry->content = CONTENT_POSITION_DELETES;
    entry->snapshot_id = change->snapshot_id;
    entry->sort_order_id = -1;
    entry->spec_id = group->file->spec_id;
    entry->partition = group->file->partition;
    if (count == 1) entry->referenced_uri = group->file->uri;
    whole_path_bounds(change, group->file->uri, group[count - 1].file->uri, entry);
    table_step_done("delete file");
    return STATUS_OK;
}

/* The positions of pending[first .. end), which are of one file, as one list. */
static PendingDelete join_pending(TableChange *change, int first, int end) {
    PendingDelete joined = change->pending[first];
    bool ordered = true;
    if (end - first == 1) return joined;
    for (int i = first + 1; i < end; i++)
        joined.count += change->pending[i].count;
    joined.positions = arena_alloc(&change->arena, sizeof *joined.positions * (size_t)joined.count);
    int64_t used = 0, distinct = 0;
    for (int i = first; i < end; i++) {
        const PendingDelete *part = &change->pending[i];
        ordered = ordered && (used == 0 || joined.positions[used - 1] < part->positions[0]);
        memcpy(joined.positions + used, part->positions, sizeof *part->positions * (size_t)part->count);
        used += part->count;
    }
    if (!ordered) qsort(joined.positions, (size_t)used, sizeof *joined.positions, by_number);
    for (int64_t i = 0; i < used; i++)
        if (i == 0 || joined.positions[i] != joined.positions[i - 1])
            joined.positions[distinct++] = joined.positions[i];
    joined.count = distinct;
    return joined;
}

/* Those of one file in one place. */
static void merge_pending(TableChange *change) {
    int kept = 0;
    for (int first = 0, end; first < change->pending_count; first = end) {
        const char *uri = change->pending[first].file->uri;
        for (end = first + 1; end < change->pending_count; end++)
            if (strcmp(change->pending[end].file->uri, uri) != 0) break;
        change->pending[kept++] = join_pending(change, first, end);
    }
    change->pending_count = kept;
}

Status change_write_deletes(TableChange *change, Error *err) {
    if (change->pending_count == 0) return STATUS_OK;
    qsort(change->pending, (size_t)change->pending_count, sizeof *change->pending, by_partition);
    merge_pending(change);
    bool single = change->pending_count <= MOST_SINGLE_FILES;
    for (int first = 0; first < change->pending_count;) {
        int count = 1;
        while (!single && first + count < change->pending_count &&
               same_group(change, change->pending[first].file, change->pending[first + count].file))
            count++;
        TRY(write_group(change, first, count, err));
        first += count;
    }
    return STATUS_OK;
}
