/* LIKE, ILIKE and regular expressions. A constant pattern is compiled once in bind; others row by row.
 *
 * LIKE becomes one of: exact, prefix, suffix, contains, or a general matcher over bytes (UTF-8: `_` takes a
 * code point). Regular expressions run on PCRE2 where PostgreSQL's advanced syntax means the same there; what
 * differs (see regex_refuse) is refused with 0A000. Compiled code lives in the plan's arena, which frees
 * nothing by name: so no JIT, whose pages are mapped apart and would be lost. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>

#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"
#include "engines/columnar/kernels/kernel.h"

typedef enum LikeKind { LIKE_EXACT, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_GENERAL } LikeKind;

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
    for (size_t i = first; i < last; i++)
        if (out->tokens[i] != LIKE_BYTE) return;
    out->kind = open_start ? (open_end || first == last ? LIKE_CONTAINS : LIKE_SUFFIX)
                           : (open_end ? LIKE_PREFIX : LIKE_EXACT);
    out->bytes += first;
    out->length = last - first;
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

static StringView fold_case(const StringView *text, Arena *arena) {
    const utf8proc_uint8_t *data = (const utf8proc_uint8_t *)stringview_data(text);
    utf8proc_uint8_t *room = arena_alloc(arena, (size_t)text->length * 3 + 4), *next = room;
    for (utf8proc_ssize_t at = 0, length = text->length; at < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t used =
            data[at] < 0x80 ? (point = data[at], 1) : utf8proc_iterate(data + at, length - at, &point);
        if (used <= 0) {
            *next++ = data[at++];
            continue;
        }
        at += used;
        next += utf8proc_encode_char(utf8proc_tolower(point), next);
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

/* ---- regular expressions
 * ------------------------------------------------------------------------------------------------ */

typedef struct RegexPattern {
    pcre2_code *code;
    bool global; /* flag g of regexp_replace */
} RegexPattern;

static void *regex_alloc(size_t bytes, void *arena) {
    return arena_alloc(arena, bytes);
}
static void regex_free(void *memory, void *arena) {}

/* PostgreSQL's regular expressions match longest, not first alternative, and have constructs of their own:
 * whatever could make an answer differ is named here. For match tests alone (no extent asked) alternation
 * order does not matter. */
static const char *regex_refuse(const char *text, size_t length, bool needs_extent, bool fold) {
    if (length >= 3 && memcmp(text, "***", 3) == 0) return "the director prefix ***";
    if (length >= 2 && text[0] == '(' && text[1] == '?' && length > 2 && text[2] != ':' && text[2] != '=' &&
        text[2] != '!')
        return "embedded options";
    for (size_t i = 0; i < length; i++) {
        char c = text[i], next = i + 1 < length ? text[i + 1] : 0;
        if (c == '\\' && next) {
            if (!strchr("dwsDWSntrfv.*+?()[]{}|^$\\/-\"'@#%&=:;,<>~`! _", next))
                return "an escape other than \\d \\w \\s";
            i++;
        } else if (c == '[') {
            size_t end = i + 1;
            end += end < length && text[end] == '^';
            end += end < length && text[end] == ']';
            for (; end < length && text[end] != ']'; end++) {
                if (text[end] == '[' && end + 1 < length && strchr(".=:", text[end + 1])) {
                    if (text[end + 1] != ':') return "collating elements";
                    if (fold) return "character classes in a case-insensitive match";
                    while (end + 1 < length && !(text[end] == ':' && text[end + 1] == ']'))
                        end++;
                    end++;
                } else if (text[end] == '[' || text[end] == '\\' || text[end] == '&') {
                    return "special characters inside brackets";
                }
            }
            i = end;
        } else if (needs_extent &&
                   (c == '|' || ((c == '*' || c == '+' || c == '?' || c == '}') && next == '?'))) {
            return "alternation or non-greedy quantifiers where the matched part matters";
        } else if ((c == '*' || c == '+' || c == '?' || c == '}') && next == '+') {
            return "possessive quantifiers";
        } else if (c == '(' && next == '*') {
            return "(* at the start of a group";
        } else if (c == '(' && next == '?' && (i + 2 >= length || !strchr(":=!", text[i + 2]))) {
            return "groups other than (?: (?= (?!";
        }
    }
    return NULL;
}

