#include "router/classify.h"

#include <string.h>

#include "router/conditions.h"

/* A range counts as short up to here; beyond, reading in order is what columnar storage is for. */
enum { SHORT_RANGE_ROWS = 10000, MOST_BOUNDS = 32, MOST_IN_VALUES = 1000 };

/* The tightest bound that an index of the column can serve. */
static const ColumnBound *bound_of(const TableDesc *table, int column, const ColumnBound *bounds, int count) {
    const ColumnBound *best = NULL;
    if (column < 0 || column >= table->column_count) return NULL;
    bool whole = sqltype_is_integer(table->columns[column].type);
    for (int i = 0; i < count; i++) {
        if (strcmp(bounds[i].column, table->columns[column].name) != 0) continue;
        if (whole && bounds[i].maybe_fraction) continue; /* compared as numeric: the key is cast */
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
    int equal_columns;
    double rows; /* expected, < 0 = unknown */
} KeyMatch;

/* BETWEEN 10 AND 20 of a column of whole numbers is a list of eleven. */
static int64_t listed_by_range(const ColumnDesc *column, const ColumnBound *bounds, int count) {
    int64_t values = sqltype_is_integer(column->type) ? conditions_range(bounds, count, column->name) : -1;
    return values <= SHORT_RANGE_ROWS ? values : -1;
}

static KeyMatch match_key(const TableDesc *table, const KeyDesc *key, const ColumnBound *bounds, int count) {
    int equal = 0;
    double values = 1;
    bool one_each = true, range = false, listed = false;
    for (; equal < key->column_count; equal++) {
        const ColumnBound *bound = bound_of(table, key->columns[equal], bounds, count);
        if (!bound) break;
        if (bound->kind == BOUND_EQUAL) continue;
        one_each = false;
        int64_t span = bound->kind == BOUND_RANGE
                           ? listed_by_range(&table->columns[key->columns[equal]], bounds, count)
                           : bound->value_count;
        range = span < 0;
        if (range) break;
        listed |= bound->kind == BOUND_IN;
        values *= (double)span;
    }
    if (equal == 0) return (KeyMatch){.usable = range, .rows = -1};
    KeyMatch match = {.usable = values <= (listed ? MOST_IN_VALUES : SHORT_RANGE_ROWS),
                      .equal_columns = equal,
                      .rows = rows_per_value(table, key, equal)};
    match.unique = key->unique && equal == key->column_count && one_each;
    if (match.rows >= 0) match.rows *= values;
    return match;
}

/* No ORDER BY, or one by the columns of the key that follow those held equal: reading can stop at LIMIT. */
static bool stops_at_limit(const PgQuery__SelectStmt *select, const TableDesc *table, const KeyDesc *key,
                           int equal_columns) {
    for (size_t i = 0; i < select->n_sort_clause; i++) {
        const PgQuery__Node *node = select->sort_clause[i];
        const char *name =
            node->node_case == PG_QUERY__NODE__NODE_SORT_BY ? conditions_column(node->sort_by->node) : NULL;
        int at = equal_columns + (int)i;
        if (!name || at >= key->column_count || key->columns[at] < 0 ||
            strcmp(table->columns[key->columns[at]].name, name) != 0)
            return false;
    }
    return true;
}

/* The class of a plain SELECT over one table, by its keys. */
static void classify_by_key(const Features *features, const TableDesc *table, Classification *out) {
    ColumnBound bounds[MOST_BOUNDS];
    int count = conditions_read(features->select->where_clause, bounds, MOST_BOUNDS);
    int64_t limit = conditions_read_limit(features->select);
    for (int i = 0; i < table->key_count; i++) {
        const KeyDesc *key = &table->keys[i];
        KeyMatch match = match_key(table, key, bounds, count);
        if (!match.usable) continue;
        if (match.unique) {
            *out = (Classification){
                .class = CLASS_POINT_LOOKUP, .key = key, .table = out->table, .expected_rows = 1};
            return;
        }
        bool limited = limit >= 0 && limit <= SHORT_RANGE_ROWS &&
                       stops_at_limit(features->select, table, key, match.equal_columns);
        double rows = limited && (match.rows < 0 || match.rows > (double)limit) ? (double)limit : match.rows;
        bool few = rows >= 0 && rows <= SHORT_RANGE_ROWS;
        if (few && (out->class != CLASS_INDEXED_RANGE || rows < out->expected_rows))
            *out = (Classification){
                .class = CLASS_INDEXED_RANGE, .key = key, .table = out->table, .expected_rows = rows};
    }
}

/* FROM is the table itself, under its own columns' names: what a condition names is a column of it. */
static bool reads_table_itself(const PgQuery__SelectStmt *select) {
    if (!select || select->n_from_clause != 1 ||
        select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR)
        return false;
    const PgQuery__Alias *alias = select->from_clause[0]->range_var->alias;
    return !alias || alias->n_colnames == 0;
}

static bool is_session(const Features *features) {
    return features->kind == STATEMENT_SESSION ||
           (features->kind == STATEMENT_READ &&
            (features->has_locking || features->samples || features->volatile_view ||
             features->volatile_function || features->session_function));
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
    else if (one_table && reads_table_itself(features->select))
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
