/* What a statement will cost PostgreSQL, from row estimates, keys and the conditions in WHERE: rough, but of
 * the right size, so that the router can tell a lookup from a scan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgcost.h"

static const double unknown_rows = 10000;
static const double selectivity_equal = 0.005, selectivity_range = 0.3, selectivity_other = 0.25;

static const char *column_of(const PgQuery__Node *node) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || !node->column_ref->n_fields)
        return NULL;
    return pgtree_string(node->column_ref->fields[node->column_ref->n_fields - 1]);
}

static bool is_constant(const PgQuery__Node *node) {
    if (!node) return false;
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) return is_constant(node->type_cast->arg);
    return node->node_case == PG_QUERY__NODE__NODE_A_CONST ||
           node->node_case == PG_QUERY__NODE__NODE_PARAM_REF;
}

static void add_condition(PgConditions *conditions, const char *column, PgCondition kind, double values) {
    if (conditions->count == MAX_CONDITIONS) {
        conditions->others++;
        return;
    }
    conditions->columns[conditions->count] = column;
    conditions->values[conditions->count] = values;
    conditions->kinds[conditions->count++] = kind;
}

static void read_operator(PgConditions *conditions, const PgQuery__AExpr *expression) {
    const char *name = expression->n_name == 1 ? pgtree_string(expression->name[0]) : NULL;
    const char *column = column_of(expression->lexpr);
    if (!(column && is_constant(expression->rexpr)) && is_constant(expression->lexpr))
        column = column_of(expression->rexpr);
    else if (!is_constant(expression->rexpr))
        column = NULL;
    if (!column || !name || !strcmp(name, "<>")) {
        conditions->others++;
        return;
    }
    if (!strcmp(name, "="))
        add_condition(conditions, column, CONDITION_EQUAL, 1);
    else
        add_condition(conditions, column, strpbrk(name, "<>") ? CONDITION_RANGE : CONDITION_OTHER, 1);
}

void pgcost_read_conditions(PgConditions *conditions, const PgQuery__Node *node) {
    if (!node) return;
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
        node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++)
            pgcost_read_conditions(conditions, node->bool_expr->args[i]);
        return;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR) {
        conditions->others++;
        return;
    }
    const PgQuery__AExpr *expression = node->a_expr;
    const char *column = column_of(expression->lexpr);
    bool list = column && expression->rexpr && expression->rexpr->node_case == PG_QUERY__NODE__NODE_LIST;
    if (expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP)
        read_operator(conditions, expression);
    else if (list && expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_IN &&
             strcmp(pgtree_string(expression->name[0]), "<>"))
        add_condition(conditions, column, CONDITION_EQUAL, (double)expression->rexpr->list->n_items);
    else if (list && expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN)
        add_condition(conditions, column, CONDITION_RANGE, 0.1);
    else
        conditions->others++;
}

static int column_index(const TableDesc *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, name)) return i;
    return -1;
}

/* Index into `conditions` of an equality (or a range where allowed) on the column, -1 = none. */
static int condition_on(const PgConditions *conditions, const TableDesc *table, int column,
                        PgCondition kind) {
    for (int i = 0; i < conditions->count; i++)
        if (conditions->kinds[i] == kind && column_index(table, conditions->columns[i]) == column) return i;
    return -1;
}

double pgcost_rows(const TableDesc *table) {
    return table && table->row_estimate >= 0 ? table->row_estimate : unknown_rows;
}

static double equal_selectivity(const TableDesc *table, int column, double rows) {
    double distinct = table->columns[column].distinct;
    return distinct > 0 ? 1 / distinct : rows > 1 ? fmax(selectivity_equal, 1 / rows) : 1;
}

static void try_key(PgAccess *access, const TableDesc *table, const KeyDesc *key,
                    const PgConditions *conditions, double rows) {
    double selectivity = 1, count = 1;
    int held = 0;
    for (; held < key->column_count && key->columns[held] >= 0; held++) {
        int at = condition_on(conditions, table, key->columns[held], CONDITION_EQUAL);
        if (at < 0) break;
        count *= conditions->values[at];
        selectivity *= equal_selectivity(table, key->columns[held], rows) * conditions->values[at];
    }
    bool whole = key->unique && held == key->column_count && held > 0;
    double fetched = whole ? fmin(count, fmax(rows, 1)) : rows * selectivity;
    if (!whole && held < key->column_count && key->columns[held] >= 0 &&
        condition_on(conditions, table, key->columns[held], CONDITION_RANGE) >= 0) {
        int at = condition_on(conditions, table, key->columns[held], CONDITION_RANGE);
        fetched *= conditions->values[at] < 1 ? conditions->values[at] : selectivity_range;
        held++;
    }
    if (!held || (access->indexed && fetched >= access->fetched_rows)) return;
    access->indexed = true;
    access->fetched_rows = fetched;
    access->unique |= whole && count <= 1;
}

