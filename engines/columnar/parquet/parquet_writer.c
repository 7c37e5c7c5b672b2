#include "engines/columnar/parquet/parquet_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/parquet/parquet_bloom.h"
#include "engines/columnar/parquet/parquet_write.h"

enum { DEFAULT_ROW_GROUP_ROWS = 1 << 20, DEFAULT_PAGE_ROWS = 1 << 15, DEFAULT_ZSTD_LEVEL = 3 };
/* A row group of long strings is closed early: memory is bounded by bytes too. */
static const size_t LARGEST_STRING_BYTES = (size_t)256 << 20;

struct ParquetWriter {
    int fd;
    char *path;
    ParquetWriterColumn *columns;
    ParquetStorage *storages;
    int column_count;
    ParquetWriterOptions options;
    const ParquetSortColumn *sorted_by;
    int sorted_by_count;
    const char **metadata;
    ColumnBuffer *buffers;
    int64_t buffered_rows;
    int64_t row_count;
    int64_t offset;
    ChunkEncoder encoder;
    Arena arena;          /* columns, metadata, bounds of everything written */
    WrittenChunk *chunks; /* row group × column */
    int64_t *group_rows;
    int group_count, group_capacity;
};

static void writer_destroy(ParquetWriter *writer) {
    for (int i = 0; i < writer->column_count; i++)
        column_buffer_deinit(&writer->buffers[i]);
    for (int i = 0; i < writer->group_count * writer->column_count; i++) {
        free(writer->chunks[i].pages);
        free(writer->chunks[i].bloom);
        free(writer->chunks[i].words.data);
    }
    chunk_encoder_deinit(&writer->encoder);
    free(writer->chunks);
    free(writer->group_rows);
    if (writer->fd >= 0) close(writer->fd);
    arena_deinit(&writer->arena);
    free(writer);
}

void parquet_writer_abort(ParquetWriter *writer) {
    if (!writer) return;
    unlink(writer->path);
    writer_destroy(writer);
}

static Status write_bytes(ParquetWriter *writer, const void *data, size_t length, Error *err) {
    const char *next = data;
    while (length > 0) {
        ssize_t written = pwrite(writer->fd, next, length, writer->offset);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_set_errno(err, errno, "cannot write %s", writer->path);
        next += written;
        writer->offset += written;
        length -= (size_t)written;
    }
    return STATUS_OK;
}

static void copy_metadata(ParquetWriter *writer, const char *const *metadata) {
    size_t count = 0;
    while (metadata && metadata[count])
        count += 2;
    writer->metadata = ARENA_NEW_ARRAY(&writer->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++)
        writer->metadata[i] = arena_strdup(&writer->arena, metadata[i] ? metadata[i] : "");
}

static Status prepare(ParquetWriter *writer, const char *path, const ParquetWriterColumn *columns,
                      const ParquetWriterOptions *options, Error *err) {
    Arena *arena = &writer->arena;
    size_t count = (size_t)writer->column_count;
    writer->options = options ? *options : (ParquetWriterOptions){0};
    if (writer->options.row_group_rows <= 0) writer->options.row_group_rows = DEFAULT_ROW_GROUP_ROWS;
    if (writer->options.row_group_rows > INT32_MAX)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "a row group may have at most %d rows", INT32_MAX);
    writer->encoder.level_is_default = writer->options.zstd_level == 0;
    writer->encoder.plain_encodings = writer->options.plain_encodings;
    writer->encoder.words = writer->options.words;
    writer->encoder.zstd_level = writer->options.zstd_level ? writer->options.zstd_level : DEFAULT_ZSTD_LEVEL;
    /* Whole words of validity per page. */
    int page_rows = writer->options.page_rows > 0 ? writer->options.page_rows : DEFAULT_PAGE_ROWS;
    writer->encoder.page_rows = page_rows > 1 << 24 ? 1 << 24 : (page_rows + 63) / 64 * 64;
    writer->encoder.zstd = ZSTD_createCCtx();
    if (!writer->encoder.zstd) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    writer->path = arena_strdup(arena, path);
    writer->columns = ARENA_NEW_ARRAY(arena, ParquetWriterColumn, count);
    writer->storages = ARENA_NEW_ARRAY(arena, ParquetStorage, count);
    copy_metadata(writer, writer->options.metadata);
    for (size_t i = 0; i < count; i++) {
        writer->columns[i] = columns[i];
        writer->columns[i].name = arena_strdup(arena, columns[i].name);
        TRY(parquet_storage_of(&writer->columns[i], &writer->storages[i], err));
        const int *element_ids = writer->options.element_field_ids;
        writer->storages[i].element_field_id = element_ids && element_ids[i] > 0 ? element_ids[i] : -1;
        writer->buffers[i].column = &writer->columns[i];
        writer->buffers[i].storage = writer->storages[i];
    }
    return STATUS_OK;
}

