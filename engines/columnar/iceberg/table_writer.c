/* Rows are routed to the file of their partition; a table with a sort order has a buffer before each file. */
#include "engines/columnar/iceberg/table_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/iceberg/table_writer_sort.h"
#include "engines/columnar/kernels/word_search.h"
#include "engines/columnar/store/local_store.h"

enum { ROWS_PER_FILE = 16 << 20, MAX_OPEN_FILES = 256, SORT_ROWS = 1 << 20, SHARED_BUFFER_BYTES = 48 << 20 };

/* The file of one partition, and what waits to be sorted into it. */
typedef struct OpenFile {
    PartitionValue *tuple; /* malloc'd with its strings in `strings` */
    Arena strings;
    uint64_t hash;
    ParquetWriter *writer; /* NULL until rows come */
    const char *path;      /* the change's arena */
    SortBuffer *sort;      /* NULL without a sort order */
    int flushes;           /* of `sort` into this file */
    int64_t rows, bytes;   /* buffered for the file, about */
    uint16_t *selection;   /* of the batch at hand */
    int selected;
} OpenFile;

struct TableWriter {
    TableChange *change;
    const TableVersion *target;
    const PartitionSpec *spec;
    const SortOrder *order; /* NULL = none */
    int *source_columns;    /* per partition field; -1 for void fields of dropped columns */
    OpenFile **open;
    int open_count, open_capacity;
    int64_t row_count, bytes;
    int64_t buffer_bytes; /* of a row group; 0 = as it comes */
    Arena arena;          /* of the writer */
    Arena batch_arena;
};

static int column_of(const TableVersion *target, int field_id) {
    for (int i = 0; i < target->column_count; i++)
        if (target->columns[i].field_id == field_id) return i;
    return -1;
}

static Status check_columns(const TableVersion *target, Error *err) {
    char type[SQLTYPE_NAME_BYTES];
    for (int i = 0; i < target->column_count; i++) {
        const TableColumn *column = &target->columns[i];
        if (column->type.id == SQL_OTHER || column->nested)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "column \"%s\" of table \"%s\" has a type that cannot be written", column->name,
                             target->name);
        TRY(iceberg_type_name(column->type, column->name, type, err));
    }
    return STATUS_OK;
}

static Status prepare(TableWriter *writer, Error *err) {
    const TableVersion *target = writer->target;
    TRY(check_columns(target, err));
    writer->spec = table_version_spec(target, target->spec_id);
    writer->order = target->sort_order;
    writer->source_columns = ARENA_NEW_ARRAY(&writer->arena, int, writer->spec->field_count + 1);
    for (int i = 0; i < writer->spec->field_count; i++) {
        const PartitionField *field = &writer->spec->fields[i];
        writer->source_columns[i] = column_of(target, field->source_id);
        if (field->transform.kind == TRANSFORM_VOID) continue;
        if (field->transform.kind == TRANSFORM_UNKNOWN || writer->source_columns[i] < 0)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "table \"%s\" is partitioned by \"%s\" in a way that cannot be written",
                             target->name, field->name);
    }
    return sort_order_check(writer->order, target, err);
}

Status table_writer_open(TableChange *change, TableWriter **out, Error *err) {
    TableWriter *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    writer->change = change;
    writer->target = table_version_retain(change->target);
    arena_init(&writer->arena);
    arena_init(&writer->batch_arena);
    if (prepare(writer, err) != STATUS_OK) {
        table_writer_abort(writer);
        return STATUS_ERROR;
    }
    *out = writer;
    return STATUS_OK;
}

void table_writer_share(TableWriter *writer) {
    writer->buffer_bytes = SHARED_BUFFER_BYTES;
}

/* ---- files -----------------------------------------------------------------------------------------------
 */

static void path_part(const char *name, StrBuf *out) {
    for (const char *c = name; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     *c == '_' || *c == '-';
        if (plain)
            strbuf_append_char(out, *c);
        else
            strbuf_printf(out, "%%%02X", (unsigned char)*c);
    }
}

