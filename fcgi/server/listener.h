/* The listening socket: unix:PATH, HOST:PORT, [IPV6]:PORT, fd:N, or one inherited from whoever started us
 * (systemd's LISTEN_FDS gives descriptor 3, spawn-fcgi gives descriptor 0; an inherited one beats the text).
 */
#pragma once

#include <stdbool.h>

#include "engines/base/error.h"

typedef struct Listener {
    int fd;     /* non-blocking, close-on-exec; -1 when closed */
    char *path; /* of a unix socket that we made, NULL otherwise: removed on close, if it is still ours */
    char *next_path;     /* where it lies until listener_publish, NULL = it is published */
    unsigned long inode; /* of the socket's file */
    bool inherited;
} Listener;

/* `take_over`: a unix socket at which another process still listens is no error. Ours lies beside it, at
 * PATH~, until listener_publish puts it in its place: a client meets one of the two, at every moment. */
Status listener_open(Listener *listener, const char *address, bool take_over, Error *err);
/* Nothing to do unless taking over. The process from before goes on with the connections it has. */
Status listener_publish(Listener *listener, Error *err);
void listener_close(Listener *listener);