Status parquet_writer_open(const char *path, const ParquetWriterColumn *columns, int column_count,
                           const ParquetWriterOptions *options, ParquetWriter **out, Error *err) {
    if (column_count < 1)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "a Parquet file needs at least one column");
    ParquetWriter *writer = calloc(1, sizeof *writer);
    if (!writer) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    writer->fd = -1;
    writer->column_count = column_count;
    arena_init(&writer->arena);
    writer->buffers = ARENA_NEW_ARRAY(&writer->arena, ColumnBuffer, column_count);
    Status status = prepare(writer, path, columns, options, err);
    if (status == STATUS_OK) {
        /* Never into an existing file: somebody may be reading it. */
        unlink(path);
        writer->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        status = writer->fd < 0 ? error_set_errno(err, errno, "cannot create %s", path)
                                : write_bytes(writer, "PAR1", 4, err);
    }
    if (status != STATUS_OK) {
        if (writer->fd >= 0) unlink(path);
        writer_destroy(writer);
        return STATUS_ERROR;
    }
    *out = writer;
    return STATUS_OK;
}

static Status grow_groups(ParquetWriter *writer, Error *err) {
    if (writer->group_count < writer->group_capacity) return STATUS_OK;
    int capacity = writer->group_capacity ? writer->group_capacity * 2 : 8;
    size_t columns = (size_t)writer->column_count;
    WrittenChunk *chunks = realloc(writer->chunks, (size_t)capacity * columns * sizeof *chunks);
    if (chunks) writer->chunks = chunks;
    int64_t *rows = realloc(writer->group_rows, (size_t)capacity * sizeof *rows);
    if (rows) writer->group_rows = rows;
    if (!chunks || !rows) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    writer->group_capacity = capacity;
    return STATUS_OK;
}

/* Behind the row group's chunks, so that these stand together. */
static Status write_bloom_filters(ParquetWriter *writer, WrittenChunk *chunks, Error *err) {
    for (int i = 0; i < writer->column_count; i++) {
        WrittenChunk *chunk = &chunks[i];
        if (!chunk->bloom) continue;
        StrBuf *out = &writer->encoder.out;
        strbuf_reset(out);
        parquet_bloom_write_header(chunk->bloom_bits, out);
        chunk->bloom_offset = writer->offset;
        chunk->bloom_bytes = (int32_t)(out->length + chunk->bloom_bits);
        TRY(write_bytes(writer, strbuf_text(out), out->length, err));
        TRY(write_bytes(writer, chunk->bloom, chunk->bloom_bits, err));
        free(chunk->bloom);
        chunk->bloom = NULL;
    }
    return STATUS_OK;
}

/* Behind them. */
static Status write_words(ParquetWriter *writer, WrittenChunk *chunks, int64_t row_count, Error *err) {
    for (int i = 0; i < writer->column_count; i++) {
        WrittenWords *words = &chunks[i].words;
        if (!words->data) continue;
        parquet_words_seal(words, row_count, writer->offset);
        TRY(write_bytes(writer, words->data, words->bytes, err));
        free(words->data);
        words->data = NULL;
    }
    return STATUS_OK;
}

