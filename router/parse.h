/* Text to tree, with everything hostile stopped first: bytes, encoding, tokens and nesting are capped before
 * libpg_query, which recurses as deep as the statement nests. The depth allowed also follows the stack of the
 * calling thread.
 *
 *   parse_sql → use `tree`, which lives in the caller's arena
 */
#pragma once

#include <pg_query/pg_query.pb-c.h>

#include "engines/base/arena.h"
#include "engines/base/error.h"

typedef struct ParseLimits {
    int64_t max_bytes;
    int max_tokens;
    int max_depth; /* 0 = PARSE_MAX_DEPTH */
} ParseLimits;

/* A node costs at most about 2.8 kB of stack in libpg_query (measured: 4,500 operators pass 8 MiB, 20,000 fit
 * 64 MiB), so this uses a quarter of a 64 MiB stack and leaves the rest to the engines' own walks of the
 * tree. */
enum { PARSE_MAX_DEPTH = 5000, PARSE_STACK_BYTES_PER_LEVEL = 6144 };

/* Errors: 54000 too long, 54001 too deep, 22021 not UTF-8, 42601 with the position of the syntax error. */
Status parse_sql(const char *sql, size_t sql_length, const ParseLimits *limits, Arena *arena,
                 PgQuery__ParseResult **out, Error *err);
/* The depth that the calling thread's stack allows. */
int parse_depth_of_stack(void);
