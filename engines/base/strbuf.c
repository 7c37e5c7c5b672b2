#include "engines/base/strbuf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/utf8.h"

void strbuf_init(StrBuf *buf) {
    memset(buf, 0, sizeof *buf);
}

void strbuf_deinit(StrBuf *buf) {
    free(buf->data);
    strbuf_init(buf);
}

void strbuf_grow(StrBuf *buf, size_t extra) {
    size_t needed = buf->length + extra + 1;
    if (needed <= buf->capacity) return;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
    if (capacity < needed) capacity = needed;
    char *data = realloc(buf->data, capacity);
    if (!data) {
        fprintf(stderr, "signalbox: out of memory for %zu bytes\n", capacity);
        abort();
    }
    buf->data = data;
    buf->capacity = capacity;
}

void strbuf_append_u64(StrBuf *buf, uint64_t value) {
    char digits[20];
    int at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    strbuf_append(buf, digits + at, sizeof digits - (size_t)at);
}

void strbuf_append_i64(StrBuf *buf, int64_t value) {
    if (value < 0) {
        strbuf_append_char(buf, '-');
        strbuf_append_u64(buf, 0 - (uint64_t)value);
        return;
    }
    strbuf_append_u64(buf, (uint64_t)value);
}

void strbuf_printf(StrBuf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    strbuf_grow(buf, (size_t)length);
    vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
    va_end(again);
    buf->length += (size_t)length;
}

static const char *json_escape_of(unsigned char c, char scratch[8]) {
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\b': return "\\b";
    case '\f': return "\\f";
    default: snprintf(scratch, 8, "\\u%04x", c); return scratch;
    }
}

void strbuf_append_json(StrBuf *buf, const char *text, size_t length) {
    strbuf_grow(buf, length + 2);
    strbuf_append_char(buf, '"');
    size_t start = 0, at = 0;
    while (at < length) {
        unsigned char c = (unsigned char)text[at];
        if (c >= 0x20 && c != '"' && c != '\\' && c < 0x80) {
            at++;
            continue;
        }
        size_t width = c < 0x80 ? 0 : utf8_sequence_length(text + at, length - at);
        if (width) {
            at += width;
            continue;
        }
        char scratch[8];
        strbuf_append(buf, text + start, at - start);
        strbuf_append_text(buf, c < 0x80 ? json_escape_of(c, scratch) : "\xEF\xBF\xBD");
        start = ++at;
    }
    strbuf_append(buf, text + start, length - start);
    strbuf_append_char(buf, '"');
}

static void append_doubling(StrBuf *buf, const char *text, size_t length, char quote) {
    strbuf_append_char(buf, quote);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == quote) strbuf_append_char(buf, quote);
        strbuf_append_char(buf, text[i]);
    }
    strbuf_append_char(buf, quote);
}

void strbuf_append_identifier(StrBuf *buf, const char *name, char quote) {
    append_doubling(buf, name, strlen(name), quote);
}

void strbuf_append_literal(StrBuf *buf, const char *text, size_t length) {
    append_doubling(buf, text, length, '\'');
}

char *strbuf_release(StrBuf *buf) {
    strbuf_grow(buf, 0);
    buf->data[buf->length] = 0;
    char *text = buf->data;
    strbuf_init(buf);
    return text;
}
