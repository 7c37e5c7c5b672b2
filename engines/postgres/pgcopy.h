/* Rows as COPY text into a table. Blocking, like the other calls on a PgConn. */
#pragma once

#include "engines/base/row_sender.h"
#include "engines/postgres/pgconn.h"

/* One value of a row; the caller puts tabs between values and a newline at the end. */
void pgcopy_append_value(StrBuf *out, const char *text, size_t length);
void pgcopy_append_null(StrBuf *out);
/* Runs `copy_sql` (COPY ... FROM STDIN) over the rows. An error of the server becomes `err`, and `refusal`
 * says which row and column it was about, where it is told. */
Status pgcopy_send(PgConn *conn, const char *copy_sql, const char *text, size_t length, CancelToken *cancel,
                   RowRefusal *refusal, Error *err);
/* A JSON array's text as an array literal ("[1,[2,null]]" → "{1,{2,NULL}}"); false when it is none. */
bool pgcopy_array_literal(StrBuf *out, const char *json, size_t length);