static Status flush_row_group(ParquetWriter *writer, Error *err) {
    if (writer->buffered_rows == 0) return STATUS_OK;
    TRY(grow_groups(writer, err));
    WrittenChunk *chunks = writer->chunks + (size_t)writer->group_count * (size_t)writer->column_count;
    memset(chunks, 0, (size_t)writer->column_count * sizeof *chunks);
    writer->group_rows[writer->group_count++] = writer->buffered_rows;
    for (int i = 0; i < writer->column_count; i++) {
        TRY(chunk_encode(&writer->encoder, &writer->buffers[i], writer->offset, &writer->arena, &chunks[i],
                         err));
        TRY(write_bytes(writer, strbuf_text(&writer->encoder.out), writer->encoder.out.length, err));
        column_buffer_reset(&writer->buffers[i]);
    }
    writer->buffered_rows = 0;
    TRY(write_bloom_filters(writer, chunks, err));
    return write_words(writer, chunks, writer->group_rows[writer->group_count - 1], err);
}

static bool holds_too_much(const ParquetWriter *writer) {
    size_t strings = 0, values = 0;
    for (int i = 0; i < writer->column_count; i++) {
        size_t width = physical_width(writer->storages[i].vector_physical);
        size_t held = (size_t)writer->buffers[i].row_count * width;
        strings += writer->buffers[i].strings.used_bytes;
        if (writer->storages[i].list) strings += held; /* no number of rows bounds their elements */
        values += writer->storages[i].list ? 0 : held;
    }
    if (strings > LARGEST_STRING_BYTES) return true;
    size_t limit = writer->options.buffer_bytes;
    return limit && strings + values > limit;
}

static Status append_rows(ParquetWriter *writer, const Batch *batch, const uint16_t *selection, int count,
                          Error *err) {
    for (int i = 0; i < writer->column_count; i++)
        TRY(column_buffer_append(&writer->buffers[i], &batch->columns[i], selection, count, err));
    writer->buffered_rows += count;
    writer->row_count += count;
    return STATUS_OK;
}

Status parquet_writer_append(ParquetWriter *writer, const Batch *batch, Error *err) {
    uint16_t rows[BATCH_ROWS];
    if (batch->column_count != writer->column_count || batch->row_count > BATCH_ROWS)
        return error_set(err, SQLSTATE_INTERNAL, "%s: a batch of %d columns and %d rows", writer->path,
                         batch->column_count, batch->row_count);
    int total = batch->selection ? batch->selected : batch->row_count, done = 0;
    while (done < total) {
        int64_t room = writer->options.row_group_rows - writer->buffered_rows;
        int count = room < total - done ? (int)room : total - done;
        if (done == 0 && count == total) {
            TRY(append_rows(writer, batch, batch->selection, count, err));
        } else {
            for (int i = 0; i < count; i++)
                rows[i] = batch->selection ? batch->selection[done + i] : (uint16_t)(done + i);
            TRY(append_rows(writer, batch, rows, count, err));
        }
        done += count;
        if (writer->buffered_rows >= writer->options.row_group_rows || holds_too_much(writer))
            TRY(flush_row_group(writer, err));
    }
    return STATUS_OK;
}

int64_t parquet_writer_row_count(const ParquetWriter *writer) {
    return writer->row_count;
}

void parquet_writer_sorted_by(ParquetWriter *writer, const ParquetSortColumn *columns, int count) {
    writer->sorted_by =
        count > 0 ? arena_memdup(&writer->arena, columns, sizeof *columns * (size_t)count) : NULL;
    writer->sorted_by_count = count;
}

/* All column indexes, then all offset indexes, then the footer. */
static Status write_tail(ParquetWriter *writer, Error *err) {
    int chunks = writer->group_count * writer->column_count;
    StrBuf *out = &writer->encoder.out;
    for (int which = 0; which < 2; which++) {
        for (int i = 0; i < chunks; i++) {
            WrittenChunk *chunk = &writer->chunks[i];
            strbuf_reset(out);
            if (which == 0)
                parquet_write_column_index(&writer->storages[i % writer->column_count], chunk, out);
            else
                parquet_write_offset_index(chunk, out);
            *(which == 0 ? &chunk->column_index_offset : &chunk->offset_index_offset) = writer->offset;
            *(which == 0 ? &chunk->column_index_bytes : &chunk->offset_index_bytes) = (int32_t)out->length;
            TRY(write_bytes(writer, strbuf_text(out), out->length, err));
        }
    }
    FooterInput input = {.columns = writer->columns,
                         .storages = writer->storages,
                         .column_count = writer->column_count,
                         .chunks = writer->chunks,
                         .group_rows = writer->group_rows,
                         .group_count = writer->group_count,
                         .sorted_by = writer->sorted_by,
                         .sorted_by_count = writer->sorted_by_count,
                         .metadata = writer->metadata,
                         .buffers = writer->buffers,
                         .words = writer->options.words};
    strbuf_reset(out);
    parquet_write_footer(&input, out);
    if (out->length > INT32_MAX)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "%s: the footer would exceed 2 GiB", writer->path);
    uint32_t footer_bytes = (uint32_t)out->length;
    strbuf_append(out, &footer_bytes, 4);
    strbuf_append(out, "PAR1", 4);
    return write_bytes(writer, strbuf_text(out), out->length, err);
}