/* A new file's path, noted by the change so that an abort removes it. */
static Status name_file(TableWriter *writer, const OpenFile *file, const char **out, Error *err) {
    TableChange *change = writer->change;
    StrBuf path;
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    strbuf_init(&path);
    strbuf_append_text(&path, change->data_directory);
    for (int i = 0; i < writer->spec->field_count; i++) {
        strbuf_append_char(&path, '/');
        path_part(writer->spec->fields[i].name, &path);
        strbuf_append_char(&path, '=');
        partition_value_text(&writer->spec->fields[i], &file->tuple[i], &path);
    }
    Status status = writer->spec->field_count ? store_make_directories(strbuf_text(&path), err) : STATUS_OK;
    if (status == STATUS_OK) {
        pthread_mutex_lock(&change->lock);
        *out = arena_printf(&change->arena, "%s/%05d-%s.parquet", strbuf_text(&path), change->file_number++,
                            uuid);
        change_note_written(change, *out);
        pthread_mutex_unlock(&change->lock);
    }
    strbuf_deinit(&path);
    return status;
}

static const ParquetWords *words_of(TableWriter *writer) {
    if (!table_metadata_word_filters(&writer->change->metadata)) return NULL;
    ParquetWords *words = ARENA_NEW(&writer->arena, ParquetWords);
    *words = (ParquetWords){.version = word_search_version(), .each = word_search_each};
    return words;
}

static Status open_parquet(TableWriter *writer, OpenFile *file, Error *err) {
    const TableVersion *target = writer->target;
    if (file->writer) return STATUS_OK;
    ParquetWriterColumn *columns = ARENA_NEW_ARRAY(&writer->arena, ParquetWriterColumn, target->column_count);
    for (int i = 0; i < target->column_count; i++)
        columns[i] = (ParquetWriterColumn){.name = target->columns[i].name,
                                           .type = target->columns[i].type,
                                           .nullable = target->columns[i].nullable,
                                           .field_id = target->columns[i].field_id};
    TRY(name_file(writer, file, &file->path, err));
    int *element_ids = ARENA_NEW_ARRAY(&writer->arena, int, target->column_count);
    for (int i = 0; i < target->column_count; i++)
        element_ids[i] = target->columns[i].element_id;
    ParquetWriterOptions options = {
        .buffer_bytes = writer->buffer_bytes,
        .plain_encodings = table_metadata_plain_encodings(&writer->change->metadata),
        .element_field_ids = element_ids,
        .words = words_of(writer),
    };
    file->flushes = 0;
    return parquet_writer_open(file->path, columns, target->column_count, &options, &file->writer, err);
}

/* Joins the change, which several writers may do at a time. */
static void add_to_change(TableWriter *writer, const OpenFile *file, const ParquetWritten *written) {
    TableChange *change = writer->change;
    pthread_mutex_lock(&change->lock);
    ManifestEntry *entry = entry_list_add(&change->added, &change->arena);
    manifest_entry_of(file->path, written, writer->target->columns, &change->arena, entry);
    if (written->split_count)
        entry->split_offsets = arena_memdup(&change->arena, written->split_offsets,
                                            sizeof(int64_t) * (size_t)written->split_count);
    entry->snapshot_id = change->snapshot_id;
    entry->spec_id = writer->spec->spec_id;
    entry->partition = partition_copy(writer->spec, file->tuple, &change->arena);
    entry->sort_order_id = writer->order && file->flushes == 1 ? writer->order->order_id : 0;
    pthread_mutex_unlock(&change->lock);
}

static Status append_rows(void *context, const Batch *batch, Error *err) {
    return parquet_writer_append(((OpenFile *)context)->writer, batch, err);
}

static Status flush_sort(TableWriter *writer, OpenFile *file, Error *err) {
    if (!file->sort || sort_buffer_rows(file->sort) == 0) return STATUS_OK;
    TRY(open_parquet(writer, file, err));
    file->flushes++;
    return sort_buffer_flush(file->sort, append_rows, file, err);
}

/* Of a file that is one sorted run the columns are told. */
static void tell_order(TableWriter *writer, const OpenFile *file, ParquetWriter *finished) {
    if (!writer->order || file->flushes != 1) return;
    ParquetSortColumn *columns =
        ARENA_NEW_ARRAY(&writer->arena, ParquetSortColumn, writer->order->field_count + 1);
    parquet_writer_sorted_by(finished, columns, sort_order_columns(writer->order, writer->target, columns));
}

