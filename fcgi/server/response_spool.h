/* What a client has not taken yet of a response, beyond what sockets hold: in an unnamed file, so that
 * neither an engine nor a worker waits for a client that reads slowly. In order; all zero = empty. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct ResponseSpool {
    bool is_open;
    int fd;
    int64_t sent, end; /* what lies in between is to be sent */
} ResponseSpool;

static inline bool response_spool_has_more(const ResponseSpool *spool) {
    return spool->end > spool->sent;
}

/* Keeps the parts behind what it has; `total` counts what all spools hold, up to `most`. False: there is no
 * room, on disk or in `most`, and nothing was kept. `directory` may be NULL: no room. */
bool response_spool_keep(ResponseSpool *spool, const char *directory, const struct iovec *parts, int count,
                         _Atomic int64_t *total, int64_t most);
/* Sends up to `most` bytes, as many as the socket takes at once. False: the peer is gone. */
bool response_spool_send(ResponseSpool *spool, int socket, int64_t most, _Atomic int64_t *total);
void response_spool_clear(ResponseSpool *spool, _Atomic int64_t *total);
