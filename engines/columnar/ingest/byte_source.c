#include "engines/columnar/ingest/byte_source.h"

#include <stdlib.h>
#include <string.h>

void byte_source_open(ByteSource *source, const LoadInput *input) {
    *source = (ByteSource){.name = input->name, .input = *input, .chunk_bytes = BYTE_SOURCE_CHUNK};
    if (input->fd < 0 && input->bytes < BYTE_SOURCE_CHUNK) source->chunk_bytes = (size_t)input->bytes + 1;
}

void byte_source_open_memory(ByteSource *source, const void *data, size_t bytes, const char *name) {
    LoadInput input = {.name = name, .fd = -1, .data = data, .bytes = (int64_t)bytes};
    byte_source_open(source, &input);
}

void byte_source_close(ByteSource *source) {
    free(source->buffer);
    source->buffer = NULL;
}

static Status make_room(ByteSource *source, Error *err) {
    size_t unread = source->end - source->start;
    if (unread > BYTE_SOURCE_MAX_RECORD)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "\"%s\": a record is longer than %d MB", source->name,
                         BYTE_SOURCE_MAX_RECORD >> 20);
    if (source->capacity - source->end >= source->chunk_bytes && source->buffer) return STATUS_OK;
    if (unread + source->chunk_bytes > source->capacity) {
        size_t capacity = source->capacity ? source->capacity * 2 : 2 * source->chunk_bytes;
        char *grown = malloc(capacity + BYTE_SOURCE_PADDING);
        if (!grown)
            return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory while reading \"%s\"", source->name);
        if (unread) memcpy(grown, source->buffer + source->start, unread);
        free(source->buffer);
        source->buffer = grown;
        source->capacity = capacity;
    } else {
        memmove(source->buffer, source->buffer + source->start, unread);
    }
    source->start = 0;
    source->end = unread;
    return STATUS_OK;
}

Status byte_source_fill(ByteSource *source, Error *err) {
    size_t got;
    TRY(make_room(source, err));
    TRY(load_input_read(&source->input, source->offset, source->buffer + source->end, source->chunk_bytes,
                        &got, err));
    source->offset += (int64_t)got;
    source->end += got;
    source->bytes_read += (int64_t)got;
    source->at_end = got == 0;
    memset(source->buffer + source->end, 0, BYTE_SOURCE_PADDING);
    return STATUS_OK;
}
