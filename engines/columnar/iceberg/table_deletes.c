#include "engines/columnar/iceberg/table_deletes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/bitmap.h"
#include "engines/columnar/iceberg/roaring.h"
#include "engines/columnar/iceberg/table_deletes_internal.h"
#include "engines/columnar/iceberg/transform.h"

enum { ID_FILE_PATH = 2147483546, ID_POSITION = 2147483545, VECTOR_MAX_BYTES = 1 << 30 };

struct TableDeletes {
    pthread_mutex_t lock; /* one file is loaded at a time */
    int count;
    _Atomic(uint64_t *) bits[];
};

void table_deletes_free(struct TableDeletes *deletes) {
    if (!deletes) return;
    for (int i = 0; i < deletes->count; i++)
        free(deletes->bits[i]);
    pthread_mutex_destroy(&deletes->lock);
    free(deletes);
}

/* ---- columns of files ------------------------------------------------------------------------------------
 */

static bool is_named(const TableVersion *version, int column, const char *name) {
    if (!version->name_mapping) return strcmp(version->columns[column].name, name) == 0;
    const TableColumnOrigin *origin = &version->origins[column];
    for (int i = 0; i < origin->alias_count; i++)
        if (strcmp(origin->aliases[i], name) == 0) return true;
    return false;
}

int table_file_column(const TableVersion *version, int column, const ParquetFile *file) {
    int count = parquet_file_column_count(file), field_id = version->columns[column].field_id;
    bool any_id = false;
    for (int i = 0; i < count; i++) {
        int held = parquet_file_column(file, i)->field_id;
        if (held >= 0 && held == field_id) return i;
        any_id = any_id || held >= 0;
    }
    for (int i = 0; i < count; i++) {
        const ParquetColumn *candidate = parquet_file_column(file, i);
        bool nameless = field_id < 0 || (!any_id && candidate->field_id < 0);
        if (nameless && is_named(version, column, candidate->name)) return i;
    }
    return -1;
}

/* ---- reading some columns of a file ----------------------------------------------------------------------
 */

static Status open_readers(ParquetFile *file, int group, const int *columns, int count,
                           ParquetColumnReader **readers, Error *err) {
    for (int i = 0; i < count; i++) {
        if (columns[i] < 0) continue;
        const ParquetColumn *column = parquet_file_column(file, columns[i]);
        if (column->unsupported)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "column \"%s\" of %s cannot be read: %s",
                             column->name, parquet_file_path(file), column->unsupported);
        TRY(parquet_column_open(file, group, columns[i], 0, &readers[i], err));
    }
    return STATUS_OK;
}

static Status read_group(ParquetFile *file, int group, int64_t first_row, const int *columns, int count,
                         DeleteRowsTaker take, void *context, ParquetColumnReader **readers, Error *err) {
    Vector vectors[DELETE_MAX_COLUMNS];
    int64_t rows = parquet_row_group_row_count(file, group);
    TRY(open_readers(file, group, columns, count, readers, err));
    for (int64_t row = 0; row < rows; row += BATCH_ROWS) {
        int step = rows - row < BATCH_ROWS ? (int)(rows - row) : BATCH_ROWS;
        for (int i = 0; i < count; i++)
            if (readers[i]) TRY(parquet_column_read(readers[i], step, &vectors[i], err));
        TRY(take(context, vectors, first_row + row, step, err));
    }
    return STATUS_OK;
}

Status delete_read_columns(ParquetFile *file, const int *columns, int count,
                           bool (*skip)(void *context, ParquetFile *file, int group), DeleteRowsTaker take,
                           void *context, Error *err) {
    Status status = STATUS_OK;
    int64_t first_row = 0;
    for (int g = 0; g < parquet_file_row_group_count(file) && status == STATUS_OK; g++) {
        ParquetColumnReader *readers[DELETE_MAX_COLUMNS] = {0};
        if (!skip || !skip(context, file, g))
            status = read_group(file, g, first_row, columns, count, take, context, readers, err);
        for (int i = 0; i < count; i++)
            if (readers[i]) parquet_column_close(readers[i]);
        first_row += parquet_row_group_row_count(file, g);
    }
    return status;
}

