#include "fcgi/api/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/log.h"
#include "engines/base/strbuf.h"

enum { FLUSH_BYTES = 32 << 10 };

struct LineFile {
    char *path;
    pthread_mutex_t lock;
    int fd;
    StrBuf waiting;
    bool failing; /* said once, until it works again */
};

static int open_path(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

Status line_file_open(const char *path, LineFile **out, Error *err) {
    int fd = open_path(path);
    if (fd < 0) return error_set_errno(err, errno, "cannot open the log %s", path);
    LineFile *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) abort();
    file->fd = fd;
    pthread_mutex_init(&file->lock, NULL);
    strbuf_init(&file->waiting);
    *out = file;
    return STATUS_OK;
}

/* With the lock held. A full disk may take half of a line: the next one begins on a line of its own. */
static void write_out(LineFile *file, const char *bytes, size_t length) {
    if (file->failing && write(file->fd, "\n", 1) != 1) return;
    bool failed = false;
    for (size_t done = 0; done < length && !failed;) {
        ssize_t count = write(file->fd, bytes + done, length - done);
        if (count < 0 && errno == EINTR) continue;
        failed = count <= 0;
        if (!failed) done += (size_t)count;
    }
    if (failed && !file->failing)
        log_error("access_log", "path=\"%s\" error=\"%s\" effect=\"lines are lost\"", file->path,
                  strerror(errno));
    file->failing = failed;
}

static void write_waiting(LineFile *file) {
    if (file->waiting.length) write_out(file, file->waiting.data, file->waiting.length);
    strbuf_reset(&file->waiting);
}

void line_file_write(LineFile *file, const char *line, size_t bytes) {
    pthread_mutex_lock(&file->lock);
    write_waiting(file);
    write_out(file, line, bytes);
    pthread_mutex_unlock(&file->lock);
}

void line_file_add(LineFile *file, const char *line, size_t bytes) {
    pthread_mutex_lock(&file->lock);
    strbuf_append(&file->waiting, line, bytes);
    if (file->waiting.length >= FLUSH_BYTES) write_waiting(file);
    pthread_mutex_unlock(&file->lock);
}

void line_file_flush(LineFile *file) {
    pthread_mutex_lock(&file->lock);
    write_waiting(file);
    pthread_mutex_unlock(&file->lock);
}

void line_file_reopen(LineFile *file) {
    int fd = open_path(file->path);
    if (fd < 0) {
        log_error("access_log", "path=\"%s\" error=\"%s\" effect=\"the file from before is kept\"",
                  file->path, strerror(errno));
        return;
    }
    pthread_mutex_lock(&file->lock);
    write_waiting(file);
    int old = file->fd;
    file->fd = fd;
    pthread_mutex_unlock(&file->lock);
    close(old);
}

void line_file_close(LineFile *file) {
    if (!file) return;
    line_file_flush(file);
    close(file->fd);
    strbuf_deinit(&file->waiting);
    pthread_mutex_destroy(&file->lock);
    free(file->path);
    free(file);
}
