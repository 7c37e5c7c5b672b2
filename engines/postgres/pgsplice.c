#include "engines/postgres/pgsplice.h"

#include <string.h>

#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"

const char *pgsplice_apply(Arena *arena, const char *source, size_t start, size_t end, PgSplice *splices,
                           int count) {
    StrBuf out;
    strbuf_init(&out);
    size_t at = start;
    for (int i = 0; i < count; i++) {
        strbuf_append(&out, source + at, splices[i].start - at);
        splices[i].out_start = out.length;
        strbuf_append_text(&out, splices[i].replacement);
        at = splices[i].end;
    }
    strbuf_append(&out, source + at, end - at);
    const char *text = arena_strndup(arena, strbuf_text(&out), out.length);
    strbuf_deinit(&out);
    return text;
}

int pgsplice_position(const char *source, size_t source_length, size_t start, const char *text,
                      const PgSplice *splices, int count, int position) {
    if (position <= 0) return 0;
    size_t at = utf8_offset_of(text, strlen(text), (size_t)position - 1);
    size_t origin = start + at; /* when no splice lies before */
    for (int i = 0; i < count && splices[i].out_start <= at; i++) {
        size_t out_end = splices[i].out_start + strlen(splices[i].replacement);
        origin = at < out_end ? splices[i].start : splices[i].end + (at - out_end);
    }
    if (origin > source_length) origin = source_length;
    return (int)utf8_count(source, origin) + 1;
}
