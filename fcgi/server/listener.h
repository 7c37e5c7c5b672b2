/* The listening socket: unix:PATH, HOST:PORT, [IPV6]:PORT, fd:N, or one inherited from whoever started us
 * (systemd's LISTEN_FDS gives descriptor 3, spawn-fcgi gives descriptor 0; an inherited one beats the text).
 */
#pragma once

#include <stdbool.h>

#include "engines/base/error.h"

typedef struct Listener {
    int fd;     /* non-blocking, close-on-exec; -1 when closed */
    char *path; /* of a unix socket that we made, NULL otherwise: removed on close */
    bool inherited;
} Listener;

Status listener_open(Listener *listener, const char *address, Error *err);
void listener_close(Listener *listener);