/* ---- position deletes ------------------------------------------------------------------------------------
 */

typedef struct PositionDeletes {
    const DataFile *data;
    const DeleteFile *deletes;
    uint64_t *bits;
    int path_column;
} PositionDeletes;

static bool names_file(const StringView *view, const DataFile *data) {
    const char *text = stringview_data(view);
    size_t length = view->length, path = strlen(data->path);
    if (length == strlen(data->uri) && memcmp(text, data->uri, length) == 0) return true;
    /* Another spelling of a local path: "file:/a", "file:///a", "/a". */
    if (length < path || memcmp(text + length - path, data->path, path) != 0) return false;
    for (size_t i = 0; i < length - path; i++)
        if (i < 5 ? text[i] != "file:"[i] : text[i] != '/') return false;
    return length == path || length - path >= 5;
}

static Status take_positions(void *context, const Vector *vectors, int64_t first_row, int rows, Error *err) {
    PositionDeletes *from = context;
    for (int i = 0; i < rows; i++) {
        PartitionValue path, position;
        partition_value_of(&vectors[0], i, &path);
        if (path.is_null || !names_file(&path.value.string, from->data)) continue;
        partition_value_of(&vectors[1], i, &position);
        if (position.is_null || position.value.i64 < 0 || position.value.i64 >= from->data->row_count)
            return error_set(err, SQLSTATE_DATA_CORRUPTED, "\"%s\" deletes a row that \"%s\" does not have",
                             from->deletes->path, from->data->path);
        bitmap_set(from->bits, (size_t)position.value.i64);
    }
    return STATUS_OK;
}

static bool skip_positions(void *context, ParquetFile *file, int group) {
    PositionDeletes *from = context;
    ParquetColumnStats stats;
    parquet_chunk_stats(file, group, from->path_column, &stats);
    if (!stats.has_min_max) return false;
    StringView uri = stringview_make(from->data->uri, (uint32_t)strlen(from->data->uri));
    bool same_spelling =
        stats.min.string.length > 0 && stringview_data(&stats.min.string)[0] == from->data->uri[0] &&
        strncmp(from->data->uri, "file:///", 8) == 0 && stats.min.string.length >= 8 &&
        memcmp(stringview_data(&stats.min.string), "file:///", 8) == 0 && stats.max.string.length >= 8 &&
        memcmp(stringview_data(&stats.max.string), "file:///", 8) == 0;
    return same_spelling && (stringview_compare(&uri, &stats.min.string) < 0 ||
                             stringview_compare(&uri, &stats.max.string) > 0);
}

static Status apply_positions(const DataFile *data, const DeleteFile *deletes, uint64_t *bits, Error *err) {
    ParquetFile *file;
    int columns[2] = {-1, -1};
    TRY(parquet_file_open(deletes->path, &file, err));
    for (int i = 0; i < parquet_file_column_count(file); i++) {
        const ParquetColumn *column = parquet_file_column(file, i);
        bool text = physical_type_of(column->type) == PHYS_STRING && !column->unsupported;
        if (text && (column->field_id == ID_FILE_PATH || strcmp(column->name, "file_path") == 0))
            columns[0] = i;
        if (sqltype_is(column->type, SQL_INT8) &&
            (column->field_id == ID_POSITION || strcmp(column->name, "pos") == 0))
            columns[1] = i;
    }
    PositionDeletes from = {data, deletes, bits, columns[0]};
    Status status =
        columns[0] < 0 || columns[1] < 0
            ? error_set(err, SQLSTATE_DATA_CORRUPTED,
                        "\"%s\" holds no position deletes: file_path and pos are missing", deletes->path)
            : delete_read_columns(file, columns, 2, skip_positions, take_positions, &from, err);
    parquet_file_release(file);
    return status;
}

