/* Functions and operators of regular expressions that give one value. */
#include "engines/columnar/kernels/regex_use.h"
#include "engines/columnar/types/array_value.h"

/* A kernel's rows with the expression in `use` given back at the end, whatever happens. */
typedef Status (*RegexRow)(const KernelCall *call, RegexUse *use, int row, Error *err);

KERNEL_INLINE Status each_row(const KernelCall *call, RegexRow one, Error *err) {
    RegexUse use = {0};
    Status status = STATUS_OK;
    for (int k = 0, n = kernel_selected(call); k < n && status == STATUS_OK; k++) {
        int row = kernel_row(call, k);
        if (kernel_valid(call, row)) status = one(call, &use, row, err);
    }
    regex_give(use.regex);
    return status;
}

static const StringView *text_or_none(const KernelCall *call, int index, int row) {
    return call->arg_count > index ? kernel_text(call, index, row) : NULL;
}

static Status bad_parameter(const char *name, int value, Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid value for parameter \"%s\": %d", name, value);
}

/* An optional integer argument that must be at least `least`. */
static Status read_number(const KernelCall *call, int index, int row, const char *name, int least, int *out,
                          Error *err) {
    if (call->arg_count <= index) return STATUS_OK;
    *out = KERNEL_ARG(call, index, int32_t, row);
    return *out < least ? bad_parameter(name, *out, err) : STATUS_OK;
}

/* ---- yes or no ------------------------------------------------------------------------------------------
 */

KERNEL_INLINE Status match_row(const KernelCall *call, RegexUse *use, int row, unsigned flags, bool negate,
                               Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    TRY(regex_use(use, kernel_text(call, 1, row), flags, err));
    ((uint8_t *)call->out->values)[row] =
        regex_matches(use->regex, stringview_data(text), text->length) != negate;
    return STATUS_OK;
}
static Status match_plain(const KernelCall *call, RegexUse *use, int row, Error *err) {
    return match_row(call, use, row, REGEX_ADVANCED, false, err);
}
static Status match_not(const KernelCall *call, RegexUse *use, int row, Error *err) {
    return match_row(call, use, row, REGEX_ADVANCED, true, err);
}
static Status match_fold(const KernelCall *call, RegexUse *use, int row, Error *err) {
    return match_row(call, use, row, REGEX_ADVANCED | REGEX_FOLD, false, err);
}
static Status match_fold_not(const KernelCall *call, RegexUse *use, int row, Error *err) {
    return match_row(call, use, row, REGEX_ADVANCED | REGEX_FOLD, true, err);
}
static Status match_flags(const KernelCall *call, RegexUse *use, int row, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    TRY(regex_use_with(use, kernel_text(call, 1, row), text_or_none(call, 2, row), "regexp_like()", NULL,
                       err));
    ((uint8_t *)call->out->values)[row] = regex_matches(use->regex, stringview_data(text), text->length);
    return STATUS_OK;
}

/* ---- parts ----------------------------------------------------------------------------------------------
 */

static void set_text(RegexUse *use, const StringView *text) {
    regex_set_text(use->regex, stringview_data(text), text->length);
}

/* The first group if there is one, else the match. */
static Status substring_from(const KernelCall *call, RegexUse *use, int row, const StringView *pattern,
                             Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    StringView *out = call->out->values;
    RegexSpan spans[2];
    TRY(regex_use(use, pattern, REGEX_ADVANCED, err));
    set_text(use, text);
    int wanted = regex_group_count(use->regex) > 0;
    out[row] = stringview_make("", 0);
    if (regex_find(use->regex, 0, spans, wanted + 1) && spans[wanted].start >= 0)
        out[row] = regex_part(use->regex, text, spans[wanted]);
    else
        kernel_set_null(call, row);
    return STATUS_OK;
}
static Status substring_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    return substring_from(call, use, row, kernel_text(call, 1, row), err);
}
static Status substring_similar_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    StrBuf pattern;
    strbuf_init(&pattern);
    Status status = similar_pattern(kernel_text(call, 1, row), kernel_text(call, 2, row), &pattern, err);
    if (status == STATUS_OK) {
        StringView view = kernel_string(call, strbuf_text(&pattern), pattern.length);
        status = substring_from(call, use, row, &view, err);
    }
    strbuf_deinit(&pattern);
    return status;
}