PgAccess pgcost_access(const TableDesc *table, const PgConditions *conditions) {
    double rows = pgcost_rows(table);
    PgAccess access = {.fetched_rows = rows};
    for (int i = 0; i < table->key_count; i++)
        try_key(&access, table, &table->keys[i], conditions, rows);
    double selectivity = 1;
    for (int i = 0; i < conditions->count; i++) {
        int column = column_index(table, conditions->columns[i]);
        if (column < 0) continue;
        selectivity *= conditions->kinds[i] == CONDITION_EQUAL
                           ? fmin(1, equal_selectivity(table, column, rows) * conditions->values[i])
                       : conditions->kinds[i] == CONDITION_RANGE ? selectivity_range
                                                                 : selectivity_other;
    }
    for (int i = 0; i < conditions->others && i < 4; i++)
        selectivity *= selectivity_other;
    access.result_rows =
        access.indexed ? fmin(access.fetched_rows, fmax(1, rows * selectivity)) : rows * selectivity;
    return access;
}

/* ---- features of the tree ----------------------------------------------------------------------------- */

typedef struct Features {
    bool sub_select, locks, unknown_function, aggregate, window;
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

static bool sorted_by_key(const PgQuery__SelectStmt *select, const TableDesc *table) {
    if (select->n_sort_clause != 1 || select->sort_clause[0]->node_case != PG_QUERY__NODE__NODE_SORT_BY)
        return false;
    const char *column = column_of(select->sort_clause[0]->sort_by->node);
    int index = column ? column_index(table, column) : -1;
    for (int i = 0; index >= 0 && i < table->key_count; i++)
        if (table->keys[i].column_count && table->keys[i].columns[0] == index) return true;
    return false;
}

static double row_bytes(const TableDesc *table) {
    double rows = pgcost_rows(table);
    return table->bytes > 0 && rows >= 1 ? (double)table->bytes / rows : 64;
}

/* ---- statements --------------------------------------------------------------------------------------- */

static void estimate_select(PgShapeOfWork *work, const PgQuery__SelectStmt *select, const Features *features,
                            const TableDesc *table) {
    PgConditions conditions = {0};
    pgcost_read_conditions(&conditions, select->where_clause);
    PgAccess access = pgcost_access(table, &conditions);
    double limit = constant_limit(select);
    bool grouped = select->n_group_clause > 0 || features->aggregate || select->n_distinct_clause > 0;
    bool sorted = select->n_sort_clause > 0 && !sorted_by_key(select, table);
    double fetched = access.fetched_rows, rows = access.result_rows;
    if (limit >= 0 && !grouped && !sorted && !features->window) {
        double share = rows > limit ? limit / fmax(rows, 1) : 1;
        fetched *= share; /* stops at the limit */
    }
    bool by_index = access.indexed || (limit >= 0 && select->n_sort_clause && !sorted);
    double cost =
        access.unique ? PGCOST_LOOKUP : fetched * (by_index ? PGCOST_INDEX_ROW : PGCOST_SCANNED_ROW);
    if (by_index && fetched > 1000) /* large ranges become bitmap or sequential scans */
        cost = fmin(cost, pgcost_rows(table) * PGCOST_SCANNED_ROW + fetched * PGCOST_SCANNED_ROW);
    if (grouped && !access.unique)
        cost += rows * PGCOST_SCANNED_ROW * (select->n_group_clause ? 1.5 : 0.2),
            rows = select->n_group_clause ? sqrt(rows) : 1;
    if (sorted && rows > 1) cost += rows * log2(rows) * PGCOST_SCANNED_ROW * 0.3;
    if (limit >= 0) rows = fmin(rows, limit);
    work->unique_lookup =
        access.unique && !features->window && select->op == PG_QUERY__SET_OPERATION__SETOP_NONE;
    work->estimate.rows = work->unique_lookup ? 1 : rows;
    work->estimate.cost_ms = cost + rows * PGCOST_SENT_ROW + (access.unique ? 0 : PGCOST_PLANNING);
    work->estimate.bytes_scanned = fetched * row_bytes(table);
}

/* `select` (may be NULL): the whole statement is this one. */
static void estimate_many(PgShapeOfWork *work, const Statement *statement, const PgQuery__SelectStmt *select,
                          const Features *features) {
    double rows = 1, cost = 0, bytes = 0;
    if (select && pgcost_join(statement, select, &cost, &rows, &bytes)) {
        if (features->aggregate || select->n_group_clause)
            cost += rows * PGCOST_SCANNED_ROW * 1.5, rows = select->n_group_clause ? sqrt(rows) : 1;
        else if (select->n_sort_clause && rows > 1)
            cost += rows * log2(rows) * PGCOST_SCANNED_ROW * 0.3;
        work->estimate = (EngineEstimate){.cost_ms = cost + rows * PGCOST_SENT_ROW +
                                                     PGCOST_PLANNING * statement->binding_count,
                                          .rows = rows,
                                          .bytes_scanned = bytes};
        return;
    }
    for (int i = 0; i < statement->binding_count; i++) {
        const TableDesc *table = statement->bindings[i].table;
        double table_rows = pgcost_rows(table);
        cost += table_rows * PGCOST_SCANNED_ROW * 2; /* read, hashed or probed */
        bytes += table && table->bytes > 0 ? (double)table->bytes : table_rows * 64;
        rows = fmax(rows, table_rows);
    }
    rows *= features->aggregate ? 0.01 : 0.25;
    work->estimate =
        (EngineEstimate){.cost_ms = cost + rows * PGCOST_SENT_ROW, .rows = rows, .bytes_scanned = bytes};
}

/* FROM is one table under its own columns' names: an alias that renames them may call any column as its key.
 */
static bool is_single_table(const PgQuery__SelectStmt *select) {
    if (select->n_from_clause != 1 || select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR)
        return false;
    const PgQuery__Alias *alias = select->from_clause[0]->range_var->alias;
    return (!alias || alias->n_colnames == 0) && select->op == PG_QUERY__SET_OPERATION__SETOP_NONE;
}

static void estimate_change(PgShapeOfWork *work, const TableDesc *table, const PgQuery__Node *where,
                            bool alone) {
    PgConditions conditions = {0};
    pgcost_read_conditions(&conditions, where);
    PgAccess access = pgcost_access(table, &conditions);
    double cost = access.unique
                      ? PGCOST_LOOKUP
                      : access.fetched_rows * (access.indexed ? PGCOST_INDEX_ROW : PGCOST_SCANNED_ROW);
    work->estimate = (EngineEstimate){.cost_ms = cost + 0.2 + access.result_rows * 0.005,
                                      .rows = access.result_rows,
                                      .bytes_scanned = access.fetched_rows * row_bytes(table)};
    work->unique_lookup = access.unique && alone;
}

static void estimate_insert(PgShapeOfWork *work, const Statement *statement,
                            const PgQuery__InsertStmt *insert, const Features *features) {
    const PgQuery__Node *source = insert->select_stmt;
    const PgQuery__SelectStmt *select =
        source && source->node_case == PG_QUERY__NODE__NODE_SELECT_STMT ? source->select_stmt : NULL;
    if (select && !select->n_values_lists) {
        estimate_many(work, statement, NULL, features);
        work->estimate.cost_ms += fmax(work->estimate.rows, 0) * 0.005;
        return;
    }
    double rows = select ? (double)select->n_values_lists : 1;
    work->estimate = (EngineEstimate){.cost_ms = 0.3 + rows * 0.01, .rows = rows};
    work->unique_lookup = rows <= PGLIFT_MAX;
}

PgShapeOfWork pgcost_estimate(const Statement *statement, const PgQuery__Node *root, double latency_ms) {
    PgShapeOfWork work = {.estimate = {.cost_ms = 1, .rows = -1}};
    Features features = {0};
    pgtree_visit(&root->base, see_feature, &features);
    const TableDesc *table = statement->binding_count == 1 ? statement->bindings[0].table : NULL;
    switch (root->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        if (table && is_single_table(root->select_stmt) && !features.sub_select)
            estimate_select(&work, root->select_stmt, &features, table);
        else if (statement->binding_count)
            estimate_many(&work, statement, features.sub_select ? NULL : root->select_stmt, &features);
        else if (!root->select_stmt->n_from_clause && !features.sub_select && !features.unknown_function)
            work = (PgShapeOfWork){.unique_lookup = true, .estimate = {.cost_ms = 0.1, .rows = 1}};
        break;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        estimate_insert(&work, statement, root->insert_stmt, &features);
        break;
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        if (table)
            estimate_change(&work, table, root->update_stmt->where_clause, !root->update_stmt->n_from_clause);
        break;
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        if (table)
            estimate_change(&work, table, root->delete_stmt->where_clause,
                            !root->delete_stmt->n_using_clause);
        break;
    default:
        if (statement->binding_count) estimate_many(&work, statement, NULL, &features);
        break;
    }
    work.estimate.cost_ms += latency_ms;
    work.plain = !features.sub_select && !features.locks && !features.unknown_function;
    return work;
}
