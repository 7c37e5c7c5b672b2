/* Values from and to text, byte for byte as PostgreSQL reads and prints them. Every parser skips leading and
 * trailing white space as PostgreSQL's input functions do and answers 22P02 (or 22007, 22008, 22003) in their
 * words. */
#pragma once

#include "engines/base/float_text.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/kernel.h"

/* `type_name` as messages call it: "smallint", "integer", "bigint". */
Status integer_parse(const char *text, size_t length, int64_t low, int64_t high, const char *type_name,
                     int64_t *out, Error *err);
Status float8_parse(const char *text, size_t length, double *out, Error *err);
Status float4_parse(const char *text, size_t length, float *out, Error *err);
Status bool_parse(const char *text, size_t length, bool *out, Error *err);
Status uuid_parse(const char *text, size_t length, uint8_t out[16], Error *err);
size_t uuid_format(const uint8_t *uuid, char *text); /* 36 bytes */
/* Escape and hex input forms; the result is at most `length` bytes. */
Status bytea_parse(const char *text, size_t length, uint8_t *out, size_t *out_length, Error *err);
Status json_validate(const char *text, size_t length, Error *err);
