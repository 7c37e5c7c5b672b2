#include "fcgi/format/arrow_ipc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi/format/arrow_ipc_body.h"

typedef struct BatchPlace {
    int64_t offset, metadata_bytes, body_bytes;
    int64_t first_row;
} BatchPlace;

struct ArrowIpcFile {
    int fd;
    int64_t bytes;
    ArrowSchema schema;
    int batch_count;
    BatchPlace *batches; /* one more: where the last ends */
};

enum {
    LARGEST_METADATA = 64 << 20,
    TRAILER_BYTES = 4 + IPC_MAGIC_BYTES,
    HEAD_BYTES = IPC_MAGIC_BYTES + 2,
    BLOCK_BYTES = 24
};

static Status damaged(const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "the Arrow file is damaged: %s", what);
}

static Status read_at(const ArrowIpcFile *file, int64_t offset, void *data, size_t bytes, Error *err) {
    char *into = data;
    while (bytes > 0) {
        ssize_t count = pread(file->fd, into, bytes, offset);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_set_errno(err, errno, "cannot read the Arrow file");
        if (count == 0) return damaged("it ends too early", err);
        into += count;
        offset += count;
        bytes -= (size_t)count;
    }
    return STATUS_OK;
}

/* ---- messages --------------------------------------------------------------------------------------------
 */

/* The message at `place` with its RecordBatch, in `metadata` (the caller's to free). */
static Status read_message(const ArrowIpcFile *file, const BatchPlace *place, uint8_t **metadata,
                           FlatView *view, FlatTable *batch, Error *err) {
    int32_t prefix[2];
    uint8_t *bytes = malloc((size_t)place->metadata_bytes);
    if (!bytes) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *metadata = bytes;
    TRY(read_at(file, place->offset, bytes, (size_t)place->metadata_bytes, err));
    memcpy(prefix, bytes, sizeof prefix);
    if (prefix[0] != IPC_CONTINUATION || prefix[1] != place->metadata_bytes - IPC_PREFIX_BYTES)
        return damaged("a batch does not stand where the footer says", err);
    *view = (FlatView){.bytes = bytes + IPC_PREFIX_BYTES, .length = (size_t)prefix[1]};
    FlatTable message = flat_root(view);
    if (!message.view || flat_integer(&message, 1, 1, 0) != IPC_MESSAGE_BATCH ||
        flat_integer(&message, 3, 8, 0) != place->body_bytes)
        return damaged("a batch's message", err);
    *batch = flat_child(&message, 2);
    return batch->view && !view->damaged ? STATUS_OK : damaged("a batch's message", err);
}

static Status read_row_count(const ArrowIpcFile *file, const BatchPlace *place, int64_t *rows, Error *err) {
    uint8_t *metadata = NULL;
    FlatView view;
    FlatTable batch;
    Status status = read_message(file, place, &metadata, &view, &batch, err);
    *rows = status == STATUS_OK ? flat_integer(&batch, 0, 8, 0) : 0;
    if (status == STATUS_OK && (*rows < 0 || *rows > INT32_MAX || view.damaged))
        status = damaged("a batch's length", err);
    free(metadata);
    return status;
}

/* ---- opening ---------------------------------------------------------------------------------------------
 */

static Status read_block(const ArrowIpcFile *file, const uint8_t *block, int64_t end, BatchPlace *out,
                         Error *err) {
    int32_t metadata_bytes;
    memcpy(&out->offset, block, 8);
    memcpy(&metadata_bytes, block + 8, 4);
    memcpy(&out->body_bytes, block + 16, 8);
    out->metadata_bytes = metadata_bytes;
    bool inside = out->offset >= HEAD_BYTES && out->offset <= end && metadata_bytes > IPC_PREFIX_BYTES &&
                  metadata_bytes <= LARGEST_METADATA && metadata_bytes <= end - out->offset &&
                  out->body_bytes >= 0 && out->body_bytes <= end - out->offset - metadata_bytes;
    return inside ? STATUS_OK : damaged("a batch lies outside of it", err);
}

static Status read_blocks(ArrowIpcFile *file, const FlatTable *footer, int64_t end, Error *err) {
    FlatVector blocks = flat_vector(footer, 3, BLOCK_BYTES);
    int64_t row = 0;
    file->batches = calloc((size_t)blocks.count + 1, sizeof *file->batches);
    if (!file->batches) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    file->batch_count = (int)blocks.count;
    for (uint32_t i = 0; i < blocks.count; i++) {
        BatchPlace *place = &file->batches[i];
        int64_t rows;
        TRY(read_block(file, blocks.view->bytes + blocks.at + (size_t)i * BLOCK_BYTES, end, place, err));
        place->first_row = row;
        TRY(read_row_count(file, place, &rows, err));
        row += rows;
    }
    file->batches[blocks.count].first_row = row;
    return STATUS_OK;
}

