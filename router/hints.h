/* Hints: a comment `/ *+ engine(NAME) * /` (without the blanks) before the first word of the statement. */
#pragma once

#include <stddef.h>

#include "engines/base/arena.h"

typedef struct Hints {
    const char *engine;  /* NULL = none */
    const char *warning; /* NULL, or one sentence naming what was not understood */
} Hints;

void hints_read(const char *sql, size_t sql_length, Arena *arena, Hints *out);
