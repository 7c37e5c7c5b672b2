/* Structured log: one line per event, `time level event key=value ...` (or JSON), to a descriptor of its own.
 *
 * libpg_query redirects fd 2 while it parses, so log_open() keeps a private duplicate of stderr (or opens a
 * file) and everything is written there with one write(2) per line. Thread-safe.
 *
 *   log_info("request.done", "id=%s engine=%s ms=%.3f", id, engine, ms);
 */
#pragma once

#include "engines/base/error.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;

/* `path` NULL or "" = the standard error stream. Until called, lines go to stderr at LOG_INFO. */
Status log_open(const char *path, LogLevel level, bool json, Error *err);
/* Opens the same path again (after rotation). */
void log_reopen(void);
void log_close(void);
/* While other threads log (a configuration read again); log_open is for the start only. */
void log_set_level(LogLevel level);
bool log_enabled(LogLevel level);
void log_line(LogLevel level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(event, ...)                                                                                \
    do {                                                                                                     \
        if (log_enabled(LOG_DEBUG)) log_line(LOG_DEBUG, event, __VA_ARGS__);                                 \
    } while (0)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
