/* Tokens of a regular expression. What a character means depends on the flavour (advanced, extended, basic,
 * literal) and on where it stands (outside, in brackets, in a bound). Internal to regex_parse.c. */
#pragma once

#include "engines/columnar/kernels/regex_internal.h"

typedef enum RegexToken {
    TOKEN_NONE,
    TOKEN_END,
    TOKEN_PLAIN,
    TOKEN_ANY,
    TOKEN_BAR,
    TOKEN_OPEN, /* value 1: capturing */
    TOKEN_CLOSE,
    TOKEN_LOOK,    /* value: LOOK_BEHIND | LOOK_NEGATIVE */
    TOKEN_BRACKET, /* value 0: complemented */
    TOKEN_BRACKET_END,
    TOKEN_RANGE,
    TOKEN_COLLATING,
    TOKEN_EQUIVALENCE,
    TOKEN_CLASS,
    TOKEN_ITEM_END,
    TOKEN_CLASS_ESCAPE, /* value: CharacterClass */
    TOKEN_CLASS_COMPLEMENT,
    TOKEN_ASSERT, /* value: RegexAssertion */
    TOKEN_BACKREF,
    TOKEN_STAR, /* value 1: greedy; so for all quantifiers */
    TOKEN_PLUS,
    TOKEN_QUESTION,
    TOKEN_BOUND,
    TOKEN_BOUND_END,
    TOKEN_DIGIT,
    TOKEN_COMMA
} RegexToken;

enum { LOOK_BEHIND = 1, LOOK_NEGATIVE = 2 };

typedef enum RegexPlace {
    PLACE_OUTSIDE,
    PLACE_BOUND,
    PLACE_BRACKET,
    PLACE_COLLATING,
    PLACE_EQUIVALENCE,
    PLACE_CLASS
} RegexPlace;

typedef struct RegexLexer {
    Regex *regex;
    const uint32_t *start, *now, *end;
    RegexPlace place;
    RegexToken token, last;
    uint32_t value;
    const char *failure; /* PostgreSQL's words, NULL while all is well */
} RegexLexer;

#define REGEX_BAD_ESCAPE    "invalid escape \\ sequence"
#define REGEX_BAD_COLLATION "invalid collating element"
#define REGEX_BAD_CLASS     "invalid character class"
#define REGEX_BAD_BACKREF   "invalid backreference number"
#define REGEX_BAD_BRACKET   "brackets [] not balanced"
#define REGEX_BAD_PAREN     "parentheses () not balanced"
#define REGEX_BAD_BRACE     "braces {} not balanced"
#define REGEX_BAD_BOUND     "invalid repetition count(s)"
#define REGEX_BAD_RANGE     "invalid character range"
#define REGEX_BAD_REPEAT    "quantifier operand invalid"
#define REGEX_BAD_OPTION    "invalid embedded option"
#define REGEX_BAD_PATTERN   "invalid regexp (reg version 0.8)"

/* Reads director and embedded options, then the first token. False once something failed. */
bool regex_lexer_start(RegexLexer *lexer, Regex *regex, const uint32_t *pattern, int length);
bool regex_lexer_next(RegexLexer *lexer);
/* The first failure stays; what follows reads as the end. Always false. */
bool regex_lexer_fail(RegexLexer *lexer, const char *failure);
