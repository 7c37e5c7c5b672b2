/* Whether the answer of a statement may be kept and given again, as far as its text tells, and under which
 * name.
 *
 *   (decide.c: features, tables and traits are known) → result_key_read → Decision.result_key
 *
 * It may be when everything the answer depends on is in the text, in its parameters and in the tables named
 * (whose state EngineOps.read_marker tells). So it must be a read without volatile, unknown or file
 * functions, over tables that are all known and are no views; nothing in it asks for the time, the user, the
 * session or the catalogs; and no text becomes a date where it might say 'now'.
 *
 * The key is the statement's tokens: letter case of names, white space and comments do not matter, literals
 * do.
 */
#pragma once

#include "router/features.h"
#include "router/resolve.h"
#include "router/router.h"

/* Sets the decision's result_key, in `arena`, when it may. `statement` is the one of `tree`. */
void result_key_read(const Features *features, const Resolution *resolution, const Statement *statement,
                     Arena *arena, Decision *decision);
/* A text that PostgreSQL's date input could take for a time relative to now: as a parameter it keeps a
 * statement from being kept. */
bool result_key_names_clock(const char *text, size_t length);
