/* Full-text search: does a text hold every word of a query, whole, whatever their case and order? Words are
 * what stands between characters that are neither letters nor digits, as a PostgreSQL of locale C.UTF-8 sees
 * them. */
#pragma once

#include "engines/columnar/types/vector.h"

enum { WORD_SEARCH_MOST = 32 }; /* words of a query; others than the first of them are not asked for */

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
bool word_search_matches(const WordSearch *search, const StringView *text);
