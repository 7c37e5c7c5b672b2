#include "router/classify.h"

#include <string.h>

/* A range counts as short up to here; beyond, reading in order is what columnar storage is for. */
enum { SHORT_RANGE_ROWS = 10000, MOST_BOUNDS = 32, MOST_IN_VALUES = 1000 };

static const ColumnBound *bound_of(const TableDesc *table, int column, const ColumnBound *bounds, int count) {
    const ColumnBound *best = NULL;
    if (column < 0 || column >= table->column_count) return NULL;
    for (int i = 0; i < count; i++) {
        if (strcmp(bounds[i].column, table->columns[column].name) != 0) continue;
        if (!best || bounds[i].kind < best->kind) best = &bounds[i];
    }
    return best;
}

/* How many rows one value of the key's leading columns stands for. */
static double rows_per_value(const TableDesc *table, const KeyDesc *key, int equal_columns) {
    if (key->unique && equal_columns == key->column_count) return 1;
    double rows = table->row_estimate;
    for (int i = 0; i < equal_columns; i++) {
        double distinct = table->columns[key->columns[i]].distinct;
        if (distinct > 0 && rows >= 0)
            rows /= distinct;
        else if (i == 0)
            return -1;
    }
    return rows < 1 && rows >= 0 ? 1 : rows;
}

typedef struct KeyMatch {
    bool unique; /* every column held equal to one value: at most one row */
    bool usable;
    double rows; /* expected, < 0 = unknown */
} KeyMatch;

static KeyMatch match_key(const TableDesc *table, const KeyDesc *key, const ColumnBound *bounds, int count) {
    int equal = 0;
    double values = 1;
    bool one_each = true, range = false;
    for (; equal < key->column_count; equal++) {
        const ColumnBound *bound = bound_of(table, key->columns[equal], bounds, count);
        if (!bound) break;
        if (bound->kind == BOUND_RANGE) {
            range = true;
            break;
        }
        if (bound->kind == BOUND_IN) {
            one_each = false;
            values *= bound->value_count;
        }
    }
    if (equal == 0) return (KeyMatch){.usable = range, .rows = -1};
    KeyMatch match = {.usable = values <= MOST_IN_VALUES, .rows = rows_per_value(table, key, equal)};
    match.unique = key->unique && equal == key->column_count && one_each;
    if (match.rows >= 0) match.rows *= values;
    return match;
}

/* The class of a plain SELECT over one table, by its keys. */
static void classify_by_key(const Features *features, const TableDesc *table, Classification *out) {
    ColumnBound bounds[MOST_BOUNDS];
    int count = features_read_bounds(features->select->where_clause, bounds, MOST_BOUNDS);
    int64_t limit = features_read_limit(features->select);
    for (int i = 0; i < table->key_count; i++) {
        const KeyDesc *key = &table->keys[i];
        KeyMatch match = match_key(table, key, bounds, count);
        if (!match.usable) continue;
        if (match.unique) {
            *out = (Classification){
                .class = CLASS_POINT_LOOKUP, .key = key, .table = out->table, .expected_rows = 1};
            return;
        }
        bool limited = limit >= 0 && limit <= SHORT_RANGE_ROWS;
        bool few = match.rows >= 0 ? match.rows <= SHORT_RANGE_ROWS : limited;
        double rows = limited && (match.rows < 0 || match.rows > (double)limit) ? (double)limit : match.rows;
        bool better = out->class != CLASS_INDEXED_RANGE || (rows >= 0 && rows < out->expected_rows);
        if ((few || (limited && features->select->n_sort_clause == 0)) && better)
            *out = (Classification){
                .class = CLASS_INDEXED_RANGE, .key = key, .table = out->table, .expected_rows = rows};
    }
}

static bool is_session(const Features *features) {
    return features->kind == STATEMENT_SESSION ||
           (features->kind == STATEMENT_READ &&
            (features->has_locking || features->volatile_function || features->session_function));
}

void classify(const Features *features, const Resolution *resolution, Classification *out) {
    *out = (Classification){.class = CLASS_SCAN, .expected_rows = -1};
    bool one_table = features->table_count == 1 && resolution->uses[0].entry;
    if (one_table) out->table = resolution->uses[0].entry;
    if (is_session(features))
        out->class = CLASS_SESSION;
    else if (features->kind == STATEMENT_WRITE)
        out->class = CLASS_WRITE;
    else if (features->kind == STATEMENT_DDL)
        out->class = CLASS_DDL;
    else if (features->table_count == 0 && !features->file_function)
        out->class = CLASS_CONSTANT;
    else if (resolution->home == RESOLUTION_SEVERAL)
        out->class = CLASS_FEDERATED;
    else if (features->has_join || features->table_count > 1)
        out->class = CLASS_JOIN;
    else if (features->has_aggregate || features->has_group || features->has_distinct ||
             features->has_window || features->has_set_operation)
        out->class = CLASS_AGGREGATE;
    else if (one_table && features->select && !features->has_subquery && !features->has_function_source)
        classify_by_key(features, out->table->table, out);
}

const char *statement_class_name(StatementClass class) {
    switch (class) {
    case CLASS_POINT_LOOKUP: return "point_lookup";
    case CLASS_INDEXED_RANGE: return "indexed_range";
    case CLASS_WRITE: return "write";
    case CLASS_DDL: return "ddl";
    case CLASS_SESSION: return "session";
    case CLASS_SCAN: return "scan";
    case CLASS_AGGREGATE: return "aggregate";
    case CLASS_JOIN: return "join";
    case CLASS_FEDERATED: return "federated";
    case CLASS_CONSTANT: return "constant";
    }
    return "unknown";
}
