#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/estimate/row_cost.h"

static const double unknown_rows = 10000;

double row_cost_rows(const TableDesc *table) {
    return table && table->row_estimate >= 0 ? table->row_estimate : unknown_rows;
}

static double row_bytes(const TableDesc *table) {
    double rows = row_cost_rows(table);
    return table->bytes > 0 && rows >= 1 ? (double)table->bytes / rows : 64;
}

double row_cost_pages(const RowCosts *costs, const TableDesc *table) {
    return fmax(1, row_bytes(table) * row_cost_rows(table) / costs->page_bytes);
}

double row_cost_scan(const RowCosts *costs, const TableDesc *table, int conditions) {
    double rows = row_cost_rows(table), pages = row_cost_pages(costs, table);
    double cost = pages * costs->page + rows * (costs->scanned_row + conditions * costs->condition);
    bool alone = costs->parallel_pages <= 0 || pages < costs->parallel_pages;
    return alone ? cost : fmin(cost, costs->workers_start + cost / costs->workers_share);
}

/* Rows that lie as their values do are on neighbouring pages, others each on one of its own until pages
 * repeat; between the two as the square of the correlation, which is how PostgreSQL sees it. */
double row_cost_pages_of(const RowCosts *costs, const TableDesc *table, int column, double rows) {
    double all = row_cost_rows(table), pages = row_cost_pages(costs, table);
    const ColumnValues *values = column >= 0 ? table->columns[column].values : NULL;
    double ordered = values ? values->correlation * values->correlation : 0;
    double together = fmax(1, pages * rows / fmax(1, all)), apart = pages * -expm1(-rows / pages);
    return ordered * fmin(together, pages) + (1 - ordered) * fmax(apart, fmin(rows, 1));
}

/* ---- indexes ------------------------------------------------------------------------------------------ */

static const RowCondition *condition_on(const RowConditions *conditions, const TableDesc *table, int column,
                                        RowConditionKind kind) {
    for (int i = 0; i < conditions->count; i++)
        if (conditions->items[i].kind == kind &&
            row_selectivity_column(table, conditions->items[i].column) == column)
            return &conditions->items[i];
    return NULL;
}

typedef struct KeyUse {
    int held; /* leading columns with a condition */
    double fetched, probes;
    bool whole; /* all columns of a unique key are held equal */
} KeyUse;

static KeyUse use_key(const TableDesc *table, const KeyDesc *key, const RowConditions *conditions) {
    KeyUse use = {.probes = 1};
    double rows = row_cost_rows(table), share = 1;
    for (; use.held < key->column_count && key->columns[use.held] >= 0; use.held++) {
        int column = key->columns[use.held];
        const RowCondition *equal = condition_on(conditions, table, column, CONDITION_EQUAL);
        if (!equal) break;
        use.probes *= equal->value_count;
        share *= row_selectivity_of(table, column, equal);
    }
    use.whole = key->unique && use.held == key->column_count && use.held > 0;
    use.fetched = use.whole ? fmin(use.probes, fmax(rows, 1)) : rows * share;
    if (use.whole || use.held == key->column_count || key->columns[use.held] < 0) return use;
    int column = key->columns[use.held];
    const RowCondition *range = condition_on(conditions, table, column, CONDITION_RANGE);
    if (!range) return use;
    use.fetched *= row_selectivity_of(table, column, range);
    use.held++;
    return use;
}

static void try_key(RowAccess *access, const RowCosts *costs, const TableDesc *table, const KeyDesc *key,
                    const RowConditions *conditions) {
    KeyUse use = use_key(table, key, conditions);
    if (!use.held) return;
    bool unique = use.whole && use.probes <= 1;
    double pages = row_cost_pages_of(costs, table, key->columns[0], use.fetched);
    double cost = use.probes * costs->descent + use.fetched * costs->index_row + pages * costs->random_page;
    access->unique |= unique;
    if (!unique && cost >= access->cost_ms) return;
    access->indexed = true;
    access->column = key->columns[0];
    access->fetched_rows = use.fetched;
    access->cost_ms = cost;
}

RowAccess row_cost_access(const RowCosts *costs, const TableDesc *table, const RowConditions *conditions) {
    double rows = row_cost_rows(table);
    RowAccess access = {.column = -1,
                        .fetched_rows = rows,
                        .cost_ms = row_cost_scan(costs, table, conditions->count + conditions->others)};
    for (int i = 0; i < table->key_count && !access.unique; i++)
        try_key(&access, costs, table, &table->keys[i], conditions);
    double left = rows * row_selectivity_all(table, conditions);
    access.result_rows = access.indexed ? fmin(access.fetched_rows, fmax(1, left)) : left;
    return access;
}

