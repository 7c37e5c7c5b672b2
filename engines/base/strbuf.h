/* A growing string. Always NUL-terminated once something was appended; `strbuf_text` never returns NULL. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct StrBuf {
    char *data;
    size_t length;
    size_t capacity;
} StrBuf;

void strbuf_init(StrBuf *buf);
void strbuf_deinit(StrBuf *buf);
static inline void strbuf_reset(StrBuf *buf) {
    buf->length = 0;
    if (buf->data) buf->data[0] = 0;
}

/* Makes room for `extra` more bytes plus the NUL. Aborts when memory is out. */
void strbuf_grow(StrBuf *buf, size_t extra);
/* Inline: answers are made of thousands of these, most of a length known when compiling. */
static inline void strbuf_append(StrBuf *buf, const void *data, size_t length) {
    if (buf->capacity - buf->length <= length) strbuf_grow(buf, length);
    if (length) memcpy(buf->data + buf->length, data, length);
    buf->length += length;
    buf->data[buf->length] = 0;
}
static inline void strbuf_append_text(StrBuf *buf, const char *text) {
    strbuf_append(buf, text, strlen(text));
}
static inline void strbuf_append_char(StrBuf *buf, char c) {
    strbuf_append(buf, &c, 1);
}
void strbuf_append_i64(StrBuf *buf, int64_t value);
void strbuf_append_u64(StrBuf *buf, uint64_t value);
void strbuf_printf(StrBuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void strbuf_append_json(StrBuf *buf, const char *text, size_t length);
/* SQL identifier, always quoted with `quote` ('"' or '`'), the quote doubled inside. */
void strbuf_append_identifier(StrBuf *buf, const char *name, char quote);
/* SQL literal in single quotes, quotes doubled (standard_conforming_strings). */
void strbuf_append_literal(StrBuf *buf, const char *text, size_t length);

static inline const char *strbuf_text(const StrBuf *buf) {
    return buf->data ? buf->data : "";
}
/* Hands the malloc'd text to the caller (never NULL) and empties the buffer. */
char *strbuf_release(StrBuf *buf);
