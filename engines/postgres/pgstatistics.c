#include "engines/postgres/pgstatistics.h"

#include <stdlib.h>
#include <string.h>

/* Arrays of any type go by way of text, joined by a character that no value has. Where statistics of a whole
 * inheritance tree and of the table alone exist the tree's count, as they do in columns_query. What is kept
 * is bounded: of very many columns those of the largest tables, and no values where they are long (each may
 * have a kilobyte, and a column two hundred). */
const char pgstatistics_query[] =
    "SELECT s.attrelid, s.attnum, s.null_frac, s.correlation, "
    "pg_catalog.array_to_string(s.most_common_vals::text[], E'\\x01'), "
    "pg_catalog.array_to_string(s.most_common_freqs, E'\\x01'), "
    "pg_catalog.array_to_string(s.histogram_bounds::text[], E'\\x01') FROM ("
    "SELECT DISTINCT ON (c.reltuples, a.attrelid, a.attnum) c.reltuples, a.attrelid, a.attnum, s.null_frac, "
    "s.correlation, s.most_common_freqs, "
    "CASE WHEN s.avg_width <= 64 THEN s.most_common_vals::text END AS most_common_vals, "
    "CASE WHEN s.avg_width <= 64 THEN s.histogram_bounds::text END AS histogram_bounds "
    "FROM pg_catalog.pg_stats s JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname "
    "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname "
    "WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND (c.reltuples >= 100 OR c.relkind = 'p') "
    "ORDER BY c.reltuples DESC, a.attrelid, a.attnum, s.inherited DESC LIMIT 3000) s "
    "ORDER BY s.attrelid, s.attnum";

enum { MOST_POINTS = 101, LONGEST_TEXT = 256 };

/* The parts of a joined array, in place; a part longer than estimates need is cut. */
static int split(char *text, char **parts) {
    int count = 0;
    for (char *next = text; next && count < MOST_POINTS;) {
        parts[count] = next;
        next = strchr(next, 1);
        if (next) *next++ = 0;
        if (strlen(parts[count]) > LONGEST_TEXT) parts[count][LONGEST_TEXT] = 0;
        count++;
    }
    return count;
}

static int read_points(const PGresult *rows, int row, int field, SqlType type, Arena *arena,
                       const ColumnPoint **out) {
    char *parts[MOST_POINTS];
    *out = NULL;
    if (PQgetisnull(rows, row, field)) return 0;
    int count = split(arena_strdup(arena, PQgetvalue(rows, row, field)), parts);
    ColumnPoint *points = ARENA_NEW_ARRAY(arena, ColumnPoint, count);
    for (int i = 0; i < count; i++)
        if (!column_point_read(type, parts[i], &points[i])) return 0; /* infinity, a year BC: rather none */
    *out = points;
    return count;
}

static int read_shares(const PGresult *rows, int row, int field, Arena *arena, const double **out) {
    char *parts[MOST_POINTS];
    if (PQgetisnull(rows, row, field)) return 0;
    int count = split(arena_strdup(arena, PQgetvalue(rows, row, field)), parts);
    double *shares = ARENA_NEW_ARRAY(arena, double, count);
    for (int i = 0; i < count; i++)
        shares[i] = strtod(parts[i], NULL);
    *out = shares;
    return count;
}

const ColumnValues *pgstatistics_read(const PGresult *rows, int row, SqlType type, Arena *arena) {
    enum { NULLS = 2, CORRELATION, COMMON, SHARES, BOUNDS };
    ColumnValues *values = ARENA_NEW(arena, ColumnValues);
    if (type.is_array) return NULL;
    values->null_share = strtod(PQgetvalue(rows, row, NULLS), NULL);
    if (!PQgetisnull(rows, row, CORRELATION))
        values->correlation = strtod(PQgetvalue(rows, row, CORRELATION), NULL);
    int common = read_points(rows, row, COMMON, type, arena, &values->common);
    int shares = read_shares(rows, row, SHARES, arena, &values->common_shares);
    values->common_count = common < shares ? common : shares;
    values->bound_count = read_points(rows, row, BOUNDS, type, arena, &values->bounds);
    if (values->bound_count < 2) values->bound_count = 0;
    return values;
}
