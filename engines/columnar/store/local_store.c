#include "engines/columnar/store/local_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t store_random_u64(void) {
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        abort(); /* 8 bytes from getrandom(2) cannot fail once the kernel has booted */
    return value;
}

void store_make_uuid(char text[STORE_UUID_BYTES]) {
    uint64_t high = store_random_u64(), low = store_random_u64();
    high = (high & ~(uint64_t)0xF000) | 0x4000;
    low = (low & ~((uint64_t)3 << 62)) | (uint64_t)1 << 63;
    snprintf(text, STORE_UUID_BYTES, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16 & 0xFFFF), (unsigned)(high & 0xFFFF), (unsigned)(low >> 48),
             (unsigned long long)(low & 0xFFFFFFFFFFFF));
}

static Status sync_directory(const char *path, Error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(err, errno, "cannot open directory \"%s\"", path);
    int failed = fsync(fd) ? errno : 0;
    close(fd);
    /* Some file systems cannot sync a directory and say EINVAL; their entries are durable by other means. */
    if (failed && failed != EINVAL) return error_set_errno(err, failed, "cannot sync directory \"%s\"", path);
    return STATUS_OK;
}

static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

Status store_sync_directory_of(const char *path, Error *err) {
    char *parent = parent_of(path);
    Status status = sync_directory(parent, err);
    free(parent);
    return status;
}

Status store_make_directories(const char *path, Error *err) {
    struct stat info;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) return STATUS_OK;
        return error_set(err, SQLSTATE_IO_ERROR, "\"%s\" is not a directory", path);
    }
    if (errno != ENOENT) return error_set_errno(err, errno, "cannot look at \"%s\"", path);
    char *parent = parent_of(path);
    Status status = strcmp(parent, path) == 0 ? STATUS_OK : store_make_directories(parent, err);
    if (status == STATUS_OK) {
        if (mkdir(path, 0777) == 0)
            status = sync_directory(parent, err);
        else if (errno != EEXIST)
            status = error_set_errno(err, errno, "cannot create directory \"%s\"", path);
    }
    free(parent);
    return status;
}

static int write_all(int fd, const char *data, size_t bytes) {
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        data += written;
        bytes -= (size_t)written;
    }
    return 0;
}

Status store_write_synced(const char *path, const void *data, size_t bytes, Error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return error_set_errno(err, errno, "cannot create \"%s\"", path);
    int failed = write_all(fd, data, bytes);
    if (!failed && fsync(fd) != 0) failed = errno;
    if (close(fd) != 0 && !failed) failed = errno;
    if (failed) {
        unlink(path);
        return error_set_errno(err, failed, "cannot write \"%s\"", path);
    }
    return STATUS_OK;
}

Status store_write_durable(const char *path, const void *data, size_t bytes, Error *err) {
    TRY(store_write_synced(path, data, bytes, err));
    if (store_sync_directory_of(path, err) != STATUS_OK) {
        unlink(path);
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

Status store_read_file(const char *path, size_t limit_bytes, Arena *arena, char **out, size_t *bytes,
                       Error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", path);
    struct stat info;
    Status status = STATUS_OK;
    if (fstat(fd, &info) != 0) {
        status = error_set_errno(err, errno, "cannot look at \"%s\"", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = error_set(err, SQLSTATE_IO_ERROR, "\"%s\" is not a regular file", path);
    } else if ((uint64_t)info.st_size > limit_bytes) {
        status = error_set(err, SQLSTATE_PROGRAM_LIMIT, "\"%s\" has %lld bytes, more than the %zu allowed",
                           path, (long long)info.st_size, limit_bytes);
    } else {
        size_t size = (size_t)info.st_size, filled = 0;
        char *data = arena_alloc(arena, size + 1);
        while (filled < size) {
            ssize_t got = read(fd, data + filled, size - filled);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) status = error_set_errno(err, errno, "cannot read \"%s\"", path);
            if (got <= 0) break;
            filled += (size_t)got;
        }
        data[filled] = 0;
        *out = data;
        *bytes = filled;
    }
    close(fd);
    return status;
}

/* Drops "//", "." and ".." components of an absolute path, in place. */
static void normalise(char *path) {
    char *out = path;
    const char *in = path;
    while (*in) {
        while (*in == '/')
            in++;
        const char *end = strchrnul(in, '/');
        size_t length = (size_t)(end - in);
        if (length == 2 && memcmp(in, "..", 2) == 0) {
            while (out > path && *--out != '/') {
            }
        } else if (length > 0 && !(length == 1 && *in == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in = end;
    }
    if (out == path) *out++ = '/';
    *out = 0;
}

Status store_absolute_path(const char *path, Arena *arena, char **out, Error *err) {
    if (path[0] == '/') {
        *out = arena_strdup(arena, path);
    } else {
        char *here = getcwd(NULL, 0);
        if (!here) return error_set_errno(err, errno, "cannot tell the working directory");
        *out = arena_printf(arena, "%s/%s", here, path);
        free(here);
    }
    normalise(*out);
    return STATUS_OK;
}

Status store_path_from_uri(const char *uri, Arena *arena, const char **out, Error *err) {
    if (strncmp(uri, "file:", 5) == 0) {
        uri += 5;
        if (strncmp(uri, "//localhost/", 12) == 0) uri += 11;
        while (uri[0] == '/' && uri[1] == '/')
            uri++;
    }
    if (uri[0] != '/')
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "the location \"%s\" is not a local file; only file: locations can be read", uri);
    *out = arena_strdup(arena, uri);
    return STATUS_OK;
}

char *store_uri_from_path(const char *absolute_path, Arena *arena) {
    return arena_printf(arena, "file://%s", absolute_path);
}
