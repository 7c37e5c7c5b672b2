#include "fcgi/server/response_spool.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/server/body_spool.h"

enum { CHUNK_BYTES = 64 << 10 };

/* Empty again, the file stays for what comes. */
static void rewind_file(ResponseSpool *spool, _Atomic int64_t *total) {
    atomic_fetch_sub(total, spool->end);
    spool->sent = spool->end = 0;
    if (ftruncate(spool->fd, 0) != 0 || lseek(spool->fd, 0, SEEK_SET) != 0)
        response_spool_clear(spool, total);
}

void response_spool_clear(ResponseSpool *spool, _Atomic int64_t *total) {
    if (!spool->is_open) return;
    atomic_fetch_sub(total, spool->end);
    close(spool->fd);
    *spool = (ResponseSpool){0};
}

bool response_spool_keep(ResponseSpool *spool, const char *directory, const struct iovec *parts, int count,
                         _Atomic int64_t *total, int64_t most) {
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (int64_t)parts[i].iov_len;
    if (!directory || atomic_fetch_add(total, bytes) + bytes > most) {
        if (directory) atomic_fetch_sub(total, bytes);
        return false;
    }
    if (!spool->is_open) *spool = (ResponseSpool){.fd = body_spool_open(directory)};
    spool->is_open = spool->fd >= 0;
    bool kept = spool->is_open;
    for (int i = 0; i < count && kept; i++)
        kept = body_spool_write(spool->fd, parts[i].iov_base, parts[i].iov_len);
    if (kept) {
        spool->end += bytes;
        return true;
    }
    atomic_fetch_sub(total, bytes);
    /* What came behind the end is overwritten by what is kept next. */
    if (spool->is_open && lseek(spool->fd, spool->end, SEEK_SET) < 0) response_spool_clear(spool, total);
    return false;
}

bool response_spool_send(ResponseSpool *spool, int socket, int64_t most, _Atomic int64_t *total) {
    char chunk[CHUNK_BYTES];
    while (response_spool_has_more(spool) && most > 0) {
        int64_t left = spool->end - spool->sent;
        ssize_t count = pread(spool->fd, chunk, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES, spool->sent);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        ssize_t taken = send(socket, chunk, (size_t)count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken < 0 && errno == EINTR) continue;
        if (taken < 0) return errno == EAGAIN;
        spool->sent += taken;
        most -= taken;
    }
    if (spool->is_open && !response_spool_has_more(spool) && spool->end) rewind_file(spool, total);
    return true;
}
