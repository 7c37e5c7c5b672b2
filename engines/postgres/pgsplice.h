/* A statement's text with pieces replaced, and the way back from positions in it to the user's text. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"

typedef struct PgSplice {
    size_t start, end; /* bytes of the user's text that are replaced */
    const char *replacement;
    size_t out_start; /* filled by pgsplice_apply */
} PgSplice;

/* The user's bytes [start, end) with `splices` applied: in ascending order, inside, not overlapping. */
const char *pgsplice_apply(Arena *arena, const char *source, size_t start, size_t end, PgSplice *splices,
                           int count);
/* 1-based character position in the spliced text → in the user's whole text; 0 stays 0. */
int pgsplice_position(const char *source, size_t source_length, size_t start, const char *text,
                      const PgSplice *splices, int count, int position);