static Status add_spans(const KernelCall *call, ArrayBuilder *builder, RegexUse *use, const StringView *text,
                        const RegexSpan *spans, Error *err) {
    int groups = regex_group_count(use->regex);
    for (int i = groups > 0; i <= groups; i++) {
        if (spans[i].start < 0) {
            TRY(array_builder_add(builder, NULL, err));
            continue;
        }
        StringView part = regex_part(use->regex, text, spans[i]);
        TRY(array_builder_add_string(builder, stringview_data(&part), part.length, err));
    }
    return STATUS_OK;
}

static Status match_array_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    const StringView *text = kernel_text(call, 0, row), *flags = text_or_none(call, 2, row);
    StringView *out = call->out->values;
    bool global = false;
    TRY(regex_use_with(use, kernel_text(call, 1, row), flags, "regexp_match()", &global, err));
    if (global) {
        (void)error_set(err, SQLSTATE_INVALID_PARAMETER,
                        "regexp_match() does not support the \"global\" option");
        return error_add_hint(err, "Use the regexp_matches function instead.");
    }
    set_text(use, text);
    int groups = regex_group_count(use->regex);
    RegexSpan *spans = arena_alloc(call->arena, sizeof *spans * (size_t)(groups + 1));
    out[row] = stringview_make("", 0);
    if (!regex_find(use->regex, 0, spans, groups + 1)) {
        kernel_set_null(call, row);
        return STATUS_OK;
    }
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_TEXT), call->arena);
    TRY(add_spans(call, &builder, use, text, spans, err));
    return array_builder_finish(&builder, call->arena, &out[row], err);
}

static Status split_array_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    StringView *out = call->out->values;
    TRY(regex_use_with(use, kernel_text(call, 1, row), text_or_none(call, 2, row), "regexp_split_to_array()",
                       NULL, err));
    set_text(use, text);
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_TEXT), call->arena);
    RegexWalk walk;
    RegexSpan span;
    int last = 0;
    for (regex_walk_start(&walk, use->regex, 0, true); regex_walk_next(&walk, &span, 1); last = span.end) {
        StringView part = regex_part(use->regex, text, (RegexSpan){last, span.start});
        TRY(array_builder_add_string(&builder, stringview_data(&part), part.length, err));
    }
    StringView part = regex_part(use->regex, text, (RegexSpan){last, regex_text_characters(use->regex)});
    TRY(array_builder_add_string(&builder, stringview_data(&part), part.length, err));
    return array_builder_finish(&builder, call->arena, &out[row], err);
}

static Status count_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    int start = 1, count = 0;
    TRY(read_number(call, 2, row, "start", 1, &start, err));
    TRY(regex_use_with(use, kernel_text(call, 1, row), text_or_none(call, 3, row), "regexp_count()", NULL,
                       err));
    set_text(use, text);
    RegexWalk walk;
    RegexSpan span;
    for (regex_walk_start(&walk, use->regex, start - 1, false); regex_walk_next(&walk, &span, 1);)
        count++;
    ((int32_t *)call->out->values)[row] = count;
    return STATUS_OK;
}

/* Match `n` from `start`, of it group `group`; start < 0 when there is none. */
static RegexSpan nth_match(const KernelCall *call, Regex *regex, int start, int n, int group) {
    int groups = regex_group_count(regex);
    RegexSpan *spans = arena_alloc(call->arena, sizeof *spans * (size_t)(groups + 1));
    RegexWalk walk;
    if (groups == 0 && group == 1) group = 0; /* without groups the match counts as the first */
    if (group > groups) return (RegexSpan){-1, -1};
    for (regex_walk_start(&walk, regex, start - 1, false); regex_walk_next(&walk, spans, groups + 1);)
        if (--n == 0) return spans[group];
    return (RegexSpan){-1, -1};
}