static Status finish_file(TableWriter *writer, OpenFile *file, Error *err) {
    ParquetWritten written;
    TRY(flush_sort(writer, file, err));
    writer->bytes -= file->bytes;
    file->bytes = file->rows = 0;
    if (!file->writer) return STATUS_OK;
    ParquetWriter *finished = file->writer;
    file->writer = NULL;
    tell_order(writer, file, finished);
    Arena arena;
    arena_init(&arena);
    Status status = parquet_writer_finish(finished, &arena, &written, err);
    if (status == STATUS_OK) add_to_change(writer, file, &written);
    arena_deinit(&arena);
    if (status == STATUS_OK) table_step_done("data file");
    return status;
}

static void close_file(OpenFile *file) {
    if (file->writer) parquet_writer_abort(file->writer);
    sort_buffer_destroy(file->sort);
    arena_deinit(&file->strings);
    free(file->tuple);
    free(file->selection);
    free(file);
}

/* ---- routing ---------------------------------------------------------------------------------------------
 */

static uint64_t tuple_hash(const PartitionSpec *spec, const PartitionValue *tuple) {
    uint64_t hash = 0;
    for (int i = 0; i < spec->field_count; i++)
        hash = hash64_combine(hash, partition_value_hash(spec->fields[i].result_type, &tuple[i]));
    return hash;
}

static bool same_tuple(const PartitionSpec *spec, const PartitionValue *a, const PartitionValue *b) {
    for (int i = 0; i < spec->field_count; i++)
        if (!partition_value_equals(spec->fields[i].result_type, &a[i], &b[i])) return false;
    return true;
}

static OpenFile *fullest(const TableWriter *writer) {
    OpenFile *most = writer->open[0];
    for (int i = 1; i < writer->open_count; i++)
        if (writer->open[i]->bytes > most->bytes) most = writer->open[i];
    return most;
}

static Status drop_file(TableWriter *writer, OpenFile *file, Error *err) {
    TRY(finish_file(writer, file, err));
    for (int i = 0; i < writer->open_count; i++)
        if (writer->open[i] == file) writer->open[i] = writer->open[--writer->open_count];
    close_file(file);
    return STATUS_OK;
}

static OpenFile *add_file(TableWriter *writer, const PartitionValue *tuple, uint64_t hash) {
    const PartitionSpec *spec = writer->spec;
    writer->open = change_grow(&writer->arena, writer->open, writer->open_count, &writer->open_capacity,
                               sizeof *writer->open);
    OpenFile *file = calloc(1, sizeof *file);
    if (!file) abort();
    arena_init(&file->strings);
    file->hash = hash;
    file->tuple = calloc((size_t)spec->field_count + 1, sizeof *file->tuple);
    file->selection = calloc(BATCH_ROWS, sizeof *file->selection);
    if (!file->tuple || !file->selection) abort();
    const PartitionValue *copied = partition_copy(spec, tuple, &file->strings);
    if (copied) memcpy(file->tuple, copied, sizeof *copied * (size_t)spec->field_count);
    if (writer->order) file->sort = sort_buffer_create(writer->order, writer->target);
    writer->open[writer->open_count++] = file;
    return file;
}

/* Only between batches: files with rows of the batch at hand must stay. */
static Status make_room(TableWriter *writer, Error *err) {
    while (writer->open_count > MAX_OPEN_FILES)
        TRY(drop_file(writer, fullest(writer), err));
    while (writer->bytes > TABLE_WRITER_BYTES && writer->open_count > 1)
        TRY(drop_file(writer, fullest(writer), err));
    return STATUS_OK;
}

static OpenFile *find_file(TableWriter *writer, const PartitionValue *tuple) {
    uint64_t hash = tuple_hash(writer->spec, tuple);
    for (int i = 0; i < writer->open_count; i++) {
        OpenFile *file = writer->open[i];
        if (file->hash != hash || !same_tuple(writer->spec, file->tuple, tuple)) continue;
        if (i > 0) { /* rows of a partition come together, mostly */
            writer->open[i] = writer->open[0];
            writer->open[0] = file;
        }
        return file;
    }
    return add_file(writer, tuple, hash);
}

static void make_tuple(const TableWriter *writer, const Batch *batch, int row, PartitionValue *out) {
    for (int i = 0; i < writer->spec->field_count; i++) {
        const PartitionField *field = &writer->spec->fields[i];
        PartitionValue value = {.is_null = true};
        if (field->transform.kind != TRANSFORM_VOID)
            partition_value_of(&batch->columns[writer->source_columns[i]], row, &value);
        transform_apply(field->transform, field->source_type, &value, &out[i]);
    }
}

