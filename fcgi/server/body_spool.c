#include "fcgi/server/body_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/base/log.h"

/* Where the file system knows no unnamed files: one that loses its name at once. */
static int open_and_unlink(const char *directory) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/body-XXXXXX", directory) >= (int)sizeof path) return -1;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

int body_spool_open(const char *directory) {
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        log_error("spool", "directory=\"%s\" error=\"%s\"", directory, strerror(errno));
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) fd = open_and_unlink(directory);
    if (fd < 0) log_error("spool", "directory=\"%s\" error=\"%s\"", directory, strerror(errno));
    return fd;
}

bool body_spool_write(int fd, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        ssize_t count = write(fd, at, bytes);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            log_error("spool", "error=\"%s\"", strerror(errno));
            return false;
        }
        at += count;
        bytes -= (size_t)count;
    }
    return true;
}
