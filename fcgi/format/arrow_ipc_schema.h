/* What reader and writer of Arrow's IPC share: how columns lie in a body, the schema as FlatBuffers. Field
 * numbers: Arrow's Schema.fbs, Message.fbs, File.fbs. Internal to format/. */
#pragma once

#include "engines/base/arrow_stream.h"
#include "fcgi/format/flatbuffer.h"

enum {
    IPC_VERSION_5 = 4,
    IPC_MESSAGE_SCHEMA = 1,
    IPC_MESSAGE_BATCH = 3,
    IPC_CONTINUATION = -1,
    IPC_PREFIX_BYTES = 8, /* continuation mark, bytes of the metadata */
    IPC_ALIGNMENT = 8,
    IPC_MAX_DEPTH = 32,
    IPC_MAX_FIELDS = 20000 /* of a schema, with children */
};
#define IPC_MAGIC "ARROW1"
enum { IPC_MAGIC_BYTES = 6 };

typedef enum IpcShape {
    IPC_NULLS,   /* no buffers */
    IPC_BITS,    /* validity, bits */
    IPC_FIXED,   /* validity, values */
    IPC_BYTES,   /* validity, 32-bit offsets, bytes */
    IPC_BYTES64, /* validity, 64-bit offsets, bytes */
    IPC_LIST,    /* validity, 32-bit offsets; one child */
    IPC_LIST64,
    IPC_STRUCT /* validity; children */
} IpcShape;

typedef struct IpcLayout {
    IpcShape shape;
    int width; /* IPC_FIXED: bytes of a value */
} IpcLayout;

/* False when the format is none of arrow_stream.h. */
bool ipc_layout_of(const char *format, IpcLayout *out);
/* Every column of the schema can be written: 0A000. */
Status ipc_check_schema(const ArrowSchema *schema, Error *err);

/* A Schema table; its position. */
size_t ipc_write_schema(FlatBuilder *builder, const ArrowSchema *schema);
/* XX001 for what is damaged or not written here. The schema is the caller's. */
Status ipc_read_schema(const FlatTable *table, ArrowSchema *out, Error *err);
