/* What a result looks like and how its values become Arrow.
 *
 *   pgshape_create(result or description) → arrow_builder_init(shape->specs) → pgshape_append_row() per row
 *
 * A shape is made from a row description. It says whether every column can be read in binary form
 * (shape->binary): only then may the statement ask for binary results; otherwise all columns travel as text.
 * Rows of either form are accepted, whatever was asked for. Immutable, reference-counted.
 */
#pragma once

#include <libpq-fe.h>
#include <stdatomic.h>

#include "engines/base/arena.h"
#include "engines/base/arrow_builder.h"
#include "engines/postgres/pgtypes.h"

typedef struct PgColumn {
    uint32_t oid; /* as described; bases of domains */
    int32_t typmod;
    SqlType type;
} PgColumn;

typedef struct PgShape {
    _Atomic int references;
    Arena arena;
    int column_count;
    bool binary;
    bool complete; /* every type was known by name */
    ArrowColumnSpec *specs;
    ArrowSchema schema; /* of `specs`: results get copies */
    PgColumn *columns;
} PgShape;

PgShape *pgshape_create(const PGresult *result, PgTypes *types);
PgShape *pgshape_retain(PgShape *shape);
void pgshape_release(PgShape *shape); /* NULL is fine */
/* Same number of columns of the same types. Cheap. */
bool pgshape_matches(const PgShape *shape, const PGresult *result);
/* Appends row `row` and ends it. On error the builder's row is incomplete: give the builder up. */
Status pgshape_append_row(const PgShape *shape, ArrowBuilder *builder, const PGresult *result, int row,
                          Error *err);

/* One value (not NULL) in PostgreSQL's binary or text form into `column`. For tests and for the above. */
Status pgdecode_binary(const PgColumn *code, ArrowColumn *column, const char *data, size_t length,
                       Error *err);
Status pgdecode_text(const PgColumn *code, ArrowColumn *column, const char *text, size_t length, Error *err);
/* True when pgdecode_binary can read values of this column. `kind` is pg_type.typtype, 0 for built-in types.
 */
bool pgdecode_can_binary(SqlType type, uint32_t oid, char kind);
