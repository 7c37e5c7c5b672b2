/* PostgreSQL's text of a value → MySQL's, for literals and parameters alike. What PostgreSQL would refuse is
 * refused with its SQLSTATE and sentence, for MySQL would often take it silently as zero. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/base/sqltype.h"

/* `out` is text that MySQL reads as that type: digits for numbers, "1" or "0" for bool, YYYY-MM-DD,
 * YYYY-MM-DD HH:MM:SS[.ffffff] (of timestamptz: in UTC), hexadecimal digits for bytea; text types unchanged.
 * Errors: 22P02, 22003, 22007, 22008 as PostgreSQL's, 0A000 for forms that PostgreSQL may know but this
 * reader does not. */
Status mysql_value_read(const char *text, SqlType type, Arena *arena, const char **out, Error *err);
