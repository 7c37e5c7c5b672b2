#include <assert.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <zstd.h>

#include "engines/base/bitmap.h"
#include "fcgi/format/arrow_ipc.h"
#include "fcgi/format/arrow_ipc_schema.h"

enum { ZSTD_LEVEL = 1 }; /* results are read once */

typedef struct FieldNode {
    int64_t length, null_count;
} FieldNode;

typedef struct BufferPlace {
    int64_t offset, length;
} BufferPlace;

typedef struct FileBlock {
    int64_t offset;
    int32_t metadata_bytes, zero;
    int64_t body_bytes;
} FileBlock;
_Static_assert(sizeof(FileBlock) == 24 && sizeof(FieldNode) == 16 && sizeof(BufferPlace) == 16,
               "as the format has them");

struct ArrowIpcWriter {
    ArrowSchema schema;
    ArrowIpcOptions options;
    ZSTD_CCtx *zstd;
    int64_t written;            /* bytes so far: where the next block starts */
    StrBuf body, nodes, places; /* of the batch under way */
    StrBuf raw;                 /* a buffer before it is compressed */
    StrBuf blocks;              /* FileBlock */
};

/* ---- messages --------------------------------------------------------------------------------------------
 */

static void append_magic(StrBuf *buf) {
    strbuf_append(buf, IPC_MAGIC "\0", IPC_MAGIC_BYTES + 2);
}

/* Message: version, header_type, header, bodyLength. The prefix's length is put in at the end. */
static size_t begin_message(FlatBuilder *builder, StrBuf *buf, int header_type, int64_t body_bytes) {
    const int32_t prefix[2] = {IPC_CONTINUATION, 0};
    size_t at[4];
    strbuf_append(buf, prefix, sizeof prefix);
    flat_begin(builder, buf);
    flat_link(builder, 0, flat_table(builder, (const uint8_t[]){2, 1, FLAT_LINK_BYTES, 8}, 4, at));
    flat_put(builder, at[0], IPC_VERSION_5, 2);
    flat_put(builder, at[1], header_type, 1);
    flat_put(builder, at[3], body_bytes, 8);
    return at[2];
}

/* The bytes of prefix and metadata. */
static size_t end_message(FlatBuilder *builder) {
    int32_t bytes = (int32_t)flat_end(builder);
    memcpy(builder->out->data + builder->base - 4, &bytes, 4);
    return IPC_PREFIX_BYTES + (size_t)bytes;
}

static void write_schema_message(ArrowIpcWriter *writer, StrBuf *buf) {
    FlatBuilder builder;
    size_t header = begin_message(&builder, buf, IPC_MESSAGE_SCHEMA, 0);
    flat_link(&builder, header, ipc_write_schema(&builder, &writer->schema));
    end_message(&builder);
}

Status arrow_ipc_begin(const ArrowSchema *schema, const ArrowIpcOptions *options, ArrowIpcWriter **out,
                       StrBuf *buf, Error *err) {
    TRY(ipc_check_schema(schema, err));
    ArrowIpcWriter *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    arrow_schema_copy(schema, &writer->schema);
    writer->options = *options;
    if (options->compression == ARROW_IPC_ZSTD && !(writer->zstd = ZSTD_createCCtx())) abort();
    size_t start = buf->length;
    if (options->file) append_magic(buf);
    write_schema_message(writer, buf);
    writer->written = (int64_t)(buf->length - start);
    *out = writer;
    return STATUS_OK;
}

/* ---- buffers ---------------------------------------------------------------------------------------------
 */

static size_t compress_bound(const ArrowIpcWriter *writer, size_t bytes) {
    return writer->zstd ? ZSTD_compressBound(bytes) : LZ4F_compressFrameBound(bytes, NULL);
}

/* 0 when it does not become smaller. */
static size_t compress(ArrowIpcWriter *writer, const void *data, size_t bytes, char *into, size_t room) {
    size_t length = writer->zstd ? ZSTD_compressCCtx(writer->zstd, into, room, data, bytes, ZSTD_LEVEL)
                                 : LZ4F_compressFrame(into, room, data, bytes, NULL);
    bool failed = writer->zstd ? ZSTD_isError(length) : LZ4F_isError(length);
    return failed || length >= bytes ? 0 : length;
}

/* Compressed buffers start with their length before, -1 when they are as they were. */
static void append_compressed(ArrowIpcWriter *writer, const void *data, size_t bytes) {
    StrBuf *body = &writer->body;
    int64_t before = (int64_t)bytes;
    size_t room = compress_bound(writer, bytes);
    strbuf_grow(body, sizeof before + room);
    char *into = body->data + body->length;
    size_t length = compress(writer, data, bytes, into + sizeof before, room);
    if (!length) before = -1;
    memcpy(into, &before, sizeof before);
    body->length += sizeof before + length;
    if (!length) strbuf_append(body, data, bytes);
}

