#include "fcgi/format/arrow_ipc_body.h"

#include <lz4frame.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <zstd.h>

/* What a batch's arrays point into: every node of it holds a reference, so that a consumer may move a child
 * out, as the interface allows. */
typedef struct BodyOwner {
    _Atomic int references;
    uint8_t *body;
    Arena arena; /* nodes, decompressed buffers */
} BodyOwner;

typedef struct BodyReader {
    BodyOwner *owner;
    size_t body_bytes;
    FlatVector nodes, places;
    uint32_t next_node, next_place;
    int codec;   /* -1 = none, 0 LZ4, 1 zstd */
    size_t room; /* that decompressed buffers may still take: a few bytes must not become gigabytes */
    Error *err;
} BodyReader;

enum { NODE_BYTES = 16, PLACE_BYTES = 16 };
static const size_t LARGEST_EXPANSION = 1024, SURE_ROOM = (size_t)64 << 20;

static Status damaged(Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "the Arrow file is damaged: a batch's columns");
}

/* ---- ownership -------------------------------------------------------------------------------------------
 */

static void owner_release(BodyOwner *owner, int count) {
    if (atomic_fetch_sub(&owner->references, count) != count) return;
    free(owner->body);
    arena_deinit(&owner->arena);
    free(owner);
}

static int mark_released(ArrowArray *array) {
    int count = 1;
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release) count += mark_released(array->children[i]);
    array->release = NULL;
    return count;
}

static void release_node(ArrowArray *array) {
    BodyOwner *owner = array->private_data;
    owner_release(owner, mark_released(array));
}

static void node_init(BodyReader *reader, ArrowArray *array, int buffer_count, int64_t child_count) {
    Arena *arena = &reader->owner->arena;
    array->n_buffers = buffer_count;
    array->buffers = ARENA_NEW_ARRAY(arena, const void *, buffer_count + 1);
    array->n_children = child_count;
    array->children = ARENA_NEW_ARRAY(arena, ArrowArray *, child_count + 1);
    for (int64_t i = 0; i < child_count; i++)
        array->children[i] = ARENA_NEW(arena, ArrowArray);
}

static int adopt(BodyOwner *owner, ArrowArray *array) {
    int count = 1;
    array->release = release_node;
    array->private_data = owner;
    for (int64_t i = 0; i < array->n_children; i++)
        count += adopt(owner, array->children[i]);
    return count;
}

/* ---- buffers ---------------------------------------------------------------------------------------------
 */

static bool decompress(int codec, const uint8_t *data, size_t bytes, uint8_t *into, size_t expected) {
    if (codec == 1) return ZSTD_decompress(into, expected, data, bytes) == expected;
    LZ4F_dctx *context;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return false;
    size_t done = 0, used = 0, more = 1;
    while (more && !LZ4F_isError(more) && used < bytes) {
        size_t room = expected - done, left = bytes - used;
        more = LZ4F_decompress(context, into + done, &room, data + used, &left, NULL);
        if (!room && !left) break;
        done += room;
        used += left;
    }
    LZ4F_freeDecompressionContext(context);
    return more == 0 && done == expected;
}

/* A compressed buffer starts with its length before, -1 when it is as it was. */
static Status expand(BodyReader *reader, const uint8_t *data, size_t bytes, const uint8_t **out,
                     size_t *out_bytes) {
    int64_t before;
    if (bytes < sizeof before) return damaged(reader->err);
    memcpy(&before, data, sizeof before);
    data += sizeof before;
    bytes -= sizeof before;
    if (before == -1) {
        *out = data;
        *out_bytes = bytes;
        return STATUS_OK;
    }
    if (before < 0 || (size_t)before > reader->room) return damaged(reader->err);
    reader->room -= (size_t)before;
    uint8_t *into = arena_alloc(&reader->owner->arena, (size_t)before + 1);
    if (!decompress(reader->codec, data, bytes, into, (size_t)before)) return damaged(reader->err);
    *out = into;
    *out_bytes = (size_t)before;
    return STATUS_OK;
}

/* The next buffer, of `needed` bytes at least. NULL when it is empty and may be. */
static Status take_buffer(BodyReader *reader, size_t needed, const uint8_t **out, size_t *out_bytes) {
    int64_t offset, length;
    if (reader->next_place >= reader->places.count) return damaged(reader->err);
    const uint8_t *place =
        reader->places.view->bytes + reader->places.at + (size_t)reader->next_place++ * PLACE_BYTES;
    memcpy(&offset, place, 8);
    memcpy(&length, place + 8, 8);
    if (offset < 0 || length < 0 || (size_t)offset > reader->body_bytes ||
        (size_t)length > reader->body_bytes - (size_t)offset || offset % IPC_ALIGNMENT)
        return damaged(reader->err);
    *out = length ? reader->owner->body + offset : NULL;
    *out_bytes = (size_t)length;
    if (length && reader->codec >= 0) TRY(expand(reader, *out, (size_t)length, out, out_bytes));
    return *out_bytes >= needed ? STATUS_OK : damaged(reader->err);
}

