/* A proxy before the test server that cuts a client's connection when it has passed on a message with a given
 * word. */
#pragma once

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pgfixture.h"

enum { PROXY_PORT = 6543, PROXY_BUFFER = 65536 };

typedef struct Proxy {
    char directory[64];
    char socket_path[108];
    char server_path[108];
    char conninfo[256];
    int listener;
    pthread_t thread;
    _Atomic int cuts_left; /* how many more times to cut */
    _Atomic bool stalled;  /* nothing passes, nobody is refused: a server that hangs */
    const char *word;
} Proxy;

typedef struct ProxyPair {
    Proxy *proxy;
    int client, server;
} ProxyPair;

static inline bool proxy_pass(int from, int to, char *buffer, ssize_t *count) {
    *count = read(from, buffer, PROXY_BUFFER);
    return *count > 0 && send(to, buffer, (size_t)*count, MSG_NOSIGNAL) == *count;
}

static void *proxy_pair(void *argument) {
    ProxyPair *pair = argument;
    char *buffer = malloc(PROXY_BUFFER);
    struct pollfd fds[2] = {{.fd = pair->client, .events = POLLIN}, {.fd = pair->server, .events = POLLIN}};
    ssize_t count;
    while (poll(fds, 2, -1) > 0) {
        while (atomic_load(&pair->proxy->stalled))
            usleep(1000);
        if (fds[1].revents && !proxy_pass(pair->server, pair->client, buffer, &count)) break;
        if (!fds[0].revents) continue;
        if (!proxy_pass(pair->client, pair->server, buffer, &count)) break;
        if (pair->proxy->word &&
            memmem(buffer, (size_t)count, pair->proxy->word, strlen(pair->proxy->word)) &&
            atomic_fetch_sub(&pair->proxy->cuts_left, 1) > 0)
            break;
    }
    close(pair->client);
    close(pair->server);
    free(buffer);
    free(pair);
    return NULL;
}

static void *proxy_accept(void *argument) {
    Proxy *proxy = argument;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, proxy->server_path);
    for (int client; (client = accept(proxy->listener, NULL, NULL)) >= 0;) {
        ProxyPair *pair = malloc(sizeof *pair);
        pthread_t thread;
        *pair = (ProxyPair){proxy, client, socket(AF_UNIX, SOCK_STREAM, 0)};
        assert_int_equal(connect(pair->server, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(pthread_create(&thread, NULL, proxy_pair, pair), 0);
        pthread_detach(thread);
    }
    return NULL;
}

/* The test server must listen on a unix socket. */
static inline void proxy_start(Proxy *proxy, const char *word) {
    const char *host = "/var/run/postgresql", *port = "5432", *user = "postgres", *database = "postgres";
    memset(proxy, 0, sizeof *proxy);
    proxy->word = word;
    PQconninfoOption *options = PQconninfoParse(fixture_conninfo(), NULL);
    for (PQconninfoOption *option = options; option->keyword; option++) {
        const char **target = !strcmp(option->keyword, "host")     ? &host
                              : !strcmp(option->keyword, "port")   ? &port
                              : !strcmp(option->keyword, "user")   ? &user
                              : !strcmp(option->keyword, "dbname") ? &database
                                                                   : NULL;
        if (target && option->val) *target = option->val;
    }
    if (host[0] != '/') skip();
    snprintf(proxy->directory, sizeof proxy->directory, "/tmp/postgres-proxy-XXXXXX");
    assert_non_null(mkdtemp(proxy->directory));
    snprintf(proxy->socket_path, sizeof proxy->socket_path, "%s/.s.PGSQL.%d", proxy->directory, PROXY_PORT);
    snprintf(proxy->server_path, sizeof proxy->server_path, "%s/.s.PGSQL.%s", host, port);
    snprintf(proxy->conninfo, sizeof proxy->conninfo, "host=%s port=%d user=%s dbname=%s", proxy->directory,
             PROXY_PORT, user, database);
    PQconninfoFree(options);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, proxy->socket_path);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(proxy->listener, 16), 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_accept, proxy), 0);
}

static inline void proxy_stop(Proxy *proxy) {
    shutdown(proxy->listener, SHUT_RDWR);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    unlink(proxy->socket_path);
    rmdir(proxy->directory);
}
