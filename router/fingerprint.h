/* A statement's shape: its text without literals, parameters, comments, white space and letter case. Texts of
 * one shape have one fingerprint, so what one of them took tells about the others.
 *
 *   SELECT * FROM t WHERE id = 5   select * from t where ID=$1   →   select * from t where id = ?
 *   id IN (1, 2, 3)  →  id in (?)        VALUES (1, 'a'), (2, 'b')  →  values (?)
 *
 * Made from the tokens (sqlscan.h) in one pass, without a parse: some 15 times cheaper than libpg_query's,
 * which parses. Stable within a version of the program, not between versions.
 */
#pragma once

#include <stdint.h>

#include "engines/base/strbuf.h"

uint64_t fingerprint_hash(const char *sql, size_t sql_length);
/* The shape as text, at most about `most_bytes` of it. Returns the hash of the whole. */
uint64_t fingerprint_text(const char *sql, size_t sql_length, size_t most_bytes, StrBuf *out);
