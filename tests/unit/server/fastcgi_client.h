/* A FastCGI client as small as a test needs: what nginx sends, and what came back. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engines/base/strbuf.h"

typedef struct FcgiReply {
    bool ended;  /* END_REQUEST came */
    bool closed; /* the connection is at its end */
    int status;
    StrBuf text; /* STDOUT: head, empty line, body */
    const char *body;
    size_t body_bytes;
} FcgiReply;

static inline int fcgi_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static inline void fcgi_put_record(StrBuf *out, int type, const void *data, size_t bytes) {
    uint8_t header[8] = {1, (uint8_t)type, 0, 1, (uint8_t)(bytes >> 8), (uint8_t)bytes, 0, 0};
    strbuf_append(out, header, sizeof header);
    strbuf_append(out, data, bytes);
}

static inline void fcgi_put_length(StrBuf *out, size_t length) {
    if (length > 127)
        strbuf_append_char(out, (char)(0x80 | length >> 24)), strbuf_append_char(out, (char)(length >> 16)),
            strbuf_append_char(out, (char)(length >> 8));
    strbuf_append_char(out, (char)length);
}

static inline void fcgi_put_param(StrBuf *out, const char *name, const char *value) {
    fcgi_put_length(out, strlen(name));
    fcgi_put_length(out, strlen(value));
    strbuf_append_text(out, name);
    strbuf_append_text(out, value);
}

/* A whole request's bytes. `extra` may be NULL: "NAME=value" strings, NULL at the end. */
static inline void fcgi_request(StrBuf *out, bool keep, const char *method, const char *uri,
                                const char *const *extra, const void *body, size_t body_bytes) {
    uint8_t begin[8] = {0, 1, keep ? 1 : 0};
    StrBuf params;
    strbuf_init(&params);
    fcgi_put_param(&params, "REQUEST_METHOD", method);
    fcgi_put_param(&params, "REQUEST_URI", uri);
    for (; extra && *extra; extra++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*extra, "="), *extra);
        fcgi_put_param(&params, name, *extra + strlen(name) + 1);
    }
    fcgi_put_record(out, 1, begin, sizeof begin);
    for (size_t at = 0; at < params.length; at += 32768)
        fcgi_put_record(out, 4, params.data + at, params.length - at < 32768 ? params.length - at : 32768);
    fcgi_put_record(out, 4, NULL, 0);
    for (size_t at = 0; at < body_bytes; at += 32768)
        fcgi_put_record(out, 5, (const char *)body + at, body_bytes - at < 32768 ? body_bytes - at : 32768);
    fcgi_put_record(out, 5, NULL, 0);
    strbuf_deinit(&params);
}

static inline bool fcgi_write(int fd, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes > 0) {
        ssize_t sent = send(fd, at, bytes, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

static inline bool fcgi_read_exactly(int fd, void *data, size_t bytes) {
    char *at = data;
    while (bytes > 0) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 20000) <= 0) return false;
        ssize_t count = recv(fd, at, bytes, 0);
        if (count <= 0) return false;
        at += count;
        bytes -= (size_t)count;
    }
    return true;
}

/* To END_REQUEST or the connection's end. */
static inline void fcgi_read_reply(int fd, FcgiReply *reply) {
    *reply = (FcgiReply){0};
    strbuf_init(&reply->text);
    uint8_t header[8];
    static char content[65536 + 256];
    while (!reply->ended && !reply->closed) {
        if (!fcgi_read_exactly(fd, header, sizeof header)) {
            reply->closed = true;
            break;
        }
        size_t bytes = (size_t)header[4] << 8 | header[5];
        if (!fcgi_read_exactly(fd, content, bytes + header[6]))
            reply->closed = true;
        else if (header[1] == 6)
            strbuf_append(&reply->text, content, bytes);
        else if (header[1] == 3)
            reply->ended = true;
    }
    const char *text = strbuf_text(&reply->text);
    if (!strncmp(text, "Status: ", 8)) reply->status = atoi(text + 8);
    const char *gap = strstr(text, "\r\n\r\n");
    reply->body = gap ? gap + 4 : "";
    reply->body_bytes = gap ? reply->text.length - (size_t)(reply->body - text) : 0;
}

static inline void fcgi_reply_free(FcgiReply *reply) {
    strbuf_deinit(&reply->text);
}

static inline void fcgi_exchange(int fd, const char *method, const char *uri, const char *const *extra,
                                 const void *body, size_t body_bytes, FcgiReply *reply) {
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, method, uri, extra, body, body_bytes);
    bool sent = fcgi_write(fd, out.data, out.length);
    strbuf_deinit(&out);
    (void)sent; /* a server may refuse and hang up: the reply tells */
    fcgi_read_reply(fd, reply);
}

/* True when the peer closed the connection. */
static inline bool fcgi_is_closed(int fd) {
    char byte;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 20000) > 0 && recv(fd, &byte, 1, MSG_PEEK) <= 0;
}
