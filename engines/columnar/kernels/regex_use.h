/* Regular expressions as arguments of functions: flags, and one compiled expression kept from row to row. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel.h"
#include "engines/columnar/kernels/regex.h"

typedef struct RegexUse {
    Regex *regex;
    StringView pattern;
    unsigned flags;
} RegexUse;

/* Makes `use` hold this expression. Every use ends with regex_give(use->regex). */
Status regex_use(RegexUse *use, const StringView *pattern, unsigned flags, Error *err);
/* The letters of a flags argument (22023 for others); *global tells of 'g'. */
Status regex_read_flags(const StringView *text, unsigned *flags, bool *global, Error *err);
/* As regex_use with flags in text (NULL = none). `allow_global` false: 22023 naming `function`. */
Status regex_use_with(RegexUse *use, const StringView *pattern, const StringView *flags, const char *function,
                      bool *global, Error *err);

/* The matches of a text, one after another, as regexp_matches and regexp_split see them: an empty match right
 * after another, or at either end, is passed over when `skip_empty`. */
typedef struct RegexWalk {
    Regex *regex;
    int at, previous_end;
    bool skip_empty, done;
} RegexWalk;
void regex_walk_start(RegexWalk *walk, Regex *regex, int from, bool skip_empty);
bool regex_walk_next(RegexWalk *walk, RegexSpan *spans, int count);

/* The part of the text as a string; points into it. */
StringView regex_part(const Regex *regex, const StringView *text, RegexSpan span);

Status regex_bind_pattern(const Vector *const *constant_args, int arg_count, Arena *arena,
                          const void **bind_data, Error *err);
/* ARE for SIMILAR TO; a NULL escape means the backslash. */
Status similar_pattern(const StringView *pattern, const StringView *escape, StrBuf *out, Error *err);
