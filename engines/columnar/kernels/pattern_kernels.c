/* LIKE and ILIKE. A constant pattern is compiled once in bind; others row by row.
 *
 * LIKE becomes one of: exact, prefix, suffix, contains, or a general matcher over bytes (UTF-8: `_` takes a
 * code point). */
#include <utf8proc.h>

#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"
#include "engines/columnar/kernels/character.h"
#include "engines/columnar/kernels/kernel.h"

typedef enum LikeKind {
    LIKE_EXACT,
    LIKE_PREFIX,
    LIKE_SUFFIX,
    LIKE_CONTAINS,
    LIKE_SEGMENTS,
    LIKE_GENERAL
} LikeKind;

enum { LIKE_BYTE = 0, LIKE_ANY_RUN = 1, LIKE_ANY_ONE = 2, LIKE_LONE_ESCAPE = 3 };
enum { LIKE_NO, LIKE_YES, LIKE_BAD_ESCAPE };

typedef struct LikePattern {
    LikeKind kind;
    char *bytes;     /* literal bytes; for LIKE_GENERAL one per token */
    uint8_t *tokens; /* LIKE_GENERAL */
    size_t length;
} LikePattern;

/* ---- LIKE
 * -------------------------------------------------------------------------------------------------------------
 */

static void like_tokens(const char *text, size_t length, LikePattern *out, Arena *arena) {
    out->bytes = arena_alloc(arena, length + 1);
    out->tokens = arena_alloc(arena, length + 1);
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t token = text[i] == '%' ? LIKE_ANY_RUN : text[i] == '_' ? LIKE_ANY_ONE : LIKE_BYTE;
        if (text[i] == '\\') {
            token = i + 1 == length ? LIKE_LONE_ESCAPE : LIKE_BYTE;
            i += i + 1 < length;
        }
        if (token == LIKE_ANY_RUN && count > 0 && out->tokens[count - 1] == LIKE_ANY_RUN) continue;
        out->tokens[count] = token;
        out->bytes[count++] = text[i];
    }
    out->length = count;
}

static void like_compile(const StringView *pattern, Arena *arena, LikePattern *out) {
    like_tokens(stringview_data(pattern), pattern->length, out, arena);
    size_t first = 0, last = out->length;
    bool open_start = last > 0 && out->tokens[0] == LIKE_ANY_RUN;
    bool open_end = last > open_start && out->tokens[last - 1] == LIKE_ANY_RUN;
    first += open_start;
    last -= open_end;
    out->kind = LIKE_GENERAL;
    bool segments = false;
    for (size_t i = first; i < last; i++) {
        if (out->tokens[i] != LIKE_BYTE && out->tokens[i] != LIKE_ANY_RUN) return;
        segments |= out->tokens[i] == LIKE_ANY_RUN;
    }
    if (segments) {
        out->kind = LIKE_SEGMENTS;
        return;
    }
    out->kind = open_start ? (open_end || first == last ? LIKE_CONTAINS : LIKE_SUFFIX)
                           : (open_end ? LIKE_PREFIX : LIKE_EXACT);
    out->bytes += first;
    out->length = last - first;
}

/* Literal parts with `%` between them: each is taken where it first occurs behind the one before; a first and
 * a last part without `%` stand at the ends. */
static bool like_segments(const LikePattern *pattern, const char *text, size_t length) {
    size_t at = 0, token = 0, end;
    for (bool anchored = true; token < pattern->length; token = end) {
        const char *part = pattern->bytes + token;
        for (end = token; end < pattern->length && pattern->tokens[end] == LIKE_BYTE; end++) {
        }
        size_t wanted = end - token;
        if (!wanted) {
            anchored = false;
            end++;
            continue;
        }
        if (length - at < wanted) return false;
        if (anchored && memcmp(text, part, wanted) != 0) return false;
        if (!anchored && end == pattern->length) return memcmp(text + length - wanted, part, wanted) == 0;
        const char *found = anchored ? text : memmem(text + at, length - at, part, wanted);
        if (!found) return false;
        at = (size_t)(found - text) + wanted;
    }
    return true;
}

/* Greedy with one point of return, the last `%`. A lone escape at the end is an error only when matching
 * comes to it. */