static Status instr_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    int start = 1, n = 1, end_option = 0, group = 0;
    TRY(read_number(call, 2, row, "start", 1, &start, err));
    TRY(read_number(call, 3, row, "n", 1, &n, err));
    TRY(read_number(call, 4, row, "endoption", 0, &end_option, err));
    if (end_option > 1) return bad_parameter("endoption", end_option, err);
    TRY(read_number(call, 6, row, "subexpr", 0, &group, err));
    TRY(regex_use_with(use, kernel_text(call, 1, row), text_or_none(call, 5, row), "regexp_instr()", NULL,
                       err));
    set_text(use, text);
    RegexSpan span = nth_match(call, use->regex, start, n, group);
    ((int32_t *)call->out->values)[row] = span.start < 0 ? 0 : (end_option ? span.end : span.start) + 1;
    return STATUS_OK;
}

static Status substr_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    StringView *out = call->out->values;
    int start = 1, n = 1, group = 0;
    TRY(read_number(call, 2, row, "start", 1, &start, err));
    TRY(read_number(call, 3, row, "n", 1, &n, err));
    TRY(read_number(call, 5, row, "subexpr", 0, &group, err));
    TRY(regex_use_with(use, kernel_text(call, 1, row), text_or_none(call, 4, row), "regexp_substr()", NULL,
                       err));
    set_text(use, text);
    RegexSpan span = nth_match(call, use->regex, start, n, group);
    out[row] = stringview_make("", 0);
    if (span.start < 0)
        kernel_set_null(call, row);
    else
        out[row] = regex_part(use->regex, text, span);
    return STATUS_OK;
}

/* ---- replacing ------------------------------------------------------------------------------------------
 */

/* \1..\9 and \& stand for groups and the match, \\ for a backslash; any other backslash for itself. */
static void append_replacement(StrBuf *buffer, const Regex *regex, const StringView *with,
                               const StringView *text, const RegexSpan *spans) {
    const char *data = stringview_data(with);
    for (uint32_t i = 0; i < with->length; i++) {
        char next = i + 1 < with->length ? data[i + 1] : 0;
        if (data[i] != '\\' || !(next == '&' || next == '\\' || (next >= '1' && next <= '9'))) {
            strbuf_append_char(buffer, data[i]);
            continue;
        }
        i++;
        int group = next == '&' ? 0 : next - '0';
        if (next == '\\') {
            strbuf_append_char(buffer, '\\');
        } else if (group <= regex_group_count(regex) && spans[group].start >= 0) {
            StringView part = regex_part(regex, text, spans[group]);
            strbuf_append(buffer, stringview_data(&part), part.length);
        }
    }
}

/* Replaces match `n` (0: all) from character `from` on. */
static void replace_matches(const KernelCall *call, Regex *regex, const StringView *text,
                            const StringView *with, int from, int n, StrBuf *buffer) {
    bool needs_groups = memchr(stringview_data(with), '\\', with->length) != NULL;
    int count = needs_groups ? regex_group_count(regex) + 1 : 1, copied = 0, seen = 0;
    RegexSpan *spans = arena_alloc(call->arena, sizeof *spans * (size_t)count);
    RegexWalk walk;
    for (regex_walk_start(&walk, regex, from, false); regex_walk_next(&walk, spans, count);) {
        if (buffer->length > KERNEL_MOST_VALUE_BYTES) return; /* refused by kernel_string */
        if (n > 0 && ++seen != n) continue;
        StringView before = regex_part(regex, text, (RegexSpan){copied, spans[0].start});
        strbuf_append(buffer, stringview_data(&before), before.length);
        append_replacement(buffer, regex, with, text, spans);
        copied = spans[0].end;
        if (n > 0) break;
    }
    StringView rest = regex_part(regex, text, (RegexSpan){copied, regex_text_characters(regex)});
    strbuf_append(buffer, stringview_data(&rest), rest.length);
}

