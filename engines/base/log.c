#include "engines/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/strbuf.h"

static struct {
    _Atomic int fd; /* 0 = not opened: stderr */
    _Atomic int level;
    _Atomic bool json;
    char path[1024];
} log_state = {.level = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

Status log_open(const char *path, LogLevel level, bool json, Error *err) {
    bool to_file = path && path[0];
    int fd =
        to_file ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open the log %s", to_file ? path : "on standard error");
    snprintf(log_state.path, sizeof log_state.path, "%s", to_file ? path : "");
    int old = atomic_exchange(&log_state.fd, fd);
    if (old) close(old);
    atomic_store(&log_state.level, level);
    atomic_store(&log_state.json, json);
    return STATUS_OK;
}

void log_reopen(void) {
    if (!log_state.path[0]) return;
    int fd = open(log_state.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        log_error("log.reopen", "path=%s error=\"%m\"", log_state.path);
        return;
    }
    int old = atomic_load(&log_state.fd);
    dup3(fd, old, O_CLOEXEC); /* the same number: a writer in between is never left without a descriptor */
    close(fd);
}

void log_close(void) {
    int old = atomic_exchange(&log_state.fd, 0);
    if (old) close(old);
    log_state.path[0] = 0;
}

void log_set_level(LogLevel level) {
    atomic_store(&log_state.level, level);
}

bool log_enabled(LogLevel level) {
    return (int)level >= atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

static void append_time(StrBuf *line) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    strbuf_printf(line, "%s.%06ldZ", text, now.tv_nsec / 1000);
}

void log_line(LogLevel level, const char *event, const char *format, ...) {
    if (!log_enabled(level)) return;
    char message[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (char *p = message; *p; p++)
        if ((unsigned char)*p < 0x20) *p = ' '; /* one event, one line, whatever a client sent */
    StrBuf line;
    strbuf_init(&line);
    if (atomic_load(&log_state.json)) {
        strbuf_append_text(&line, "{\"time\":\"");
        append_time(&line);
        strbuf_printf(&line,
                      "\",\"level\":\"%s\",\"pid\":%d,\"event\":\"%s\",\"message\":", level_names[level],
                      (int)getpid(), event);
        strbuf_append_json(&line, message, strlen(message));
        strbuf_append_text(&line, "}\n");
    } else {
        append_time(&line);
        strbuf_printf(&line, " %s %d %s %s\n", level_names[level], (int)getpid(), event, message);
    }
    int fd = atomic_load(&log_state.fd);
    (void)!write(fd ? fd : 2, line.data, line.length);
    strbuf_deinit(&line);
}