static int like_general(const LikePattern *pattern, const char *text, size_t length) {
    size_t at = 0, token = 0, retry_token = SIZE_MAX, retry_at = 0;
    while (at < length) {
        uint8_t kind = token < pattern->length ? pattern->tokens[token] : LIKE_BYTE;
        if (kind == LIKE_LONE_ESCAPE) return LIKE_BAD_ESCAPE;
        if (token < pattern->length && kind == LIKE_ANY_RUN) {
            retry_token = ++token;
            retry_at = at;
        } else if (token < pattern->length && kind == LIKE_ANY_ONE) {
            size_t width = utf8_sequence_length(text + at, length - at);
            at += width ? width : 1;
            token++;
        } else if (token < pattern->length && pattern->bytes[token] == text[at]) {
            at++;
            token++;
        } else if (retry_token != SIZE_MAX) {
            size_t width = utf8_sequence_length(text + retry_at, length - retry_at);
            at = retry_at += width ? width : 1;
            token = retry_token;
        } else {
            return LIKE_NO;
        }
    }
    while (token < pattern->length && pattern->tokens[token] == LIKE_ANY_RUN)
        token++;
    if (token + 1 == pattern->length && token == retry_token && pattern->tokens[token] == LIKE_LONE_ESCAPE)
        return LIKE_BAD_ESCAPE;
    return token == pattern->length ? LIKE_YES : LIKE_NO;
}

static inline int like_matches(const LikePattern *pattern, const StringView *text) {
    const char *data = stringview_data(text);
    size_t length = text->length, wanted = pattern->length;
    switch (pattern->kind) {
    case LIKE_EXACT: return length == wanted && memcmp(data, pattern->bytes, wanted) == 0;
    case LIKE_PREFIX: return length >= wanted && memcmp(data, pattern->bytes, wanted) == 0;
    case LIKE_SUFFIX: return length >= wanted && memcmp(data + length - wanted, pattern->bytes, wanted) == 0;
    case LIKE_CONTAINS:
        return wanted == 0 || (length >= wanted && memmem(data, length, pattern->bytes, wanted));
    case LIKE_SEGMENTS: return like_segments(pattern, data, length);
    default: return like_general(pattern, data, length);
    }
}

static Status like_bind(const Vector *const *constant_args, int arg_count, Arena *arena,
                        const void **bind_data, Error *err) {
    const Vector *pattern = constant_args[1];
    if (!pattern || vector_is_null(pattern, 0)) return STATUS_OK;
    LikePattern *compiled = ARENA_NEW(arena, LikePattern);
    like_compile(pattern->values, arena, compiled);
    *bind_data = compiled;
    return STATUS_OK;
}

/* In lower case; ASCII without a branch per byte. */
static StringView fold_case(const StringView *text, Arena *arena) {
    const utf8proc_uint8_t *data = (const utf8proc_uint8_t *)stringview_data(text);
    unsigned char high = 0;
    for (uint32_t i = 0; i < text->length; i++)
        high |= data[i];
    utf8proc_uint8_t *room = arena_alloc(arena, (size_t)text->length * (high < 0x80 ? 1 : 3) + 4),
                     *next = room;
    if (high < 0x80) {
        for (uint32_t i = 0; i < text->length; i++)
            room[i] = (utf8proc_uint8_t)(data[i] ^ ((unsigned char)(data[i] - 'A') < 26 ? 0x20 : 0));
        return stringview_make((const char *)room, text->length);
    }
    for (utf8proc_ssize_t at = 0, length = text->length; at < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t used = utf8proc_iterate(data + at, length - at, &point);
        if (used <= 0) {
            *next++ = data[at++];
            continue;
        }
        at += used;
        next += utf8proc_encode_char((utf8proc_int32_t)character_to_lower((uint32_t)point), next);
    }
    return stringview_make((const char *)room, (uint32_t)(next - room));
}

