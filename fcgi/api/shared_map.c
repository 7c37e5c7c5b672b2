#include "fcgi/api/shared_map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

Status shared_map_open(const char *path, size_t bytes, void **out, Error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0) return error_set_errno(err, errno, "cannot open %s", path);
    void *memory = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0) /* every process makes it the same size */
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int failure = errno;
    close(fd);
    if (memory == MAP_FAILED) return error_set_errno(err, failure, "cannot map %s", path);
    *out = memory;
    return STATUS_OK;
}

void shared_map_close(void *memory, size_t bytes) {
    munmap(memory, bytes);
}
