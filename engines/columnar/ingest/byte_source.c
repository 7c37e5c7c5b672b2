#include "engines/columnar/ingest/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Status byte_source_open(ByteSource *source, const char *path, Error *err) {
    *source =
        (ByteSource){.name = path, .fd = open(path, O_RDONLY | O_CLOEXEC), .chunk_bytes = BYTE_SOURCE_CHUNK};
    if (source->fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", path);
    struct stat info;
    if (fstat(source->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        byte_source_close(source);
        return error_set(err, SQLSTATE_IO_ERROR, "\"%s\" is a directory", path);
    }
    posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return STATUS_OK;
}

void byte_source_open_memory(ByteSource *source, const void *data, size_t bytes, const char *name) {
    size_t chunk = bytes < BYTE_SOURCE_CHUNK ? bytes + 1 : BYTE_SOURCE_CHUNK;
    *source =
        (ByteSource){.name = name, .fd = -1, .memory = data, .memory_bytes = bytes, .chunk_bytes = chunk};
}

void byte_source_close(ByteSource *source) {
    if (source->fd >= 0) close(source->fd);
    free(source->buffer);
    source->buffer = NULL;
    source->fd = -1;
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
    TRY(make_room(source, err));
    ssize_t got;
    if (source->fd < 0) {
        size_t left = source->memory_bytes - source->memory_offset;
        got = (ssize_t)(left < source->chunk_bytes ? left : source->chunk_bytes);
        if (got) memcpy(source->buffer + source->end, source->memory + source->memory_offset, (size_t)got);
        source->memory_offset += (size_t)got;
    } else {
        do
            got = read(source->fd, source->buffer + source->end, source->chunk_bytes);
        while (got < 0 && errno == EINTR);
    }
    if (got < 0) return error_set_errno(err, errno, "cannot read \"%s\"", source->name);
    source->end += (size_t)got;
    source->bytes_read += got;
    source->at_end = got == 0;
    memset(source->buffer + source->end, 0, BYTE_SOURCE_PADDING);
    return STATUS_OK;
}