static int64_t bytes_of(const Batch *batch) {
    int64_t bytes = 0;
    for (int c = 0; c < batch->column_count; c++) {
        const Vector *vector = &batch->columns[c];
        bytes += (int64_t)physical_width((PhysicalType)vector->physical) * batch->selected;
        if (vector->physical != PHYS_STRING) continue;
        for (int i = 0; i < batch->selected; i++) {
            PartitionValue value;
            partition_value_of(vector, batch->selection ? batch->selection[i] : i, &value);
            if (!value.is_null && value.value.string.length > 12) bytes += value.value.string.length;
        }
    }
    return bytes;
}

static Status write_to(TableWriter *writer, OpenFile *file, const Batch *batch, Error *err) {
    int64_t bytes = bytes_of(batch);
    if (file->writer && parquet_writer_row_count(file->writer) >= ROWS_PER_FILE)
        TRY(finish_file(writer, file, err));
    file->rows += batch->selected;
    file->bytes += bytes;
    writer->bytes += bytes;
    if (!file->sort) {
        TRY(open_parquet(writer, file, err));
        TRY(parquet_writer_append(file->writer, batch, err));
        if (file->rows >= SORT_ROWS) { /* the writer has put a row group out */
            writer->bytes -= file->bytes;
            file->rows = file->bytes = 0;
        }
        return STATUS_OK;
    }
    sort_buffer_append(file->sort, batch, &writer->batch_arena);
    if (file->rows < SORT_ROWS && file->bytes < TABLE_WRITER_BYTES / 2) return STATUS_OK;
    TRY(flush_sort(writer, file, err));
    writer->bytes -= file->bytes;
    file->rows = file->bytes = 0;
    return STATUS_OK;
}

static Status route(TableWriter *writer, const Batch *batch, Error *err) {
    PartitionValue *tuple =
        ARENA_NEW_ARRAY(&writer->batch_arena, PartitionValue, writer->spec->field_count + 1);
    OpenFile *last = NULL;
    for (int i = 0; i < batch->selected; i++) {
        int row = batch->selection ? batch->selection[i] : i;
        make_tuple(writer, batch, row, tuple);
        if (!last || !same_tuple(writer->spec, last->tuple, tuple)) last = find_file(writer, tuple);
        last->selection[last->selected++] = (uint16_t)row;
    }
    for (int i = 0; i < writer->open_count; i++) {
        OpenFile *file = writer->open[i];
        if (file->selected == 0) continue;
        Batch part = *batch;
        part.selection = file->selection;
        part.selected = file->selected;
        file->selected = 0;
        TRY(write_to(writer, file, &part, err));
    }
    return make_room(writer, err);
}

/* ---- rows in ---------------------------------------------------------------------------------------------
 */

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

Status table_writer_append(TableWriter *writer, const Batch *batch, Error *err) {
    Batch whole = *batch;
    if (!whole.selection) whole.selected = whole.row_count;
    if (whole.selected == 0) return STATUS_OK;
    if (whole.column_count != writer->target->column_count)
        return error_set(err, SQLSTATE_INTERNAL, "a batch of %d columns for a table of %d",
                         whole.column_count, writer->target->column_count);
    TRY(check_not_null(writer->target, &whole, err));
    arena_reset(&writer->batch_arena);
    writer->row_count += whole.selected;
    if (writer->spec->field_count) return route(writer, &whole, err);
    if (writer->open_count == 0) (void)add_file(writer, NULL, 0);
    return write_to(writer, writer->open[0], &whole, err);
}

int64_t table_writer_row_count(const TableWriter *writer) {
    return writer->row_count;
}

Status table_writer_finish(TableWriter *writer, Error *err) {
    Status status = STATUS_OK;
    for (int i = 0; i < writer->open_count && status == STATUS_OK; i++)
        status = finish_file(writer, writer->open[i], err);
    table_writer_abort(writer);
    return status;
}

void table_writer_abort(TableWriter *writer) {
    if (!writer) return;
    for (int i = 0; i < writer->open_count; i++)
        close_file(writer->open[i]);
    table_version_release((TableVersion *)writer->target);
    arena_deinit(&writer->arena);
    arena_deinit(&writer->batch_arena);
    free(writer);
}
