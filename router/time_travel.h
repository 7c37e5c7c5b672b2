/* FOR SYSTEM_TIME AS OF e and FOR VERSION AS OF v behind a table's name (also FOR TIMESTAMP and FOR
 * SYSTEM_VERSION): PostgreSQL's grammar has no such clause, so it is taken off the text before the parse.
 * Blanks take its place, one for each character, so that every position stays.
 *
 *   e   literals, typed literals, calls, parentheses, casts, + and - between them
 *   v   a number (a snapshot's) or a string (a branch's, a tag's, or a number)
 */
#pragma once

#include "engines/engine.h"

/* *out is `sql` itself when there is no such clause. Else everything is in the arena; `travels` in the order
 * of the text, their locations byte offsets in *out. 42601 for a clause that breaks off. */
Status time_travel_take(const char *sql, size_t sql_length, Arena *arena, const char **out,
                        size_t *out_length, const TableTravel **travels, int *travel_count, Error *err);
