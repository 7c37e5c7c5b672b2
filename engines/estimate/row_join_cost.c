#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/estimate/row_cost.h"

enum { MOST_TABLES = 16, MOST_EDGES = 32 };

typedef struct JoinTable {
    const TableDesc *table;
    const char *name; /* as columns call it */
    RowConditions conditions;
    double filtered, access_ms; /* rows left by its own conditions, and reading them */
    bool joined;
} JoinTable;

/* left.column = right.column */
typedef struct JoinEdge {
    int tables[2], columns[2];
} JoinEdge;

typedef struct JoinShape {
    const RowCosts *costs;
    const Statement *statement;
    JoinTable *tables;
    int table_count;
    JoinEdge edges[MOST_EDGES];
    int edge_count;
} JoinShape;

static bool same(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

/* ---- FROM -----------------------------------------------------------------------------------------------
 */

static bool add_table(JoinShape *shape, const PgQuery__RangeVar *var) {
    const char *schema = var->schemaname && var->schemaname[0] ? var->schemaname : NULL;
    for (int i = 0; i < shape->statement->binding_count && shape->table_count < MOST_TABLES; i++) {
        const TableBinding *binding = &shape->statement->bindings[i];
        if (!same(binding->written_name, var->relname) || !binding->table ||
            (schema && !same(binding->written_schema, schema)))
            continue;
        shape->tables[shape->table_count++] =
            (JoinTable){.table = binding->table, .name = var->alias ? var->alias->aliasname : var->relname};
        return true;
    }
    return false;
}

static bool read_from(JoinShape *shape, const PgQuery__Node *node) {
    if (node->node_case == PG_QUERY__NODE__NODE_RANGE_VAR) return add_table(shape, node->range_var);
    if (node->node_case != PG_QUERY__NODE__NODE_JOIN_EXPR) return false;
    const PgQuery__JoinExpr *join = node->join_expr;
    return read_from(shape, join->larg) && read_from(shape, join->rarg);
}

/* ---- conditions -----------------------------------------------------------------------------------------
 */

static const char *field(const PgQuery__ColumnRef *ref, size_t index) {
    return ref->fields[index]->node_case == PG_QUERY__NODE__NODE_STRING ? ref->fields[index]->string->sval
                                                                        : NULL;
}

/* The table a column is of, -1 = none. */
static int table_of(const JoinShape *shape, const PgQuery__Node *node, int *column) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields == 0)
        return -1;
    const PgQuery__ColumnRef *ref = node->column_ref;
    const char *name = field(ref, ref->n_fields - 1);
    const char *table = ref->n_fields > 1 ? field(ref, ref->n_fields - 2) : NULL;
    for (int i = 0; name && i < shape->table_count; i++) {
        *column = row_selectivity_column(shape->tables[i].table, name);
        if (*column >= 0 && (!table || same(table, shape->tables[i].name))) return i;
    }
    return -1;
}

typedef struct FirstColumn {
    const JoinShape *shape;
    int table;
} FirstColumn;

static bool see_column(void *state, const ProtobufCMessage *message) {
    FirstColumn *first = state;
    if (first->table >= 0 || !PGTREE_IS(message, column_ref)) return first->table < 0;
    PgQuery__Node node = PG_QUERY__NODE__INIT;
    int column;
    node.node_case = PG_QUERY__NODE__NODE_COLUMN_REF;
    node.column_ref = (PgQuery__ColumnRef *)message;
    first->table = table_of(first->shape, &node, &column);
    return first->table < 0;
}

static void add_edge(JoinShape *shape, int left, int left_column, int right, int right_column) {
    if (shape->edge_count < MOST_EDGES)
        shape->edges[shape->edge_count++] = (JoinEdge){{left, right}, {left_column, right_column}};
}

static void read_quals(JoinShape *shape, const PgQuery__Node *node) {
    if (!node) return;
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
        node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++)
            read_quals(shape, node->bool_expr->args[i]);
        return;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_A_EXPR && node->a_expr->n_name == 1 &&
        same(pgtree_string(node->a_expr->name[0]), "=")) {
        int left_column, right_column;
        int left = table_of(shape, node->a_expr->lexpr, &left_column);
        int right = table_of(shape, node->a_expr->rexpr, &right_column);
        if (left >= 0 && right >= 0 && left != right) {
            add_edge(shape, left, left_column, right, right_column);
            return;
        }
    }
    FirstColumn first = {.shape = shape, .table = -1};
    pgtree_visit(&node->base, see_column, &first);
    if (first.table >= 0) row_conditions_read(&shape->tables[first.table].conditions, node);
}

static void read_join_quals(JoinShape *shape, const PgQuery__Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_JOIN_EXPR) return;
    const PgQuery__JoinExpr *join = node->join_expr;
    read_join_quals(shape, join->larg);
    read_join_quals(shape, join->rarg);
    read_quals(shape, join->quals);
    for (size_t i = 0; i < join->n_using_clause; i++) /* the last two tables that have it */
        for (int right = shape->table_count - 1; right > 0; right--) {
            int right_column =
                row_selectivity_column(shape->tables[right].table, pgtree_string(join->using_clause[i]));
            for (int left = right - 1; left >= 0 && right_column >= 0; left--) {
                int left_column =
                    row_selectivity_column(shape->tables[left].table, pgtree_string(join->using_clause[i]));
                if (left_column >= 0) add_edge(shape, left, left_column, right, right_column);
            }
        }
}