/* The file's bytes and its name in the directory. */
static Status make_durable(ParquetWriter *writer, Error *err) {
    if (fsync(writer->fd) != 0) return error_set_errno(err, errno, "cannot sync %s", writer->path);
    char *copy = strdup(writer->path);
    if (!copy) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    int directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Status status = STATUS_OK;
    if (directory < 0 || fsync(directory) != 0)
        status = error_set_errno(err, errno, "cannot sync the directory of %s", writer->path);
    if (directory >= 0) close(directory);
    free(copy);
    return status;
}

static void keep_string(union ParquetBound *bound, Arena *arena) {
    if (bound->string.length > 12)
        bound->string.pointer = arena_memdup(arena, bound->string.pointer, bound->string.length);
}

static void describe_column(const ParquetWriter *writer, int column, Arena *arena,
                            ParquetWrittenColumn *out) {
    PhysicalType physical = writer->storages[column].vector_physical;
    ParquetBounds bounds = {0};
    for (int g = 0; g < writer->group_count; g++) {
        const WrittenChunk *chunk =
            &writer->chunks[(size_t)g * (size_t)writer->column_count + (size_t)column];
        parquet_bounds_merge(physical, &bounds, &chunk->bounds);
        out->compressed_bytes += chunk->compressed_bytes;
    }
    out->value_count = writer->row_count;
    out->nested = writer->storages[column].list;
    if (out->nested) { /* the bounds are of elements */
        out->null_count = out->stats.null_count = out->stats.distinct_count = -1;
        return;
    }
    out->null_count = bounds.null_count;
    out->nan_count = bounds.nan_count;
    out->stats.null_count = bounds.null_count;
    out->stats.distinct_count = -1;
    out->stats.has_min_max = bounds.any && bounds.nan_count == 0;
    out->stats.min_exact = out->stats.max_exact = true;
    out->stats.min = bounds.min;
    out->stats.max = bounds.max;
    if (bounds.any && physical == PHYS_STRING) {
        keep_string(&out->stats.min, arena);
        keep_string(&out->stats.max, arena);
    }
}

static void describe_written(const ParquetWriter *writer, Arena *arena, ParquetWritten *out) {
    memset(out, 0, sizeof *out);
    out->row_count = writer->row_count;
    out->file_bytes = writer->offset;
    out->column_count = writer->column_count;
    out->columns = ARENA_NEW_ARRAY(arena, ParquetWrittenColumn, writer->column_count);
    for (int i = 0; i < writer->column_count; i++)
        describe_column(writer, i, arena, &out->columns[i]);
    int64_t *offsets = ARENA_NEW_ARRAY(arena, int64_t, writer->group_count ? writer->group_count : 1);
    for (int g = 0; g < writer->group_count; g++)
        offsets[g] = writer->chunks[(size_t)g * (size_t)writer->column_count].first_offset;
    out->split_offsets = offsets;
    out->split_count = writer->group_count;
}

Status parquet_writer_finish(ParquetWriter *writer, Arena *arena, ParquetWritten *out, Error *err) {
    if (flush_row_group(writer, err) != STATUS_OK || write_tail(writer, err) != STATUS_OK ||
        (!writer->options.passing && make_durable(writer, err) != STATUS_OK)) {
        parquet_writer_abort(writer);
        return STATUS_ERROR;
    }
    if (out) describe_written(writer, arena, out);
    writer_destroy(writer);
    return STATUS_OK;
}