static Status read_footer(ArrowIpcFile *file, Error *err) {
    char trailer[TRAILER_BYTES];
    int32_t footer_bytes;
    if (file->bytes < HEAD_BYTES + TRAILER_BYTES) return damaged("it is too short", err);
    TRY(read_at(file, file->bytes - TRAILER_BYTES, trailer, sizeof trailer, err));
    memcpy(&footer_bytes, trailer, 4);
    int64_t start = file->bytes - TRAILER_BYTES - footer_bytes;
    if (memcmp(trailer + 4, IPC_MAGIC, IPC_MAGIC_BYTES) || footer_bytes < 8 ||
        footer_bytes > LARGEST_METADATA || start < HEAD_BYTES)
        return damaged("it has no footer", err);
    uint8_t *bytes = malloc((size_t)footer_bytes);
    if (!bytes) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = read_at(file, start, bytes, (size_t)footer_bytes, err);
    if (status == STATUS_OK) {
        FlatView view = {.bytes = bytes, .length = (size_t)footer_bytes};
        FlatTable footer = flat_root(&view);
        FlatTable schema = flat_child(&footer, 1);
        if (!schema.view || flat_integer(&footer, 0, 2, 0) != IPC_VERSION_5 ||
            flat_vector(&footer, 2, BLOCK_BYTES).count)
            status = damaged("its footer", err);
        if (status == STATUS_OK) status = ipc_read_schema(&schema, &file->schema, err);
        if (status == STATUS_OK) status = read_blocks(file, &footer, start, err);
        if (status == STATUS_OK && view.damaged) status = damaged("its footer", err);
    }
    free(bytes);
    return status;
}

Status arrow_ipc_file_open_fd(int fd, ArrowIpcFile **out, Error *err) {
    struct stat stat;
    ArrowIpcFile *file = calloc(1, sizeof *file);
    if (!file) abort();
    file->fd = fd;
    Status status =
        fstat(fd, &stat) == 0 ? STATUS_OK : error_set_errno(err, errno, "cannot read the Arrow file");
    if (status == STATUS_OK) {
        file->bytes = stat.st_size;
        status = read_footer(file, err);
    }
    if (status != STATUS_OK) {
        arrow_ipc_file_close(file);
        return STATUS_ERROR;
    }
    *out = file;
    return STATUS_OK;
}

Status arrow_ipc_file_open(const char *path, ArrowIpcFile **out, Error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", path);
    return arrow_ipc_file_open_fd(fd, out, err);
}

void arrow_ipc_file_close(ArrowIpcFile *file) {
    if (!file) return;
    close(file->fd);
    arrow_schema_release(&file->schema);
    free(file->batches);
    free(file);
}

/* ---- what is in it ---------------------------------------------------------------------------------------
 */

void arrow_ipc_file_schema(const ArrowIpcFile *file, ArrowSchema *out) {
    arrow_schema_copy(&file->schema, out);
}

int64_t arrow_ipc_file_row_count(const ArrowIpcFile *file) {
    return file->batches[file->batch_count].first_row;
}

int arrow_ipc_file_batch_count(const ArrowIpcFile *file) {
    return file->batch_count;
}

int64_t arrow_ipc_file_first_row(const ArrowIpcFile *file, int batch) {
    return file->batches[batch].first_row;
}

int arrow_ipc_file_batch_of(const ArrowIpcFile *file, int64_t row) {
    int low = 0, high = file->batch_count; /* the first whose end is beyond the row */
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (file->batches[middle + 1].first_row > row)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

Status arrow_ipc_file_batch(ArrowIpcFile *file, int batch, ArrowArray *out, Error *err) {
    const BatchPlace *place = &file->batches[batch];
    uint8_t *metadata = NULL;
    FlatView view;
    FlatTable table;
    memset(out, 0, sizeof *out);
    Status status = read_message(file, place, &metadata, &view, &table, err);
    if (status == STATUS_OK) {
        int64_t rows = place[1].first_row - place->first_row;
        uint8_t *body = malloc(place->body_bytes ? (size_t)place->body_bytes : 1);
        status =
            body ? read_at(file, place->offset + place->metadata_bytes, body, (size_t)place->body_bytes, err)
                 : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        if (status == STATUS_OK)
            status = ipc_body_read(&table, &file->schema, rows, body, (size_t)place->body_bytes, out, err);
        else
            free(body);
    }
    free(metadata);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------------------
 */

typedef struct RowRange {
    ArrowIpcFile *file;
    int batch;
    int64_t next, end;
} RowRange;

static Status range_next(void *state, ArrowArray *out, Error *err) {
    RowRange *range = state;
    if (range->next >= range->end) return STATUS_OK;
    TRY(arrow_ipc_file_batch(range->file, range->batch, out, err));
    int64_t first = range->file->batches[range->batch++].first_row;
    int64_t last = range->file->batches[range->batch].first_row;
    if (last > range->end) last = range->end;
    out->offset = range->next - first;
    out->length = last - range->next;
    range->next = last;
    while (range->next < range->end && range->file->batches[range->batch + 1].first_row == range->next)
        range->batch++; /* empty ones */
    return STATUS_OK;
}

void arrow_ipc_file_stream(ArrowIpcFile *file, int64_t first_row, int64_t row_count, ArrowArrayStream *out) {
    ArrowSchema schema;
    RowRange *range = calloc(1, sizeof *range);
    if (!range) abort();
    int64_t rows = arrow_ipc_file_row_count(file);
    range->file = file;
    range->next = first_row;
    range->end = row_count < rows - first_row ? first_row + row_count : rows;
    range->batch = arrow_ipc_file_batch_of(file, first_row);
    arrow_ipc_file_schema(file, &schema);
    arrow_stream_make(out, &schema, (ArrowStreamSource){range_next, free, range});
}
