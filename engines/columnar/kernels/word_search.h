/* Full-text search: does a text hold every word of a query, whole, whatever their case and order? Words are
 * what stands between characters that are neither letters nor digits, as a PostgreSQL of locale C.UTF-8 sees
 * them. */
#pragma once

#include "engines/columnar/types/vector.h"

enum { WORD_SEARCH_MOST = 32 }; /* words of a query; others than the first of them are not asked for */

enum { WORD_SEARCH_LONGEST = 255 }; /* bytes; of longer words these and the last letter are compared */

typedef struct SearchWord {
    const char *data; /* lower case */
    uint32_t length;
} SearchWord;

typedef struct WordSearch {
    SearchWord words[WORD_SEARCH_MOST]; /* each once */
    int count;
    uint32_t longest;
} WordSearch;

/* No words match nothing. */
void word_search_compile(const StringView *query, Arena *arena, WordSearch *out);
/* Notes each word of a text, in lower case, once for each time it stands there; none of more than 255 bytes.
 * Of a text with other letters than ASCII's its ASCII words are noted, too, as if the others were none: so an
 * ASCII word is among them whatever letters a later version of the C library knows. */
typedef void WordNote(void *context, const char *word, uint32_t length);
void word_search_each(const StringView *text, WordNote *note, void *context);
/* Of what letters there are. */
const char *word_search_version(void);
bool word_search_matches(const WordSearch *search, const StringView *text);