static Status read_blob(const DeleteFile *deletes, void *out, Error *err) {
    int fd = open(deletes->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", deletes->path);
    size_t filled = 0, wanted = (size_t)deletes->content_bytes;
    int failed = 0;
    while (filled < wanted && !failed) {
        ssize_t got = pread(fd, (char *)out + filled, wanted - filled,
                            (off_t)(deletes->content_offset + (int64_t)filled));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) failed = got < 0 ? errno : -1;
        if (got > 0) filled += (size_t)got;
    }
    close(fd);
    if (failed > 0) return error_set_errno(err, failed, "cannot read \"%s\"", deletes->path);
    if (failed)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "the deletion vector in \"%s\" is cut off",
                         deletes->path);
    return STATUS_OK;
}

static Status apply_vector(const DataFile *data, const DeleteFile *deletes, uint64_t *bits, Error *err) {
    if (deletes->content_bytes > VECTOR_MAX_BYTES)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "the deletion vector in \"%s\" is too large",
                         deletes->path);
    void *blob = malloc((size_t)deletes->content_bytes + 1);
    if (!blob) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = read_blob(deletes, blob, err);
    if (status == STATUS_OK)
        status = deletion_vector_decode(blob, (size_t)deletes->content_bytes, deletes->path, bits,
                                        data->row_count, err);
    free(blob);
    return status;
}

/* ---- all of a file ---------------------------------------------------------------------------------------
 */

static Status apply_all(const TableVersion *version, const DataFile *data, Budget *budget, uint64_t *bits,
                        Error *err) {
    for (int i = 0; i < data->delete_count; i++) {
        const DeleteFile *deletes = data->deletes[i];
        if (deletes->content == CONTENT_EQUALITY_DELETES) continue;
        if (deletes->deletion_vector)
            TRY(apply_vector(data, deletes, bits, err));
        else
            TRY(apply_positions(data, deletes, bits, err));
    }
    return delete_apply_equality(version, data, budget, bits, err);
}

static struct TableDeletes *deletes_of(const TableVersion *version) {
    /* Const to its readers; this one field is filled by whoever asks first. */
    _Atomic(struct TableDeletes *) *slot = (_Atomic(struct TableDeletes *) *)&version->deletes;
    struct TableDeletes *known = atomic_load(slot);
    if (known) return known;
    struct TableDeletes *fresh =
        calloc(1, sizeof *fresh + sizeof *fresh->bits * (size_t)(version->file_count + 1));
    if (!fresh) abort();
    fresh->count = version->file_count;
    pthread_mutex_init(&fresh->lock, NULL);
    if (atomic_compare_exchange_strong(slot, &known, fresh)) return fresh;
    table_deletes_free(fresh); /* another thread was faster */
    return known;
}

Status table_deleted_rows(const TableVersion *version, int file, Budget *budget, const uint64_t **bits,
                          Error *err) {
    const DataFile *data = &version->files[file];
    *bits = NULL;
    if (data->delete_count == 0) return STATUS_OK;
    struct TableDeletes *deletes = deletes_of(version);
    *bits = atomic_load(&deletes->bits[file]);
    if (*bits) return STATUS_OK;
    Status status = STATUS_OK;
    pthread_mutex_lock(&deletes->lock);
    *bits = atomic_load(&deletes->bits[file]);
    if (!*bits) {
        uint64_t *fresh = calloc((size_t)data->row_count / 64 + 2, sizeof *fresh);
        if (!fresh)
            status = error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        else
            status = apply_all(version, data, budget, fresh, err);
        if (status == STATUS_OK) {
            atomic_store(&deletes->bits[file], fresh);
            *bits = fresh;
        } else {
            free(fresh);
        }
    }
    pthread_mutex_unlock(&deletes->lock);
    return status;
}