static void append_buffer(ArrowIpcWriter *writer, const void *data, size_t bytes) {
    static const char zeros[IPC_ALIGNMENT];
    StrBuf *body = &writer->body;
    BufferPlace place = {.offset = (int64_t)body->length};
    if (bytes && writer->options.compression != ARROW_IPC_PLAIN)
        append_compressed(writer, data, bytes);
    else if (bytes)
        strbuf_append(body, data, bytes);
    place.length = (int64_t)body->length - place.offset;
    strbuf_append(body, zeros, (IPC_ALIGNMENT - body->length % IPC_ALIGNMENT) % IPC_ALIGNMENT);
    strbuf_append(&writer->places, &place, sizeof place);
}

static void append_slice(ArrowIpcWriter *writer, const char *data, int64_t first, int64_t bytes) {
    append_buffer(writer, bytes ? data + first : NULL, (size_t)bytes);
}

/* Bits [first, first + count) of a bitmap, which may start inside a byte; those behind the last are 0. */
static void append_bits(ArrowIpcWriter *writer, const uint8_t *bits, int64_t first, int64_t count) {
    StrBuf *raw = &writer->raw;
    size_t bytes = (size_t)(count + 7) / 8;
    if (!bytes) {
        append_buffer(writer, NULL, 0);
        return;
    }
    int shift = (int)(first & 7);
    strbuf_reset(raw);
    strbuf_append(raw, bits + (first >> 3), bytes);
    uint8_t *out = (uint8_t *)raw->data;
    if (shift) {
        size_t source_bytes = (size_t)((first & 7) + count + 7) / 8;
        const uint8_t *from = bits + (first >> 3);
        for (size_t i = 0; i < bytes; i++)
            out[i] = (uint8_t)(from[i] >> shift | (i + 1 < source_bytes ? from[i + 1] << (8 - shift) : 0));
    }
    if (count & 7) out[bytes - 1] &= (uint8_t)((1u << (count & 7)) - 1);
    append_buffer(writer, out, bytes);
}

static int64_t count_nulls(const ArrowArray *array, int64_t first, int64_t count) {
    const uint8_t *bits = array->null_count && array->n_buffers ? array->buffers[0] : NULL;
    if (!bits) return 0;
    if (array->null_count > 0 && count == array->length) return array->null_count;
    int64_t nulls = 0;
    for (int64_t i = array->offset + first; i < array->offset + first + count; i++)
        nulls += !(bits[i >> 3] >> (i & 7) & 1);
    return nulls;
}

/* ---- columns ---------------------------------------------------------------------------------------------
 */

/* Offsets that start at 0; what the first of them was. `end` is where the last value ends. */
static int64_t append_offsets(ArrowIpcWriter *writer, const int32_t *offsets, int64_t start, int64_t count,
                              int64_t *end) {
    int32_t base = count ? offsets[start] : 0;
    *end = count ? offsets[start + count] : 0;
    if (base == 0) {
        append_buffer(writer, count ? offsets + start : &base, sizeof base * (size_t)(count + 1));
        return 0;
    }
    strbuf_reset(&writer->raw);
    for (int64_t i = start; i <= start + count; i++) {
        int32_t offset = offsets[i] - base;
        strbuf_append(&writer->raw, &offset, sizeof offset);
    }
    append_buffer(writer, writer->raw.data, writer->raw.length);
    return base;
}

static int64_t append_offsets64(ArrowIpcWriter *writer, const int64_t *offsets, int64_t start, int64_t count,
                                int64_t *end) {
    int64_t base = count ? offsets[start] : 0;
    *end = count ? offsets[start + count] : 0;
    strbuf_reset(&writer->raw);
    for (int64_t i = start; i <= start + count; i++) {
        int64_t offset = count ? offsets[i] - base : 0;
        strbuf_append(&writer->raw, &offset, sizeof offset);
    }
    append_buffer(writer, writer->raw.data, writer->raw.length);
    return base;
}

static void append_column(ArrowIpcWriter *writer, const ArrowSchema *schema, const ArrowArray *array,
                          int64_t first, int64_t count) {
    IpcLayout layout;
    bool known = ipc_layout_of(schema->format, &layout);
    assert(known);
    (void)known;
    FieldNode node = {count, layout.shape == IPC_NULLS ? count : count_nulls(array, first, count)};
    int64_t start = array->offset + first, end;
    strbuf_append(&writer->nodes, &node, sizeof node);
    if (layout.shape == IPC_NULLS) return;
    if (node.null_count)
        append_bits(writer, array->buffers[0], start, count);
    else
        append_buffer(writer, NULL, 0);
    bool narrow = layout.shape == IPC_BYTES || layout.shape == IPC_LIST;
    switch (layout.shape) {
    case IPC_NULLS: break;
    case IPC_BITS: append_bits(writer, array->buffers[1], start, count); break;
    case IPC_FIXED:
        append_slice(writer, array->buffers[1], start * layout.width, count * layout.width);
        break;
    case IPC_STRUCT:
        for (int64_t i = 0; i < schema->n_children; i++)
            append_column(writer, schema->children[i], array->children[i], start, count);
        break;
    default: {
        int64_t base = narrow ? append_offsets(writer, array->buffers[1], start, count, &end)
                              : append_offsets64(writer, array->buffers[1], start, count, &end);
        if (layout.shape == IPC_BYTES || layout.shape == IPC_BYTES64)
            append_slice(writer, array->buffers[2], base, end - base);
        else
            append_column(writer, schema->children[0], array->children[0], base, end - base);
    }
    }
}

