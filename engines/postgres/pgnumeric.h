/* PostgreSQL's numeric, from its binary and its text form: exact, into Arrow decimal128 for numeric(p,s) and
 * into canonical text (all digits, NaN, Infinity) for numeric without precision. */
#pragma once

#include "engines/base/arrow_builder.h"

Status pgnumeric_append_binary(SqlType type, ArrowColumn *column, const char *data, size_t length,
                               Error *err);
Status pgnumeric_append_text(SqlType type, ArrowColumn *column, const char *text, size_t length, Error *err);