static Status regex_compile(const StringView *pattern, bool fold, bool needs_extent, Arena *arena,
                            RegexPattern *out, Error *err) {
    const char *data = stringview_data(pattern),
               *refused = regex_refuse(data, pattern->length, needs_extent, fold);
    if (refused)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "regular expressions with %s", refused);
    int code;
    PCRE2_SIZE offset;
    pcre2_general_context *general = pcre2_general_context_create(regex_alloc, regex_free, arena);
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    uint32_t options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | (fold ? PCRE2_CASELESS : 0);
    out->code = pcre2_compile((PCRE2_SPTR)data, pattern->length, options, &code, &offset, context);
    if (!out->code) {
        PCRE2_UCHAR message[160];
        pcre2_get_error_message(code, message, sizeof message);
        return error_set(err, "2201B", "invalid regular expression: %s", (const char *)message);
    }
    return STATUS_OK;
}

static Status regex_bind_with(const Vector *pattern, bool fold, bool needs_extent, Arena *arena,
                              const void **bind_data, Error *err) {
    if (!pattern)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "regular expressions that are not constant");
    if (vector_is_null(pattern, 0)) return STATUS_OK;
    RegexPattern *compiled = ARENA_NEW(arena, RegexPattern);
    *bind_data = compiled;
    return regex_compile(pattern->values, fold, needs_extent, arena, compiled, err);
}
static Status regex_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                         Error *err) {
    return regex_bind_with(args[1], false, false, arena, bind_data, err);
}
static Status regex_bind_fold(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                              Error *err) {
    return regex_bind_with(args[1], true, false, arena, bind_data, err);
}
static Status regex_bind_extent(const Vector *const *args, int arg_count, Arena *arena,
                                const void **bind_data, Error *err) {
    return regex_bind_with(args[1], false, true, arena, bind_data, err);
}

static Status regex_failed(int code, Error *err) {
    PCRE2_UCHAR message[160];
    pcre2_get_error_message(code, message, sizeof message);
    return error_set(err, "2201B", "regular expression failed: %s", (const char *)message);
}

KERNEL_INLINE Status regex_rows(const KernelCall *call, bool negate, Error *err) {
    uint8_t *out = call->out->values;
    const RegexPattern *pattern = call->bind_data;
    if (!pattern) return STATUS_OK; /* the pattern is NULL */
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    int code = 0;
    for (int k = 0, n = kernel_selected(call); k < n; k++) {
        int row = kernel_row(call, k);
        if (!kernel_valid(call, row)) continue;
        const StringView *text = kernel_text(call, 0, row);
        code = pcre2_match(pattern->code, (PCRE2_SPTR)stringview_data(text), text->length, 0,
                           PCRE2_NO_UTF_CHECK, match, NULL);
        if (code < 0 && code != PCRE2_ERROR_NOMATCH) break;
        out[row] = (code >= 0) != negate;
    }
    pcre2_match_data_free(match);
    return code < 0 && code != PCRE2_ERROR_NOMATCH ? regex_failed(code, err) : STATUS_OK;
}
static Status text_regex(const KernelCall *call, Error *err) {
    return regex_rows(call, false, err);
}
static Status text_not_regex(const KernelCall *call, Error *err) {
    return regex_rows(call, true, err);
}

/* substring(text from pattern): the first group if there is one, else the whole match; NULL without a match.
 */
static Status text_regex_substring(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    const RegexPattern *pattern = call->bind_data;
    if (!pattern) return STATUS_OK;
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    uint32_t groups = 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    int code = 0;
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        code = pcre2_match(pattern->code, (PCRE2_SPTR)stringview_data(text), text->length, 0,
                           PCRE2_NO_UTF_CHECK, match, NULL);
        size_t group = groups > 0 ? 1 : 0;
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(match);
        out[row] = stringview_make("", 0);
        if (code <= (int)group || ends[group * 2] == PCRE2_UNSET)
            kernel_set_null(call, row);
        else
            out[row] = stringview_make(stringview_data(text) + ends[group * 2],
                                       (uint32_t)(ends[group * 2 + 1] - ends[group * 2]));
        if (code < 0 && code != PCRE2_ERROR_NOMATCH) break;
    }
    pcre2_match_data_free(match);
    return code < 0 && code != PCRE2_ERROR_NOMATCH ? regex_failed(code, err) : STATUS_OK;
}

static Status replace_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                           Error *err) {
    bool fold = false, global = false;
    if (arg_count == 4) {
        if (!args[3] || vector_is_null(args[3], 0))
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "regexp_replace with flags that are not constant");
        const StringView *flags = args[3]->values;
        for (uint32_t i = 0; i < flags->length; i++) {
            char flag = stringview_data(flags)[i];
            fold |= flag == 'i';
            global |= flag == 'g';
            if (flag != 'i' && flag != 'g')
                return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "regexp_replace with flag \"%c\"",
                                 flag);
        }
    }
    TRY(regex_bind_with(args[1], fold, true, arena, bind_data, err));
    if (*bind_data) ((RegexPattern *)*bind_data)->global = global;
    return STATUS_OK;
}

