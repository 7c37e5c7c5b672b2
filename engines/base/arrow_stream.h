/* Streams of Arrow batches: how SQL types map to Arrow, reading a stream with our Error, making one.
 *
 * Every schema is a struct ("+s") with one child per column. A child's metadata carries "pg_type", the short
 * PostgreSQL name with modifiers in the sqltype_from_name() form ("numeric(10,2)", "mood", "int4[]"); absent,
 * the type follows from the format. The mapping, the only one used in this program:
 *
 *   bool b · int2 s · int4 i · int8 l · oid I · float4 f · float8 g ·
 * text/varchar/bpchar/name/json/jsonb/uuid/other u (U, large strings, and vu, string views, are accepted by
 * readers) · bytea z · date tdD (days since 1970) time ttu (µs) · timestamp tsu: · timestamptz tsu:UTC (µs
 * since 1970) · interval tin (months, days, nanoseconds) numeric(p,s), p ≤ 38: d:p,s (128 bit, little-endian)
 * · numeric without precision: u, canonical decimal text (exact, may be NaN/Infinity) · arrays +l with the
 * element as child (multidimensional: nested +l) · record +s infinity dates/timestamps: INT32/INT64 max and
 * min.
 *
 * Dictionary-encoded children (format of the index, schema->dictionary set) are allowed for strings.
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/arrow_abi.h"
#include "engines/base/error.h"
#include "engines/base/sqltype.h"

/* The SQL type of a column's schema; `type_name` (may be NULL) receives the pg_type text or NULL. */
SqlType arrow_schema_sqltype(const ArrowSchema *column, const char **type_name);
/* Arrow format string of a type (static or written into `scratch`). Arrays: "+l". */
const char *arrow_format_of(SqlType type, char scratch[32]);

typedef struct ArrowColumnSpec {
    const char *name;
    SqlType type;
    const char *type_name; /* NULL = sqltype_short_name(type) */
} ArrowColumnSpec;
/* Builds a struct schema that owns its strings. */
void arrow_schema_build(ArrowSchema *out, const ArrowColumnSpec *columns, int column_count);
/* Copies of a schema built here, and their copies, share all they say: one small allocation. Thread-safe. */
void arrow_schema_copy(const ArrowSchema *from, ArrowSchema *to);
/* The same for all copies of one built schema as long as one of them lives; NULL for schemas from elsewhere.
 */
const void *arrow_schema_identity(const ArrowSchema *schema);

/* Reads the next batch; at the end `out->release` is NULL. A failing stream's get_last_error text has the
 * form "SSSSS:POSITION:MESSAGE" (arrow_stream_error_text makes it, detail and hint behind unit separators);
 * it becomes `err`. */
Status arrow_stream_next(ArrowArrayStream *stream, ArrowArray *out, Error *err);
Status arrow_stream_schema(ArrowArrayStream *stream, ArrowSchema *out, Error *err);
void arrow_stream_error_text(const Error *err, char *text, size_t text_bytes);

static inline void arrow_array_release(ArrowArray *array) {
    if (array->release) array->release(array);
}
static inline void arrow_schema_release(ArrowSchema *schema) {
    if (schema->release) schema->release(schema);
}
static inline void arrow_stream_release(ArrowArrayStream *stream) {
    if (stream->release) stream->release(stream);
}

/* A stream made of functions: `next` fills `out` (leave release NULL at the end); `close` frees `state`.
 * The schema is moved into the stream. */
typedef struct ArrowStreamSource {
    Status (*next)(void *state, ArrowArray *out, Error *err);
    void (*close)(void *state);
    void *state;
} ArrowStreamSource;
void arrow_stream_make(ArrowArrayStream *out, ArrowSchema *schema, ArrowStreamSource source);
/* A stream of zero columns and no rows: what a write without RETURNING gives. */
void arrow_stream_make_empty(ArrowArrayStream *out);
