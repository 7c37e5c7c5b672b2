#include "engines/columnar/kernels/regex_use.h"

#include "engines/base/utf8.h"

Status regex_use(RegexUse *use, const StringView *pattern, unsigned flags, Error *err) {
    if (use->regex && use->flags == flags && stringview_equals(&use->pattern, pattern)) return STATUS_OK;
    regex_give(use->regex);
    use->regex = NULL;
    TRY(regex_take(stringview_data(pattern), pattern->length, flags, &use->regex, err));
    use->pattern = *pattern;
    use->flags = flags;
    return STATUS_OK;
}

static bool read_flag(char letter, unsigned *flags, bool *global) {
    if (letter == 'g') {
        *global = true;
        return true;
    }
    if (letter == 'e') letter = 'b'; /* PostgreSQL 15 takes these for basic ones too */
    return regex_set_option(flags, (unsigned char)letter);
}

Status regex_read_flags(const StringView *text, unsigned *flags, bool *global, Error *err) {
    const char *data = stringview_data(text);
    *flags = REGEX_ADVANCED;
    *global = false;
    for (uint32_t i = 0; i < text->length; i++) {
        if (read_flag(data[i], flags, global)) continue;
        size_t width = utf8_sequence_length(data + i, text->length - i);
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid regular expression option: \"%.*s\"",
                         (int)(width ? width : 1), data + i);
    }
    return STATUS_OK;
}

Status regex_use_with(RegexUse *use, const StringView *pattern, const StringView *flags_text,
                      const char *function, bool *global, Error *err) {
    unsigned flags = REGEX_ADVANCED;
    bool wants_all = false;
    if (flags_text) TRY(regex_read_flags(flags_text, &flags, &wants_all, err));
    if (global)
        *global = wants_all;
    else if (wants_all)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "%s does not support the \"global\" option",
                         function);
    return regex_use(use, pattern, flags, err);
}

void regex_walk_start(RegexWalk *walk, Regex *regex, int from, bool skip_empty) {
    *walk = (RegexWalk){.regex = regex, .at = from, .skip_empty = skip_empty};
}

bool regex_walk_next(RegexWalk *walk, RegexSpan *spans, int count) {
    while (!walk->done && regex_find(walk->regex, walk->at, spans, count)) {
        bool wanted = !walk->skip_empty || (spans[0].start < regex_text_characters(walk->regex) &&
                                            spans[0].end > walk->previous_end);
        walk->previous_end = spans[0].end;
        walk->at = spans[0].end + (spans[0].start == spans[0].end);
        walk->done = walk->at > regex_text_characters(walk->regex);
        if (wanted) return true;
    }
    walk->done = true;
    return false;
}

StringView regex_part(const Regex *regex, const StringView *text, RegexSpan span) {
    size_t start = regex_byte_of(regex, span.start), end = regex_byte_of(regex, span.end);
    return stringview_make(stringview_data(text) + start, (uint32_t)(end - start));
}

/* Only what this engine cannot do is said before running; other mistakes wait until a row asks. */
Status regex_bind_pattern(const Vector *const *constant_args, int arg_count, Arena *arena,
                          const void **bind_data, Error *err) {
    const Vector *pattern = constant_args[1];
    if (!pattern || vector_is_null(pattern, 0)) return STATUS_OK;
    const StringView *text = pattern->values;
    Error problem = {0};
    Regex *regex = NULL;
    if (regex_take(stringview_data(text), text->length, REGEX_ADVANCED, &regex, &problem) == STATUS_OK) {
        regex_give(regex);
        return STATUS_OK;
    }
    if (strcmp(problem.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) != 0) return STATUS_OK;
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "%s", problem.message);
}

/* ---- SIMILAR TO -----------------------------------------------------------------------------------------
 */

static Status bad_escape(Error *err) {
    (void)error_set(err, "22025", "invalid escape string");
    return error_add_hint(err, "Escape string must be empty or one character.");
}

/* The two escaped quotes of SUBSTRING ... SIMILAR divide the pattern into shortest, wanted, rest. */
static Status divide_at_quote(StrBuf *out, int *quotes, Error *err) {
    if (++*quotes > 2)
        return error_set(
            err, "2200C",
            "SQL regular expression may not contain more than two escape-double-quote separators");
    strbuf_append_text(out, *quotes == 1 ? "){1,1}?(" : "){1,1}(?:");
    return STATUS_OK;
}

static void append_similar(StrBuf *out, char c, bool *in_class) {
    if (*in_class) {
        if (c == '\\') strbuf_append_char(out, '\\');
        strbuf_append_char(out, c);
        *in_class = c != ']';
        return;
    }
    switch (c) {
    case '[':
        *in_class = true;
        strbuf_append_char(out, c);
        return;
    case '%': strbuf_append_text(out, ".*"); return;
    case '_': strbuf_append_char(out, '.'); return;
    case '(': strbuf_append_text(out, "(?:"); return;
    case '\\':
    case '.':
    case '^':
    case '$': strbuf_append_char(out, '\\'); break;
    default: break;
    }
    strbuf_append_char(out, c);
}

Status similar_pattern(const StringView *pattern, const StringView *escape, StrBuf *out, Error *err) {
    const char *data = stringview_data(pattern), *mark = escape ? stringview_data(escape) : "\\";
    size_t mark_bytes = escape ? escape->length : 1;
    if (mark_bytes > 0 && utf8_sequence_length(mark, mark_bytes) != mark_bytes) return bad_escape(err);
    int quotes = 0;
    bool escaped = false, in_class = false;
    strbuf_append_text(out, "^(?:");
    for (size_t at = 0; at < pattern->length;) {
        size_t width = utf8_sequence_length(data + at, pattern->length - at);
        width = width ? width : 1;
        if (escaped) {
            if (data[at] == '"' && !in_class) {
                TRY(divide_at_quote(out, &quotes, err));
            } else {
                strbuf_append_char(out, '\\');
                strbuf_append(out, data + at, width);
            }
            escaped = false;
        } else if (mark_bytes == width && memcmp(data + at, mark, width) == 0) {
            escaped = true;
        } else if (width > 1) {
            strbuf_append(out, data + at, width);
        } else {
            append_similar(out, data[at], &in_class);
        }
        at += width;
    }
    strbuf_append_text(out, ")$");
    return STATUS_OK;
}