/* \1..\9 and \& stand for groups and the match, \\ for a backslash. */
static void append_replacement(StrBuf *buffer, const StringView *with, const char *text,
                               const PCRE2_SIZE *ends, uint32_t groups) {
    const char *data = stringview_data(with);
    for (uint32_t i = 0; i < with->length; i++) {
        char next = i + 1 < with->length ? data[i + 1] : 0;
        if (data[i] != '\\' || !next || !(next == '&' || next == '\\' || (next >= '1' && next <= '9'))) {
            strbuf_append_char(buffer, data[i]);
            continue;
        }
        i++;
        uint32_t group = next == '&' ? 0 : (uint32_t)(next - '0');
        if (next == '\\')
            strbuf_append_char(buffer, '\\');
        else if (group <= groups && ends[group * 2] != PCRE2_UNSET)
            strbuf_append(buffer, text + ends[group * 2], ends[group * 2 + 1] - ends[group * 2]);
    }
}

static int replace_one(const RegexPattern *pattern, pcre2_match_data *match, uint32_t groups,
                       const StringView *text, const StringView *with, StrBuf *buffer) {
    const char *data = stringview_data(text);
    size_t at = 0, copied = 0;
    while (at <= text->length) {
        int code =
            pcre2_match(pattern->code, (PCRE2_SPTR)data, text->length, at, PCRE2_NO_UTF_CHECK, match, NULL);
        if (code < 0) {
            if (code != PCRE2_ERROR_NOMATCH) return code;
            break;
        }
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(match);
        strbuf_append(buffer, data + copied, ends[0] - copied);
        append_replacement(buffer, with, data, ends, groups);
        copied = ends[1];
        at = ends[1];
        if (ends[0] == ends[1]) { /* an empty match: step over one character */
            size_t width = at < text->length ? utf8_sequence_length(data + at, text->length - at) : 1;
            at += width ? width : 1;
        }
        if (!pattern->global) break;
    }
    strbuf_append(buffer, data + copied, text->length - copied);
    return 0;
}

static Status text_regex_replace(const KernelCall *call, Error *err) {
    StringView *out = call->out->values;
    const RegexPattern *pattern = call->bind_data;
    if (!pattern) return STATUS_OK;
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    uint32_t groups = 0;
    int code = 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    StrBuf buffer;
    strbuf_init(&buffer);
    KERNEL_ROWS(call, row) {
        strbuf_reset(&buffer);
        code = replace_one(pattern, match, groups, kernel_text(call, 0, row), kernel_text(call, 2, row),
                           &buffer);
        if (code < 0) break;
        out[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    }
    strbuf_deinit(&buffer);
    pcre2_match_data_free(match);
    return code < 0 ? regex_failed(code, err) : STATUS_OK;
}

#define T K_TEXT
#define LIKE_ROWS(name, kernel, binder)                                                                      \
    KERNEL_FN_BIND(name, kernel, binder, K_BOOL, T, T),                                                      \
        KERNEL_FN_BIND(name, kernel, binder, K_BOOL, K_BPCHAR, T)

static const ScalarFunction rows[] = {
    LIKE_ROWS("~~", text_like, like_bind),
    LIKE_ROWS("!~~", text_not_like, like_bind),
    LIKE_ROWS("~~*", text_ilike, ilike_bind),
    LIKE_ROWS("!~~*", text_not_ilike, ilike_bind),
    LIKE_ROWS("~", text_regex, regex_bind),
    LIKE_ROWS("!~", text_not_regex, regex_bind),
    LIKE_ROWS("~*", text_regex, regex_bind_fold),
    LIKE_ROWS("!~*", text_not_regex, regex_bind_fold),
    KERNEL_FN_RAISES("like_escape", text_like_escape, T, T, T),
    KERNEL_FN_BIND("substring", text_regex_substring, regex_bind_extent, T, T, T),
    KERNEL_FN_BIND("regexp_replace", text_regex_replace, replace_bind, T, T, T, T),
    KERNEL_FN_BIND("regexp_replace", text_regex_replace, replace_bind, T, T, T, T, T),
    KERNEL_FN_BIND("regexp_like", text_regex, regex_bind, K_BOOL, T, T),
};

FunctionTable pattern_functions(void) {
    return KERNEL_TABLE(rows);
}
