/* What characters are: classes and case, as a PostgreSQL of locale C.UTF-8 sees them. The C library's own
 * tables are asked, which are what PostgreSQL asks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum CharacterClass {
    CHARACTER_ALNUM,
    CHARACTER_ALPHA,
    CHARACTER_ASCII,
    CHARACTER_BLANK,
    CHARACTER_CNTRL,
    CHARACTER_DIGIT,
    CHARACTER_GRAPH,
    CHARACTER_LOWER,
    CHARACTER_PRINT,
    CHARACTER_PUNCT,
    CHARACTER_SPACE,
    CHARACTER_UPPER,
    CHARACTER_XDIGIT,
    CHARACTER_WORD,
    CHARACTER_CLASS_COUNT
} CharacterClass;

typedef struct CharacterRange {
    uint32_t low, high;
} CharacterRange;

enum { CHARACTER_LAST = 0x10FFFF };

uint32_t character_to_lower(uint32_t point);
uint32_t character_to_upper(uint32_t point);
bool character_is(CharacterClass wanted, uint32_t point);
/* All members as ascending ranges that do not touch; made at first use, lives as long as the process. */
const CharacterRange *character_ranges(CharacterClass wanted, int *count);
/* -1: no class of that name. */
int character_class_named(const uint32_t *name, int length);
