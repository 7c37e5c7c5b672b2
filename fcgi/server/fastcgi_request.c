#include "fcgi/server/fastcgi_request.h"

#include <string.h>

#include "fcgi/server/fastcgi_records.h"

enum { ROLE_RESPONDER = 1, FLAG_KEEP = 1, BEGIN_CONTENT_BYTES = 8 };

typedef struct Record {
    int type, id;
    const uint8_t *content;
    size_t content_bytes;
} Record;

static bool take_record(const uint8_t *bytes, size_t length, size_t *at, Record *out) {
    if (length - *at < FASTCGI_HEADER_BYTES) return false;
    const uint8_t *header = bytes + *at;
    size_t content = (size_t)header[4] << 8 | header[5];
    size_t whole = FASTCGI_HEADER_BYTES + content + header[6];
    if (header[0] != 1 || length - *at < whole) return false;
    *out = (Record){.type = header[1],
                    .id = header[2] << 8 | header[3],
                    .content = header + FASTCGI_HEADER_BYTES,
                    .content_bytes = content};
    *at += whole;
    return true;
}

static bool take_expected(const uint8_t *bytes, size_t length, size_t *at, int type, int id, Record *out) {
    return take_record(bytes, length, at, out) && out->type == type && out->id == id;
}

bool fastcgi_request_parse(const uint8_t *bytes, size_t length, FastcgiRequest *out) {
    Record record;
    size_t at = 0;
    if (!take_record(bytes, length, &at, &record) || record.type != FASTCGI_BEGIN_REQUEST || record.id == 0 ||
        record.content_bytes != BEGIN_CONTENT_BYTES || record.content[0] != 0 ||
        record.content[1] != ROLE_RESPONDER)
        return false;
    *out = (FastcgiRequest){.id = record.id, .keep = record.content[2] & FLAG_KEEP};
    if (!take_expected(bytes, length, &at, FASTCGI_PARAMS, out->id, &record) || !record.content_bytes)
        return false;
    out->params = record.content;
    out->params_bytes = record.content_bytes;
    if (!take_expected(bytes, length, &at, FASTCGI_PARAMS, out->id, &record) || record.content_bytes)
        return false;
    if (!take_expected(bytes, length, &at, FASTCGI_STDIN, out->id, &record)) return false;
    out->body = record.content;
    out->body_bytes = record.content_bytes;
    if (record.content_bytes &&
        (!take_expected(bytes, length, &at, FASTCGI_STDIN, out->id, &record) || record.content_bytes))
        return false;
    out->bytes = at;
    return true;
}

/* One byte, or four with the top bit set. */
static bool take_length(const uint8_t *params, size_t bytes, size_t *at, size_t *out) {
    if (*at >= bytes) return false;
    const uint8_t *length = params + *at;
    if (length[0] < 0x80) {
        *out = length[0];
        *at += 1;
        return true;
    }
    if (bytes - *at < 4) return false;
    *out = (size_t)(length[0] & 0x7F) << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    *at += 4;
    return true;
}

static bool take_pair(const uint8_t *params, size_t bytes, size_t *at, size_t *name_bytes,
                      size_t *value_bytes) {
    return take_length(params, bytes, at, name_bytes) && take_length(params, bytes, at, value_bytes) &&
           *name_bytes <= bytes - *at && *value_bytes <= bytes - *at - *name_bytes;
}

char **fastcgi_params_decode(const uint8_t *params, size_t bytes, Arena *arena) {
    size_t name_bytes, value_bytes, count = 0;
    for (size_t at = 0; at < bytes; at += name_bytes + value_bytes, count++)
        if (!take_pair(params, bytes, &at, &name_bytes, &value_bytes)) return NULL;
    char **decoded = arena_alloc(arena, (count + 1) * sizeof *decoded);
    /* The two lengths of a pair take at least the room of its '=' and NUL. */
    char *text = arena_alloc(arena, bytes);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        (void)take_pair(params, bytes, &at, &name_bytes, &value_bytes);
        decoded[i] = text;
        memcpy(text, params + at, name_bytes);
        text += name_bytes;
        *text++ = '=';
        memcpy(text, params + at + name_bytes, value_bytes);
        text += value_bytes;
        *text++ = 0;
        at += name_bytes + value_bytes;
    }
    decoded[count] = NULL;
    return decoded;
}