KERNEL_INLINE Status like_rows(const KernelCall *call, bool fold, bool negate, Error *err) {
    uint8_t *out = call->out->values;
    const LikePattern *bound = call->bind_data;
    KERNEL_ROWS(call, row) {
        LikePattern local;
        StringView folded;
        const StringView *text = kernel_text(call, 0, row);
        if (fold) {
            folded = fold_case(text, call->arena);
            text = &folded;
        }
        if (!bound) {
            StringView pattern = *kernel_text(call, 1, row);
            if (fold) pattern = fold_case(&pattern, call->arena);
            like_compile(&pattern, call->arena, &local);
        }
        int answer = like_matches(bound ? bound : &local, text);
        if (answer == LIKE_BAD_ESCAPE)
            return error_set(err, "22025", "LIKE pattern must not end with escape character");
        out[row] = (answer == LIKE_YES) != negate;
    }
    return STATUS_OK;
}
static Status text_like(const KernelCall *call, Error *err) {
    return like_rows(call, false, false, err);
}
static Status text_not_like(const KernelCall *call, Error *err) {
    return like_rows(call, false, true, err);
}
static Status text_ilike(const KernelCall *call, Error *err) {
    return like_rows(call, true, false, err);
}
static Status text_not_ilike(const KernelCall *call, Error *err) {
    return like_rows(call, true, true, err);
}

static Status ilike_bind(const Vector *const *constant_args, int arg_count, Arena *arena,
                         const void **bind_data, Error *err) {
    const Vector *pattern = constant_args[1];
    if (!pattern || vector_is_null(pattern, 0)) return STATUS_OK;
    StringView folded = fold_case(pattern->values, arena);
    Vector lowered = *pattern;
    lowered.values = &folded;
    const Vector *args[2] = {NULL, &lowered};
    return like_bind(args, arg_count, arena, bind_data, err);
}

/* LIKE ... ESCAPE c: the pattern with c's meaning given to the backslash. */
static Status text_like_escape(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const StringView *pattern = kernel_text(call, 0, row), *escape = kernel_text(call, 1, row);
        const char *data = stringview_data(pattern), *mark = stringview_data(escape);
        if (escape->length > 0 && utf8_count(mark, escape->length) != 1) {
            (void)error_set(err, "22025", "invalid escape string");
            return error_add_hint(err, "Escape string must be empty or one character.");
        }
        char *room = arena_alloc(call->arena, (size_t)pattern->length * 2 + 1), *next = room;
        bool escaped = false;
        for (size_t i = 0; i < pattern->length;) {
            bool is_mark = escape->length > 0 && pattern->length - i >= escape->length &&
                           memcmp(data + i, mark, escape->length) == 0;
            if (is_mark && !escaped) {
                *next++ = '\\';
                escaped = true;
                i += escape->length;
                continue;
            }
            if (data[i] == '\\' && !escaped) *next++ = '\\';
            *next++ = data[i++];
            escaped = false;
        }
        out[row] = stringview_make(room, (uint32_t)(next - room));
    }
    return STATUS_OK;
}

/* A constant pattern that does not end in its escape character raises nothing. */
static bool like_is_sound(const Vector *const *constant_args, int arg_count) {
    const Vector *pattern = constant_args[1];
    if (!pattern) return false;
    if (vector_is_null(pattern, 0)) return true;
    const StringView *text = pattern->values;
    size_t marks = 0;
    while (marks < text->length && stringview_data(text)[text->length - 1 - marks] == '\\')
        marks++;
    return marks % 2 == 0;
}

#define T K_TEXT
#define LIKE_ROW(text, function, binder, type)                                                               \
    {                                                                                                        \
        .name = text, .arg_count = 2, .args = {type, T}, .result = K_BOOL, .strict = true,                   \
        .null_on_error = false, .eval = function, .bind = binder, .safe_with = like_is_sound                 \
    }
#define LIKE_ROWS(name, kernel, binder)                                                                      \
    LIKE_ROW(name, kernel, binder, T), LIKE_ROW(name, kernel, binder, K_BPCHAR),                             \
        LIKE_ROW(name, kernel, binder, K_NAME)

static const ScalarFunction rows[] = {
    LIKE_ROWS("~~", text_like, like_bind),
    LIKE_ROWS("!~~", text_not_like, like_bind),
    LIKE_ROWS("~~*", text_ilike, ilike_bind),
    LIKE_ROWS("!~~*", text_not_ilike, ilike_bind),
    KERNEL_FN_RAISES("like_escape", text_like_escape, T, T, T),
};

FunctionTable pattern_functions(void) {
    return KERNEL_TABLE(rows);
}
