#include "fcgi/api/etag.h"

#include <inttypes.h>
#include <string.h>

#include "engines/base/hash.h"

/* Compared weakly: nginx marks the tag W/ when it compresses the answer. */
static bool is_listed(const char *list, const char *tag) {
    size_t length = strlen(tag);
    for (const char *at = list; *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t item = strcspn(at, ",");
        size_t end = item;
        while (end && (at[end - 1] == ' ' || at[end - 1] == '\t'))
            end--;
        if (end == 1 && *at == '*') return true;
        const char *text = at;
        if (end > 2 && !strncmp(text, "W/", 2)) text += 2, end -= 2;
        if (end == length + 2 && text[0] == '"' && !strncmp(text + 1, tag, length)) return true;
        at += item;
    }
    return false;
}

bool etag_is_known(Exchange *exchange, const char *tag) {
    const char *known = exchange_parameter(exchange, "HTTP_IF_NONE_MATCH");
    exchange_add_header(exchange, "ETag", arena_printf(&exchange->arena, "\"%s\"", tag));
    if (!known || !(exchange->method & (HTTP_GET | HTTP_HEAD)) || !is_listed(known, tag)) return false;
    exchange_reply(exchange, 304, NULL, "", 0);
    return true;
}

const char *etag_of(Exchange *exchange, const void *data, size_t bytes) {
    return arena_printf(&exchange->arena, "%016" PRIx64, hash64_xxh64(data, bytes));
}
