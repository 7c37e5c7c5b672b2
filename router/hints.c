#include "router/hints.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ',';
}
static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || (unsigned char)c >= 0x80;
}

static void warn(Hints *hints, Arena *arena, const char *what, size_t length) {
    if (!hints->warning)
        hints->warning = arena_printf(
            arena, "the hint \"%.*s\" is not known and was ignored; the one hint is engine(NAME)",
            (int)(length > 60 ? 60 : length), what);
}

/* One `name(argument)`; returns what follows it. */
static const char *read_hint(const char *at, const char *end, Arena *arena, Hints *out) {
    const char *start = at;
    while (at < end && is_name(*at))
        at++;
    size_t name_length = (size_t)(at - start);
    while (at < end && is_blank(*at))
        at++;
    if (at == end || *at != '(') {
        const char *stop = name_length ? at : at + 1;
        warn(out, arena, start, name_length ? name_length : 1);
        return stop > end ? end : stop;
    }
    const char *close = memchr(at, ')', (size_t)(end - at));
    const char *argument = at + 1, *argument_end = close ? close : end;
    while (argument < argument_end && is_blank(*argument))
        argument++;
    while (argument_end > argument && is_blank(argument_end[-1]))
        argument_end--;
    if (argument_end - argument >= 2 && *argument == '"' && argument_end[-1] == '"') {
        argument++;
        argument_end--;
    }
    bool known = close && name_length == 6 && strncasecmp(start, "engine", 6) == 0 && argument_end > argument;
    if (known && !out->engine)
        out->engine = arena_strndup(arena, argument, (size_t)(argument_end - argument));
    else
        warn(out, arena, start, (size_t)((close ? close + 1 : end) - start));
    return close ? close + 1 : end;
}

static void read_comment(const char *at, const char *end, Arena *arena, Hints *out) {
    for (;;) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end) return;
        at = read_hint(at, end, arena, out);
    }
}

void hints_read(const char *sql, size_t sql_length, Arena *arena, Hints *out) {
    *out = (Hints){0};
    const char *at = sql, *end = sql + sql_length;
    for (;;) {
        while (at < end && is_blank(*at) && *at != ',')
            at++;
        if (end - at >= 2 && at[0] == '-' && at[1] == '-') {
            while (at < end && *at != '\n' && *at != '\r')
                at++;
        } else if (end - at >= 2 && at[0] == '/' && at[1] == '*') {
            const char *close = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
            if (!close) return;
            if (at[2] == '+') read_comment(at + 3, close, arena, out);
            at = close + 2;
        } else {
            return;
        }
    }
}