/* `x = 5 AND x = y` holds y, too: PostgreSQL's equivalence classes, for constants. */
static void spread_constants(JoinShape *shape) {
    for (int i = 0; i < shape->edge_count * 2; i++) {
        const JoinEdge *edge = &shape->edges[i / 2];
        int from = edge->tables[i % 2], to = edge->tables[1 - i % 2];
        const RowConditions *known = &shape->tables[from].conditions;
        RowConditions *other = &shape->tables[to].conditions;
        const char *name = shape->tables[to].table->columns[edge->columns[1 - i % 2]].name;
        for (int c = 0; c < known->count && other->count < MAX_CONDITIONS; c++) {
            bool single = known->items[c].kind == CONDITION_EQUAL && known->items[c].value_count == 1;
            if (!single || row_selectivity_column(shape->tables[from].table, known->items[c].column) !=
                               edge->columns[i % 2])
                continue;
            bool there = false;
            for (int o = 0; o < other->count; o++)
                there |= same(other->items[o].column, name);
            if (there) continue;
            other->items[other->count] = known->items[c];
            other->items[other->count++].column = name;
        }
    }
}

/* ---- joining --------------------------------------------------------------------------------------------
 */

static double distinct_of(const TableDesc *table, int column) {
    double distinct = table->columns[column].distinct;
    return distinct >= 1 ? distinct : fmax(1, row_cost_rows(table) / 10);
}

static bool leads_an_index(const TableDesc *table, int column) {
    for (int i = 0; i < table->key_count; i++)
        if (table->keys[i].column_count > 0 && table->keys[i].columns[0] == column) return true;
    return false;
}

/* Looking up one value: the descent, its entries, and their pages. */
static double lookup_cost(const RowCosts *costs, const TableDesc *table, int column, double matches) {
    return costs->descent + matches * costs->index_row +
           row_cost_pages_of(costs, table, column, matches) * costs->random_page;
}

/* Joining `next` to what is there: an index lookup per row, or a hash join. */
static double step_cost(const JoinShape *shape, int next, double rows, double *result_rows) {
    const RowCosts *costs = shape->costs;
    const JoinTable *table = &shape->tables[next];
    double all = row_cost_rows(table->table), matches = table->filtered, by_index = INFINITY;
    bool linked = false;
    for (int i = 0; i < shape->edge_count; i++)
        for (int side = 0; side < 2; side++) {
            const JoinEdge *edge = &shape->edges[i];
            if (edge->tables[side] != next || !shape->tables[edge->tables[1 - side]].joined) continue;
            int column = edge->columns[side];
            double distinct = fmax(1, fmin(distinct_of(table->table, column), all));
            matches /= linked ? 1 : distinct;
            if (leads_an_index(table->table, column))
                by_index = fmin(by_index, rows * lookup_cost(costs, table->table, column, all / distinct));
            linked = true;
        }
    *result_rows = fmax(1, rows * matches);
    double hashed = table->access_ms + fmin(table->filtered, rows) * costs->hashed_row +
                    fmax(table->filtered, rows) * costs->probed_row;
    double pairs = linked ? 0 : *result_rows * costs->scanned_row;
    return fmin(by_index, hashed) + pairs + *result_rows * costs->scanned_row;
}

static double join_greedily(JoinShape *shape, double *rows) {
    int first = 0;
    for (int i = 1; i < shape->table_count; i++)
        if (shape->tables[i].filtered < shape->tables[first].filtered) first = i;
    double probed = shape->costs->probed_row;
    shape->tables[first].joined = true;
    *rows = fmax(1, shape->tables[first].filtered);
    double cost = shape->tables[first].access_ms;
    for (int done = 1; done < shape->table_count; done++) {
        int best = -1;
        double best_cost = INFINITY, best_rows = 1;
        for (int i = 0; i < shape->table_count; i++) {
            if (shape->tables[i].joined) continue;
            double left, step = step_cost(shape, i, *rows, &left);
            if (best >= 0 && step + left * probed >= best_cost) continue;
            best = i;
            best_cost = step + left * probed;
            best_rows = left;
        }
        cost += best_cost - best_rows * probed;
        *rows = best_rows;
        shape->tables[best].joined = true;
    }
    return cost;
}

bool row_cost_join(const RowCosts *costs, const Statement *statement, const PgQuery__SelectStmt *select,
                   double *cost_ms, double *rows, double *bytes) {
    if (select->op != PG_QUERY__SET_OPERATION__SETOP_NONE || select->n_from_clause == 0) return false;
    JoinShape shape = {
        .costs = costs, .statement = statement, .tables = calloc(MOST_TABLES, sizeof(JoinTable))};
    if (!shape.tables) abort();
    bool plain = true;
    for (size_t i = 0; i < select->n_from_clause && plain; i++)
        plain = read_from(&shape, select->from_clause[i]);
    if (plain && shape.table_count >= 2) {
        for (size_t i = 0; i < select->n_from_clause; i++)
            read_join_quals(&shape, select->from_clause[i]);
        read_quals(&shape, select->where_clause);
        spread_constants(&shape);
        for (int i = 0; i < shape.table_count; i++) {
            JoinTable *table = &shape.tables[i];
            RowAccess access = row_cost_access(costs, table->table, &table->conditions);
            table->filtered = fmax(access.result_rows, 0);
            table->access_ms = access.cost_ms;
            *bytes += row_cost_pages(costs, table->table) * costs->page_bytes;
        }
        *cost_ms = join_greedily(&shape, rows);
    }
    plain &= shape.table_count >= 2;
    free(shape.tables);
    return plain;
}
