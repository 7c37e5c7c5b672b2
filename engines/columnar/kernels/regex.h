/* PostgreSQL's regular expressions: advanced, extended, basic and literal, with its extents.
 *
 * The match is the leftmost one, of those the longest or the shortest as the expression's preference says;
 * what a group matched follows the preferences of the parts, earlier parts first. Lookaround, back references
 * and word boundaries included. Time is linear in the text for each place a match is tried, except with back
 * references.
 *
 * Use: regex_take, then per text regex_matches, or regex_set_text and regex_find as often as wanted,
 * regex_give. A Regex belongs to one thread between take and give; given ones are kept for the next taker of
 * the same pattern, so that its automata are built once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/base/error.h"

enum RegexFlag {
    REGEX_EXTENDED = 1,
    REGEX_ADVANCED = 3, /* contains EXTENDED */
    REGEX_ADVANCED_ONLY = 2,
    REGEX_QUOTE = 4, /* a literal string */
    REGEX_FOLD = 8,  /* case-insensitive */
    REGEX_EXPANDED = 16,
    REGEX_NEWLINE_STOPS = 32,
    REGEX_NEWLINE_ANCHORS = 64,
    REGEX_NEWLINE = 96
};

typedef struct Regex Regex;

/* Characters [start, end) of the text; start < 0: the group took no part. */
typedef struct RegexSpan {
    int start, end;
} RegexSpan;

/* 2201B with PostgreSQL's words for what is no expression; 0A000 for one too large for this engine. */
Status regex_take(const char *pattern, size_t length, unsigned flags, Regex **out, Error *err);
void regex_give(Regex *regex);
int regex_group_count(const Regex *regex);

bool regex_matches(Regex *regex, const char *text, size_t length);

/* `text` is borrowed until the next regex_set_text or regex_give. */
void regex_set_text(Regex *regex, const char *text, size_t length);
int regex_text_characters(const Regex *regex);
size_t regex_byte_of(const Regex *regex, int character);
/* The first match at or after character `from`; fills `count` spans: the match, then groups (missing ones
 * -1). */
bool regex_find(Regex *regex, int from, RegexSpan *spans, int count);

/* An option letter as embedded "(?i)" and the flags argument share them; false: there is none such. */
bool regex_set_option(unsigned *flags, uint32_t option);