/* RecordBatch: length, nodes, buffers, compression (codec; its method is the default). */
static void write_batch_header(ArrowIpcWriter *writer, FlatBuilder *builder, size_t link, int64_t count) {
    bool compressed = writer->options.compression != ARROW_IPC_PLAIN;
    uint8_t widths[] = {8, FLAT_LINK_BYTES, FLAT_LINK_BYTES, compressed ? FLAT_LINK_BYTES : 0};
    size_t at[4], codec;
    flat_link(builder, link, flat_table(builder, widths, 4, at));
    flat_put(builder, at[0], count, 8);
    flat_link(builder, at[1],
              flat_structs(builder, writer->nodes.data, (uint32_t)(writer->nodes.length / sizeof(FieldNode)),
                           sizeof(FieldNode)));
    flat_link(builder, at[2],
              flat_structs(builder, writer->places.data,
                           (uint32_t)(writer->places.length / sizeof(BufferPlace)), sizeof(BufferPlace)));
    if (!compressed) return;
    flat_link(builder, at[3], flat_table(builder, (const uint8_t[]){1}, 1, &codec));
    flat_put(builder, codec, writer->zstd ? 1 : 0, 1);
}

Status arrow_ipc_batch(ArrowIpcWriter *writer, const ArrowArray *batch, int64_t first, int64_t count,
                       StrBuf *buf, Error *err) {
    if (batch->n_children != writer->schema.n_children)
        return error_set(err, SQLSTATE_INTERNAL, "a batch has %lld columns where %lld were announced",
                         (long long)batch->n_children, (long long)writer->schema.n_children);
    strbuf_reset(&writer->body);
    strbuf_reset(&writer->nodes);
    strbuf_reset(&writer->places);
    for (int64_t i = 0; i < batch->n_children; i++)
        append_column(writer, writer->schema.children[i], batch->children[i], batch->offset + first, count);
    FlatBuilder builder;
    size_t start = buf->length;
    size_t link = begin_message(&builder, buf, IPC_MESSAGE_BATCH, (int64_t)writer->body.length);
    write_batch_header(writer, &builder, link, count);
    FileBlock block = {.offset = writer->written,
                       .metadata_bytes = (int32_t)end_message(&builder),
                       .body_bytes = (int64_t)writer->body.length};
    strbuf_append(buf, strbuf_text(&writer->body), writer->body.length);
    if (writer->options.file) strbuf_append(&writer->blocks, &block, sizeof block);
    writer->written += (int64_t)(buf->length - start);
    return STATUS_OK;
}

/* ---- the end ---------------------------------------------------------------------------------------------
 */

/* Footer: version, schema, dictionaries, recordBatches. */
static void write_footer(ArrowIpcWriter *writer, StrBuf *buf) {
    FlatBuilder builder;
    size_t at[4];
    flat_begin(&builder, buf);
    uint8_t widths[] = {2, FLAT_LINK_BYTES, 0, FLAT_LINK_BYTES};
    flat_link(&builder, 0, flat_table(&builder, widths, 4, at));
    flat_put(&builder, at[0], IPC_VERSION_5, 2);
    flat_link(&builder, at[1], ipc_write_schema(&builder, &writer->schema));
    flat_link(&builder, at[3],
              flat_structs(&builder, strbuf_text(&writer->blocks),
                           (uint32_t)(writer->blocks.length / sizeof(FileBlock)), sizeof(FileBlock)));
    int32_t bytes = (int32_t)flat_end(&builder);
    strbuf_append(buf, &bytes, sizeof bytes);
    strbuf_append(buf, IPC_MAGIC, IPC_MAGIC_BYTES);
}

void arrow_ipc_end(ArrowIpcWriter *writer, StrBuf *buf) {
    const int32_t end[2] = {IPC_CONTINUATION, 0};
    strbuf_append(buf, end, sizeof end);
    if (writer->options.file) write_footer(writer, buf);
    arrow_ipc_abandon(writer);
}

void arrow_ipc_abandon(ArrowIpcWriter *writer) {
    ZSTD_freeCCtx(writer->zstd);
    strbuf_deinit(&writer->body);
    strbuf_deinit(&writer->nodes);
    strbuf_deinit(&writer->places);
    strbuf_deinit(&writer->raw);
    strbuf_deinit(&writer->blocks);
    arrow_schema_release(&writer->schema);
    free(writer);
}