static Status replace_with(const KernelCall *call, RegexUse *use, int row, const StringView *flags, int start,
                           int n, Error *err) {
    const StringView *text = kernel_text(call, 0, row);
    bool global = false;
    if (call->arg_count == 4 && flags && flags->length > 0 && stringview_data(flags)[0] >= '0' &&
        stringview_data(flags)[0] <= '9') {
        (void)error_set(err, SQLSTATE_INVALID_PARAMETER, "invalid regular expression option: \"%.1s\"",
                        stringview_data(flags));
        return error_add_hint(err, "If you meant to use regexp_replace() with a start parameter, cast the "
                                   "fourth argument to integer explicitly.");
    }
    TRY(regex_use_with(use, kernel_text(call, 1, row), flags, "regexp_replace()", &global, err));
    if (n < 0) n = global ? 0 : 1;
    set_text(use, text);
    StrBuf buffer;
    strbuf_init(&buffer);
    replace_matches(call, use->regex, text, kernel_text(call, 2, row), start - 1, n, &buffer);
    ((StringView *)call->out->values)[row] = kernel_string(call, strbuf_text(&buffer), buffer.length);
    strbuf_deinit(&buffer);
    return STATUS_OK;
}
static Status replace_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    return replace_with(call, use, row, text_or_none(call, 3, row), 1, -1, err);
}
static Status replace_from_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    int start = 1, n = call->arg_count > 4 ? 0 : 1;
    TRY(read_number(call, 3, row, "start", 1, &start, err));
    TRY(read_number(call, 4, row, "n", 0, &n, err));
    return replace_with(call, use, row, text_or_none(call, 5, row), start, n, err);
}

/* ---- SIMILAR TO -----------------------------------------------------------------------------------------
 */

static Status similar_row(const KernelCall *call, RegexUse *use, int row, Error *err) {
    StrBuf pattern;
    strbuf_init(&pattern);
    Status status = similar_pattern(kernel_text(call, 0, row), text_or_none(call, 1, row), &pattern, err);
    if (status == STATUS_OK)
        ((StringView *)call->out->values)[row] = kernel_string(call, strbuf_text(&pattern), pattern.length);
    strbuf_deinit(&pattern);
    return status;
}

#define REGEX_KERNEL(name, one)                                                                              \
    static Status name(const KernelCall *call, Error *err) {                                                 \
        return each_row(call, one, err);                                                                     \
    }
REGEX_KERNEL(text_regex, match_plain)
REGEX_KERNEL(text_not_regex, match_not)
REGEX_KERNEL(text_regex_fold, match_fold)
REGEX_KERNEL(text_not_regex_fold, match_fold_not)
REGEX_KERNEL(text_regex_like, match_flags)
REGEX_KERNEL(text_regex_substring, substring_row)
REGEX_KERNEL(text_similar_substring, substring_similar_row)
REGEX_KERNEL(text_regex_match, match_array_row)
REGEX_KERNEL(text_regex_split, split_array_row)
REGEX_KERNEL(text_regex_count, count_row)
REGEX_KERNEL(text_regex_instr, instr_row)
REGEX_KERNEL(text_regex_substr, substr_row)
REGEX_KERNEL(text_regex_replace, replace_row)
REGEX_KERNEL(text_regex_replace_from, replace_from_row)
REGEX_KERNEL(text_similar_escape, similar_row)

/* A constant expression without mistakes raises nothing, so it may be run over a dictionary. */
static bool pattern_is_sound(const Vector *const *constant_args, int arg_count) {
    const Vector *pattern = constant_args[1];
    if (!pattern) return false;
    if (vector_is_null(pattern, 0)) return true;
    const StringView *text = pattern->values;
    Regex *regex = NULL;
    if (regex_take(stringview_data(text), text->length, REGEX_ADVANCED, &regex, NULL) != STATUS_OK)
        return false;
    regex_give(regex);
    return true;
}
/* The same for functions with flags: plain ones only. */
static bool pattern_and_flags_are_sound(const Vector *const *constant_args, int arg_count) {
    const Vector *flags = constant_args[arg_count - 1];
    if (!flags || !pattern_is_sound(constant_args, arg_count)) return false;
    if (vector_is_null(flags, 0)) return true;
    const StringView *text = flags->values;
    for (uint32_t i = 0; i < text->length; i++)
        if (!strchr("gic", stringview_data(text)[i])) return false;
    return true;
}