/* Offsets ascend from 0 or more; *end is the last. Of no rows there need not be any. */
static Status take_offsets(BodyReader *reader, int64_t rows, bool wide, const void **out, int64_t *end) {
    static const int64_t zero;
    size_t bytes = 0, width = wide ? 8 : 4;
    const uint8_t *data = NULL;
    TRY(take_buffer(reader, rows ? (size_t)(rows + 1) * width : 0, &data, &bytes));
    *out = rows ? (const void *)data : &zero;
    *end = 0;
    for (int64_t i = 0; rows && i <= rows; i++) {
        int64_t offset = wide ? ((const int64_t *)*out)[i] : ((const int32_t *)*out)[i];
        if (offset < *end) return damaged(reader->err);
        *end = offset;
    }
    return STATUS_OK;
}

/* ---- columns ---------------------------------------------------------------------------------------------
 */

static int buffer_count_of(IpcShape shape) {
    switch (shape) {
    case IPC_NULLS: return 0;
    case IPC_STRUCT: return 1;
    case IPC_BYTES:
    case IPC_BYTES64: return 3;
    default: return 2;
    }
}

static Status take_validity(BodyReader *reader, ArrowArray *array) {
    const uint8_t *data = NULL;
    size_t bytes = 0;
    TRY(take_buffer(reader, array->null_count ? (size_t)(array->length + 7) / 8 : 0, &data, &bytes));
    array->buffers[0] = array->null_count ? data : NULL;
    return STATUS_OK;
}

static Status take_node(BodyReader *reader, ArrowArray *array) {
    if (reader->next_node >= reader->nodes.count) return damaged(reader->err);
    const uint8_t *node =
        reader->nodes.view->bytes + reader->nodes.at + (size_t)reader->next_node++ * NODE_BYTES;
    memcpy(&array->length, node, 8);
    memcpy(&array->null_count, node + 8, 8);
    bool fits = array->length >= 0 && array->length <= INT32_MAX && array->null_count >= 0 &&
                array->null_count <= array->length;
    return fits ? STATUS_OK : damaged(reader->err);
}

/* `rows` at least: lists' children may have more. */
static Status read_column(BodyReader *reader, const ArrowSchema *schema, int64_t rows, ArrowArray *array) {
    IpcLayout layout;
    size_t bytes = 0;
    int64_t end;
    const uint8_t *data = NULL;
    (void)ipc_layout_of(schema->format, &layout); /* the schema was read by the same table */
    TRY(take_node(reader, array));
    if (array->length < rows) return damaged(reader->err);
    node_init(reader, array, buffer_count_of(layout.shape), schema->n_children);
    if (layout.shape == IPC_NULLS) return STATUS_OK;
    TRY(take_validity(reader, array));
    bool wide = layout.shape == IPC_BYTES64 || layout.shape == IPC_LIST64;
    switch (layout.shape) {
    case IPC_NULLS: break;
    case IPC_BITS:
        TRY(take_buffer(reader, (size_t)(array->length + 7) / 8, &data, &bytes));
        array->buffers[1] = data;
        break;
    case IPC_FIXED:
        TRY(take_buffer(reader, (size_t)array->length * (size_t)layout.width, &data, &bytes));
        array->buffers[1] = data;
        break;
    case IPC_BYTES:
    case IPC_BYTES64:
        TRY(take_offsets(reader, array->length, wide, &array->buffers[1], &end));
        TRY(take_buffer(reader, (size_t)end, &data, &bytes));
        array->buffers[2] = data ? (const char *)data : "";
        break;
    case IPC_LIST:
    case IPC_LIST64:
        TRY(take_offsets(reader, array->length, wide, &array->buffers[1], &end));
        TRY(read_column(reader, schema->children[0], end, array->children[0]));
        break;
    case IPC_STRUCT:
        for (int64_t i = 0; i < schema->n_children; i++)
            TRY(read_column(reader, schema->children[i], array->length, array->children[i]));
        break;
    }
    return STATUS_OK;
}

/* RecordBatch: length, nodes, buffers, compression. */
static Status read_batch(BodyReader *reader, const FlatTable *table, const ArrowSchema *schema,
                         ArrowArray *out) {
    reader->nodes = flat_vector(table, 1, NODE_BYTES);
    reader->places = flat_vector(table, 2, PLACE_BYTES);
    FlatTable compression = flat_child(table, 3);
    reader->codec = compression.view ? (int)flat_integer(&compression, 0, 1, 0) : -1;
    if (table->view->damaged || reader->codec < -1 || reader->codec > 1) return damaged(reader->err);
    node_init(reader, out, 1, schema->n_children);
    for (int64_t i = 0; i < schema->n_children; i++) {
        TRY(read_column(reader, schema->children[i], out->length, out->children[i]));
        if (out->children[i]->length != out->length) return damaged(reader->err);
    }
    return STATUS_OK;
}

Status ipc_body_read(const FlatTable *table, const ArrowSchema *schema, int64_t rows, uint8_t *body,
                     size_t body_bytes, ArrowArray *out, Error *err) {
    BodyOwner *owner = calloc(1, sizeof *owner);
    if (!owner) abort();
    owner->body = body;
    arena_init(&owner->arena);
    BodyReader reader = {.owner = owner, .body_bytes = body_bytes, .err = err};
    reader.room = body_bytes * LARGEST_EXPANSION + SURE_ROOM;
    *out = (ArrowArray){.length = rows};
    Status status = read_batch(&reader, table, schema, out);
    if (status == STATUS_OK) {
        atomic_store(&owner->references, adopt(owner, out));
    } else {
        *out = (ArrowArray){0};
        atomic_store(&owner->references, 1);
        owner_release(owner, 1);
    }
    return status;
}
