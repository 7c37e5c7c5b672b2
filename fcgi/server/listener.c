#include "fcgi/server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024, SYSTEMD_FIRST_FD = 3 };

static bool is_listening_socket(int fd) {
    int accepting = 0;
    socklen_t length = sizeof accepting;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length) == 0 && accepting;
}

/* The descriptor a supervisor left open for us, or -1. */
static int inherited_descriptor(void) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid && count && atol(pid) == (long)getpid() && atoi(count) >= 1) return SYSTEMD_FIRST_FD;
    return is_listening_socket(STDIN_FILENO) ? STDIN_FILENO : -1;
}

static Status use_descriptor(Listener *listener, int fd, Error *err) {
    if (!is_listening_socket(fd))
        return error_set(err, SQLSTATE_CONFIG, "descriptor %d is not a listening socket", fd);
    listener->fd = fd;
    listener->inherited = true;
    return STATUS_OK;
}

/* Removes the socket file of a process that is gone; one that still answers is left alone. */
static Status clear_stale_socket(const struct sockaddr_un *address, Error *err) {
    struct stat status;
    if (lstat(address->sun_path, &status)) return STATUS_OK;
    if (!S_ISSOCK(status.st_mode))
        return error_set(err, SQLSTATE_CONFIG, "%s exists and is not a socket", address->sun_path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return error_set_errno(err, errno, "cannot make a socket");
    bool answers = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    close(probe);
    if (answers)
        return error_set(err, SQLSTATE_CONFIG, "another process already listens on unix:%s",
                         address->sun_path);
    if (unlink(address->sun_path))
        return error_set_errno(err, errno, "cannot remove the old socket %s", address->sun_path);
    return STATUS_OK;
}

static Status open_unix(Listener *listener, const char *path, bool take_over, Error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == 0 || strlen(path) + take_over >= sizeof address.sun_path)
        return error_set(err, SQLSTATE_CONFIG, "the socket path \"%s\" must have 1 to %zu bytes", path,
                         sizeof address.sun_path - 1 - take_over);
    snprintf(address.sun_path, sizeof address.sun_path, "%s%s", path, take_over ? "~" : "");
    TRY(clear_stale_socket(&address, err));
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener->fd < 0) return error_set_errno(err, errno, "cannot make a socket");
    if (bind(listener->fd, (struct sockaddr *)&address, sizeof address))
        return error_set_errno(err, errno, "cannot listen on unix:%s", path);
    listener->path = strdup(path);
    if (take_over) listener->next_path = strdup(address.sun_path);
    /* nginx's workers run as another user than the pool; the directory's mode is what guards the socket. */
    struct stat made;
    if (chmod(address.sun_path, 0666) || stat(address.sun_path, &made))
        return error_set_errno(err, errno, "cannot set the mode of %s", address.sun_path);
    listener->inode = made.st_ino;
    return STATUS_OK;
}

static Status open_tcp(Listener *listener, const char *host, const char *port, const char *address,
                       Error *err) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE},
                    *found = NULL;
    int code = getaddrinfo(host[0] && strcmp(host, "*") != 0 ? host : NULL, port, &hints, &found);
    if (code) return error_set(err, SQLSTATE_CONFIG, "cannot listen on %s: %s", address, gai_strerror(code));
    int failure = EADDRNOTAVAIL;
    for (struct addrinfo *info = found; info && listener->fd < 0; info = info->ai_next) {
        int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);
        if (fd < 0) {
            failure = errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (bind(fd, info->ai_addr, info->ai_addrlen) == 0) {
            listener->fd = fd;
        } else {
            failure = errno;
            close(fd);
        }
    }
    freeaddrinfo(found);
    return listener->fd < 0 ? error_set_errno(err, failure, "cannot listen on %s", address) : STATUS_OK;
}

static Status open_host_port(Listener *listener, const char *address, Error *err) {
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1; /* getaddrinfo would wrap 99999 around */
    if (port < 0 || port > 65535 || end == colon + 1 || *end)
        return error_set(err, SQLSTATE_CONFIG,
                         "cannot understand the listen address \"%s\": use unix:PATH, HOST:PORT or fd:N",
                         address);
    char host[256];
    size_t length = (size_t)(colon - address);
    if (length >= 2 && address[0] == '[' && address[length - 1] == ']') {
        address++;
        length -= 2;
    }
    if (length >= sizeof host)
        return error_set(err, SQLSTATE_CONFIG, "the host name in the listen address is too long");
    memcpy(host, address, length);
    host[length] = 0;
    return open_tcp(listener, host, colon + 1, address, err);
}

static Status open_address(Listener *listener, const char *address, bool take_over, Error *err) {
    int inherited = inherited_descriptor();
    if (inherited >= 0) return use_descriptor(listener, inherited, err);
    if (!strncmp(address, "fd:", 3)) {
        char *end;
        long fd = strtol(address + 3, &end, 10);
        if (end == address + 3 || *end || fd < 0 || fd > 1 << 20)
            return error_set(err, SQLSTATE_CONFIG, "\"%s\" names no descriptor", address);
        return use_descriptor(listener, (int)fd, err);
    }
    return !strncmp(address, "unix:", 5) ? open_unix(listener, address + 5, take_over, err)
                                         : open_host_port(listener, address, err);
}

Status listener_open(Listener *listener, const char *address, bool take_over, Error *err) {
    *listener = (Listener){.fd = -1};
    Status status = open_address(listener, address, take_over, err);
    if (status == STATUS_OK && !listener->inherited && listen(listener->fd, LISTEN_BACKLOG))
        status = error_set_errno(err, errno, "cannot listen on %s", address);
    if (status == STATUS_OK && (fcntl(listener->fd, F_SETFL, fcntl(listener->fd, F_GETFL) | O_NONBLOCK) < 0 ||
                                fcntl(listener->fd, F_SETFD, FD_CLOEXEC) < 0))
        status = error_set_errno(err, errno, "cannot set up the listening socket");
    if (status != STATUS_OK) listener_close(listener);
    return status;
}

Status listener_publish(Listener *listener, Error *err) {
    if (!listener->next_path) return STATUS_OK;
    if (rename(listener->next_path, listener->path))
        return error_set_errno(err, errno, "cannot put a socket at %s", listener->path);
    free(listener->next_path);
    listener->next_path = NULL;
    return STATUS_OK;
}

void listener_close(Listener *listener) {
    if (listener->fd >= 0) close(listener->fd);
    listener->fd = -1;
    const char *path = listener->next_path ? listener->next_path : listener->path;
    struct stat found;
    /* Another process may have taken the place over. */
    if (path && !stat(path, &found) && found.st_ino == listener->inode) unlink(path);
    free(listener->path);
    free(listener->next_path);
    listener->path = listener->next_path = NULL;
}