/* ---- features of the tree ----------------------------------------------------------------------------- */

typedef struct Features {
    bool sub_select, locks, unknown_function, aggregate, window, range;
    int selects;
} Features;

static bool is_quick_function(const char *name) {
    static const char *const quick[] = {
        "abs",          "btrim",     "ceil",       "coalesce", "concat", "count",
        "current_date", "date_part", "date_trunc", "extract",  "floor",  "gen_random_uuid",
        "greatest",     "initcap",   "left",       "length",   "lower",  "ltrim",
        "max",          "md5",       "min",        "nextval",  "now",    "nullif",
        "random",       "replace",   "right",      "round",    "rtrim",  "substr",
        "substring",    "sum",       "to_char",    "trim",     "upper"};
    for (size_t i = 0; i < sizeof quick / sizeof *quick; i++)
        if (!strcmp(name, quick[i])) return true;
    return false;
}

static bool is_aggregate(const char *name) {
    static const char *const names[] = {"count",     "sum",        "avg",      "min",       "max",
                                        "array_agg", "string_agg", "json_agg", "jsonb_agg", "stddev",
                                        "variance",  "bool_and",   "bool_or"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return true;
    return false;
}

static bool is_range(const PgQuery__AExpr *expression) {
    const char *name = expression->n_name == 1 ? pgtree_string(expression->name[0]) : NULL;
    bool between = expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN;
    return between || (name && (name[0] == '<' || name[0] == '>') && strcmp(name, "<>") != 0);
}

static bool see_feature(void *state, const ProtobufCMessage *message) {
    Features *features = state;
    if (PGTREE_IS(message, func_call)) {
        const PgQuery__FuncCall *call = (const PgQuery__FuncCall *)message;
        const char *name = call->n_funcname ? pgtree_string(call->funcname[call->n_funcname - 1]) : NULL;
        features->unknown_function |= !name || !is_quick_function(name);
        features->aggregate |= name && !call->over && is_aggregate(name);
        features->window |= call->over != NULL;
    } else if (PGTREE_IS(message, select_stmt)) {
        features->selects++;
    } else if (PGTREE_IS(message, sub_link) || PGTREE_IS(message, common_table_expr)) {
        features->sub_select = true;
    } else if (PGTREE_IS(message, a__expr)) {
        features->range |= is_range((const PgQuery__AExpr *)message);
    } else if (PGTREE_IS(message, locking_clause)) {
        features->locks = true;
    }
    return true;
}

static double constant_limit(const PgQuery__SelectStmt *select) {
    const PgQuery__Node *limit = select->limit_count;
    if (limit && limit->node_case == PG_QUERY__NODE__NODE_A_CONST && !limit->a_const->isnull &&
        limit->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL)
        return limit->a_const->ival->ival;
    return -1;
}

/* ORDER BY one column that an index leads with: its number, -1 = it must be sorted. */
static int sorted_by_key(const PgQuery__SelectStmt *select, const TableDesc *table) {
    if (select->n_sort_clause != 1 || select->sort_clause[0]->node_case != PG_QUERY__NODE__NODE_SORT_BY)
        return -1;
    const char *column = row_conditions_column(select->sort_clause[0]->sort_by->node);
    int index = column ? row_selectivity_column(table, column) : -1;
    for (int i = 0; index >= 0 && i < table->key_count; i++)
        if (table->keys[i].column_count && table->keys[i].columns[0] == index) return index;
    return -1;
}

/* ---- what is done with the rows ----------------------------------------------------------------------- */

static double sort_cost(const RowCosts *costs, double rows) {
    return rows > 1 ? rows * log2(rows) * costs->sorted_row : 0;
}

/* Bytes of a row that is sent: the table's own as they lie, or about as many as it has columns. */
static double sent_bytes(const PgQuery__SelectStmt *select, const TableDesc *table) {
    if (!table || table->column_count == 0) return 16.0 * (double)select->n_target_list;
    const PgQuery__Node *first = select->n_target_list == 1 ? select->target_list[0] : NULL;
    bool all = first && first->node_case == PG_QUERY__NODE__NODE_RES_TARGET && first->res_target->val &&
               first->res_target->val->node_case == PG_QUERY__NODE__NODE_COLUMN_REF &&
               first->res_target->val->column_ref->n_fields > 0 &&
               first->res_target->val->column_ref->fields[0]->node_case == PG_QUERY__NODE__NODE_A_STAR;
    double share = all ? 1 : fmin(1, (double)select->n_target_list / table->column_count);
    return row_bytes(table) * share;
}

static double send_cost(const RowCosts *costs, const PgQuery__SelectStmt *select, const TableDesc *table,
                        double rows) {
    return rows * (costs->sent_row + costs->sent_byte * sent_bytes(select, table));
}

/* Groups among `rows` rows: as many as the columns have values together, where that is known. */
static double group_count(const PgQuery__SelectStmt *select, const TableDesc *table, double rows) {
    double groups = 1;
    for (size_t i = 0; i < select->n_group_clause; i++) {
        const char *name = row_conditions_column(select->group_clause[i]);
        int column = name && table ? row_selectivity_column(table, name) : -1;
        double distinct = column >= 0 ? table->columns[column].distinct : -1;
        groups *= distinct >= 1 ? distinct : sqrt(fmax(rows, 1));
    }
    return fmin(groups, fmax(rows, 1));
}

static double group_cost(const RowCosts *costs, const PgQuery__SelectStmt *select, double rows) {
    double calls = (double)select->n_target_list - (double)select->n_group_clause;
    return rows * (fmax(calls, 1) * costs->summed_row +
                   (select->n_group_clause || select->n_distinct_clause ? costs->grouped_row : 0));
}

/* ---- statements --------------------------------------------------------------------------------------- */

/* Reading in an index's order and stopping at LIMIT, where few rows are left out on the way. */
static double ordered_cost(const RowCosts *costs, const TableDesc *table, int column, double limit,
                           double share) {
    double fetched = fmin(row_cost_rows(table), limit / fmax(share, 1e-9));
    return costs->descent + fetched * (costs->index_row + costs->condition) +
           row_cost_pages_of(costs, table, column, fetched) * costs->random_page;
}

static void estimate_select(RowWork *work, const RowCosts *costs, const PgQuery__SelectStmt *select,
                            const Features *features, const TableDesc *table) {
    RowConditions conditions = {0};
    row_conditions_read(&conditions, select->where_clause);
    RowAccess access = row_cost_access(costs, table, &conditions);
    double limit = constant_limit(select), all = fmax(1, row_cost_rows(table));
    bool grouped = select->n_group_clause > 0 || features->aggregate || select->n_distinct_clause > 0;
    int order = select->n_sort_clause ? sorted_by_key(select, table) : -1;
    bool stops = limit >= 0 && !grouped && !features->window;
    double fetched = access.fetched_rows, rows = access.result_rows, cost = access.cost_ms;
    if (stops && !select->n_sort_clause && rows > limit) {
        cost *= limit / rows;
        fetched *= limit / rows;
    }
    if (select->n_sort_clause && !grouped && !access.unique) {
        double by_sort = limit >= 0 ? rows * costs->sorted_row * 2 : sort_cost(costs, rows);
        double in_order =
            order >= 0 && stops ? ordered_cost(costs, table, order, limit, rows / all) : INFINITY;
        if (order >= 0 && order == access.column) /* its rows come in that order */
            in_order = fmin(in_order, cost * (stops ? fmin(1, limit / fmax(rows, 1)) : 1));
        cost = fmin(cost + by_sort, in_order);
    }
    if (access.unique) cost = costs->descent + costs->index_row + costs->random_page;
    if (grouped && !access.unique) {
        cost += group_cost(costs, select, rows);
        rows = select->n_group_clause || select->n_distinct_clause ? group_count(select, table, rows) : 1;
        if (select->n_sort_clause) cost += sort_cost(costs, rows);
    }
    if (limit >= 0) rows = fmin(rows, limit);
    work->unique_lookup =
        access.unique && !features->window && select->op == PG_QUERY__SET_OPERATION__SETOP_NONE;
    work->estimate.rows = work->unique_lookup ? 1 : rows;
    work->estimate.cost_ms =
        cost + send_cost(costs, select, grouped ? NULL : table, rows) + (access.unique ? 0 : costs->planning);
    work->estimate.bytes_scanned = fetched * row_bytes(table);
}

/* `select` (may be NULL): the whole statement is this one. */
static void estimate_many(RowWork *work, const RowCosts *costs, const Statement *statement,
                          const PgQuery__SelectStmt *select, const Features *features) {
    double rows = 1, cost = 0, bytes = 0;
    if (select && row_cost_join(costs, statement, select, &cost, &rows, &bytes)) {
        if (features->aggregate || select->n_group_clause) {
            cost += group_cost(costs, select, rows);
            rows = select->n_group_clause ? sqrt(rows) : 1;
        }
        if (select->n_sort_clause) cost += sort_cost(costs, rows);
        double limit = constant_limit(select);
        if (limit >= 0) rows = fmin(rows, limit);
        work->estimate = (EngineEstimate){.cost_ms = cost + send_cost(costs, select, NULL, rows) +
                                                     costs->planning * statement->binding_count,
                                          .rows = rows,
                                          .bytes_scanned = bytes};
        return;
    }
    for (int i = 0; i < statement->binding_count; i++) {
        const TableDesc *table = statement->bindings[i].table;
        double table_rows = row_cost_rows(table);
        cost += (table ? row_cost_scan(costs, table, 1) : table_rows * costs->scanned_row) +
                table_rows * (costs->hashed_row + costs->probed_row) / 2;
        bytes += table && table->bytes > 0 ? (double)table->bytes : table_rows * 64;
        rows = fmax(rows, table_rows);
    }
    rows *= features->aggregate ? 0.01 : 0.25;
    work->estimate = (EngineEstimate){.cost_ms = cost + rows * (costs->sent_row + 64 * costs->sent_byte),
                                      .rows = rows,
                                      .bytes_scanned = bytes};
}

/* FROM is one table under its own columns' names: an alias that renames them may call any column as its key.
 */
static bool is_single_table(const PgQuery__SelectStmt *select) {
    if (select->n_from_clause != 1 || select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR)
        return false;
    const PgQuery__Alias *alias = select->from_clause[0]->range_var->alias;
    return (!alias || alias->n_colnames == 0) && select->op == PG_QUERY__SET_OPERATION__SETOP_NONE;
}

static void estimate_change(RowWork *work, const RowCosts *costs, const TableDesc *table,
                            const PgQuery__Node *where, bool alone) {
    RowConditions conditions = {0};
    row_conditions_read(&conditions, where);
    RowAccess access = row_cost_access(costs, table, &conditions);
    work->estimate = (EngineEstimate){.cost_ms = access.cost_ms + 0.2 + access.result_rows * 0.005,
                                      .rows = access.result_rows,
                                      .bytes_scanned = access.fetched_rows * row_bytes(table)};
    work->unique_lookup = access.unique && alone;
}

static void estimate_insert(RowWork *work, const RowCosts *costs, const Statement *statement,
                            const PgQuery__InsertStmt *insert, const Features *features) {
    const PgQuery__Node *source = insert->select_stmt;
    const PgQuery__SelectStmt *select =
        source && source->node_case == PG_QUERY__NODE__NODE_SELECT_STMT ? source->select_stmt : NULL;
    if (select && !select->n_values_lists) {
        estimate_many(work, costs, statement, NULL, features);
        work->estimate.cost_ms += fmax(work->estimate.rows, 0) * 0.005;
        return;
    }
    double rows = select ? (double)select->n_values_lists : 1;
    work->estimate = (EngineEstimate){.cost_ms = 0.3 + rows * 0.01, .rows = rows};
    work->inserted_rows = rows;
}

RowWork row_cost_estimate(const Statement *statement, const PgQuery__Node *root, const RowCosts *costs) {
    RowWork work = {.estimate = {.cost_ms = 1, .rows = -1}};
    Features features = {0};
    pgtree_visit(&root->base, see_feature, &features);
    const TableDesc *table = statement->binding_count == 1 ? statement->bindings[0].table : NULL;
    switch (root->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        if (table && is_single_table(root->select_stmt) && !features.sub_select)
            estimate_select(&work, costs, root->select_stmt, &features, table);
        else if (statement->binding_count)
            estimate_many(&work, costs, statement, features.sub_select ? NULL : root->select_stmt, &features);
        else if (!root->select_stmt->n_from_clause && !features.sub_select && !features.unknown_function)
            work = (RowWork){.unique_lookup = true, .estimate = {.cost_ms = 0.1, .rows = 1}};
        break;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        estimate_insert(&work, costs, statement, root->insert_stmt, &features);
        break;
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        if (table)
            estimate_change(&work, costs, table, root->update_stmt->where_clause,
                            !root->update_stmt->n_from_clause);
        break;
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        if (table)
            estimate_change(&work, costs, table, root->delete_stmt->where_clause,
                            !root->delete_stmt->n_using_clause);
        break;
    default:
        if (statement->binding_count) estimate_many(&work, costs, statement, NULL, &features);
        break;
    }
    work.estimate.cost_ms += costs->latency;
    work.joins_ranges = features.range && statement->binding_count > 1;
    work.plain = !features.sub_select && !features.locks && !features.unknown_function;
    return work;
}