#define T K_TEXT
#define I K_INT4
#define TA                                                                                                   \
    { .id = SQL_TEXT, .is_array = true }
#define REGEX_FN(text, function, sound, out, ...)                                                            \
    {                                                                                                        \
        .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result = out,                \
        .strict = true, .null_on_error = false, .eval = function, .bind = regex_bind_pattern,                \
        .safe_with = sound                                                                                   \
    }
#define MATCH_ROWS(name, kernel)                                                                             \
    REGEX_FN(name, kernel, pattern_is_sound, K_BOOL, T, T),                                                  \
        REGEX_FN(name, kernel, pattern_is_sound, K_BOOL, K_BPCHAR, T),                                       \
        REGEX_FN(name, kernel, pattern_is_sound, K_BOOL, K_NAME, T)

static const ScalarFunction rows[] = {
    MATCH_ROWS("~", text_regex),
    MATCH_ROWS("!~", text_not_regex),
    MATCH_ROWS("~*", text_regex_fold),
    MATCH_ROWS("!~*", text_not_regex_fold),
    REGEX_FN("regexp_like", text_regex_like, pattern_is_sound, K_BOOL, T, T),
    REGEX_FN("regexp_like", text_regex_like, pattern_and_flags_are_sound, K_BOOL, T, T, T),
    REGEX_FN("substring", text_regex_substring, pattern_is_sound, T, T, T),
    REGEX_FN("substring", text_similar_substring, NULL, T, T, T, T),
    REGEX_FN("regexp_match", text_regex_match, pattern_is_sound, TA, T, T),
    REGEX_FN("regexp_match", text_regex_match, NULL, TA, T, T, T),
    REGEX_FN("regexp_split_to_array", text_regex_split, pattern_is_sound, TA, T, T),
    REGEX_FN("regexp_split_to_array", text_regex_split, NULL, TA, T, T, T),
    REGEX_FN("regexp_count", text_regex_count, pattern_is_sound, I, T, T),
    REGEX_FN("regexp_count", text_regex_count, NULL, I, T, T, I),
    REGEX_FN("regexp_count", text_regex_count, NULL, I, T, T, I, T),
    REGEX_FN("regexp_instr", text_regex_instr, pattern_is_sound, I, T, T),
    REGEX_FN("regexp_instr", text_regex_instr, NULL, I, T, T, I),
    REGEX_FN("regexp_instr", text_regex_instr, NULL, I, T, T, I, I),
    REGEX_FN("regexp_instr", text_regex_instr, NULL, I, T, T, I, I, I),
    REGEX_FN("regexp_instr", text_regex_instr, NULL, I, T, T, I, I, I, T),
    REGEX_FN("regexp_instr", text_regex_instr, NULL, I, T, T, I, I, I, T, I),
    REGEX_FN("regexp_substr", text_regex_substr, pattern_is_sound, T, T, T),
    REGEX_FN("regexp_substr", text_regex_substr, NULL, T, T, T, I),
    REGEX_FN("regexp_substr", text_regex_substr, NULL, T, T, T, I, I),
    REGEX_FN("regexp_substr", text_regex_substr, NULL, T, T, T, I, I, T),
    REGEX_FN("regexp_substr", text_regex_substr, NULL, T, T, T, I, I, T, I),
    REGEX_FN("regexp_replace", text_regex_replace, pattern_is_sound, T, T, T, T),
    REGEX_FN("regexp_replace", text_regex_replace, pattern_and_flags_are_sound, T, T, T, T, T),
    REGEX_FN("regexp_replace", text_regex_replace_from, NULL, T, T, T, T, I),
    REGEX_FN("regexp_replace", text_regex_replace_from, NULL, T, T, T, T, I, I),
    REGEX_FN("regexp_replace", text_regex_replace_from, NULL, T, T, T, T, I, I, T),
    KERNEL_FN_RAISES("similar_to_escape", text_similar_escape, T, T),
    KERNEL_FN_RAISES("similar_to_escape", text_similar_escape, T, T, T),
    KERNEL_FN_RAISES("similar_escape", text_similar_escape, T, T, T),
};

FunctionTable regex_functions(void) {
    return KERNEL_TABLE(rows);
}
