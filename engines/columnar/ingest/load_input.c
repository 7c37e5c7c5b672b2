#include "engines/columnar/ingest/load_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPOOL_CHUNK = 256 << 10 };

static int open_temporary(const char *directory) {
    if (!directory) directory = getenv("TMPDIR");
    if (!directory || !directory[0]) directory = "/tmp";
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    /* Not every file system has files without a name. */
    char path[4096];
    if (strlen(directory) + 32 > sizeof path) return -1;
    strcat(strcpy(path, directory), "/signalbox-load-XXXXXX");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

static Status read_given(const IngestInput *given, char *buffer, size_t *got, Error *err) {
    if (given->kind == INGEST_STREAM) return given->read(given->read_context, buffer, SPOOL_CHUNK, got, err);
    ssize_t length;
    do
        length = read(given->fd, buffer, SPOOL_CHUNK);
    while (length < 0 && errno == EINTR);
    if (length < 0) return error_set_errno(err, errno, "cannot read \"%s\"", given->name);
    *got = (size_t)length;
    return STATUS_OK;
}

static Status write_all(int fd, const char *data, size_t length, Error *err) {
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_set_errno(err, errno, "cannot write a temporary file");
        data += written;
        length -= (size_t)written;
    }
    return STATUS_OK;
}

static Status spool(LoadInput *input, const IngestInput *given, const char *directory, Error *err) {
    input->fd = open_temporary(directory);
    if (input->fd < 0) return error_set_errno(err, errno, "cannot make a temporary file");
    char *buffer = malloc(SPOOL_CHUNK);
    if (!buffer) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    size_t got = 1;
    Status status = STATUS_OK;
    while (status == STATUS_OK && got > 0) {
        status = read_given(given, buffer, &got, err);
        if (status == STATUS_OK) status = write_all(input->fd, buffer, got, err);
        if (status == STATUS_OK) input->bytes += (int64_t)got;
    }
    free(buffer);
    return status;
}

static Status open_path(LoadInput *input, Error *err) {
    input->fd = open(input->name, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", input->name);
    struct stat info;
    if (fstat(input->fd, &info) != 0)
        return error_set_errno(err, errno, "cannot look at \"%s\"", input->name);
    if (S_ISDIR(info.st_mode)) return error_set(err, SQLSTATE_IO_ERROR, "\"%s\" is a directory", input->name);
    if (!S_ISREG(info.st_mode)) { /* a named pipe, /dev/stdin */
        IngestInput pipe = {.kind = INGEST_DESCRIPTOR, .name = input->name, .fd = input->fd};
        Status status = spool(input, &pipe, NULL, err);
        close(pipe.fd);
        return status;
    }
    input->is_path = true;
    input->bytes = info.st_size;
    posix_fadvise(input->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return STATUS_OK;
}

Status load_input_open(LoadInput *input, const IngestInput *given, const char *spool_directory, Error *err) {
    *input = (LoadInput){.name = given->name ? given->name : "input", .fd = -1};
    Status status = STATUS_OK;
    switch (given->kind) {
    case INGEST_PATH: status = open_path(input, err); break;
    case INGEST_MEMORY:
        input->data = given->data;
        input->bytes = (int64_t)given->bytes;
        break;
    default: status = spool(input, given, spool_directory, err); break;
    }
    if (status != STATUS_OK) load_input_close(input);
    return status;
}

void load_input_close(LoadInput *input) {
    if (input->fd >= 0) close(input->fd);
    input->fd = -1;
}

Status load_input_read(const LoadInput *input, int64_t offset, void *buffer, size_t size, size_t *got,
                       Error *err) {
    if (input->fd < 0) {
        int64_t left = input->bytes - offset;
        *got = left <= 0 ? 0 : (int64_t)size < left ? size : (size_t)left;
        if (*got) memcpy(buffer, (const char *)input->data + offset, *got);
        return STATUS_OK;
    }
    ssize_t length;
    do
        length = pread(input->fd, buffer, size, offset);
    while (length < 0 && errno == EINTR);
    if (length < 0) return error_set_errno(err, errno, "cannot read \"%s\"", input->name);
    *got = (size_t)length;
    return STATUS_OK;
}
