/* GROUP BY and HAVING. */
#include <string.h>

#include "engines/mysql/dialect_internal.h"

/* Writes every place, from 1 on, where the select list has the expression. False: it is nowhere, or a * moves
 * the places. */
static bool write_places(DialectWriter *w, const PgQuery__SelectStmt *select, const Node *node) {
    bool found = false;
    for (size_t i = 0; i < select->n_target_list; i++)
        if (dialect_is_star(select->target_list[i]->res_target->val)) return false;
    for (size_t i = 0; i < select->n_target_list; i++) {
        if (!dialect_same_tree(&select->target_list[i]->res_target->val->base, &node->base)) continue;
        strbuf_printf(&w->out, found ? ", %zu" : "%zu", i + 1);
        found = true;
    }
    return found;
}

/* Expressions are named by their place in the select list: MySQL does not see that two of them are one. */
static Status write_group_key(DialectWriter *w, Scope *scope, const PgQuery__SelectStmt *select,
                              const Node *node) {
    const FromItem *item;
    bool is_column = node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF &&
                     (node->column_ref->n_fields > 1 || dialect_column(scope, node->column_ref, &item));
    const Node *meant = is_column ? NULL : dialect_target_meant(select, node);
    if (meant) node = meant;
    if (dialect_info(w, scope, node).inexact_text)
        return dialect_decline(w, -1, "GROUP BY over text whose collation takes unequal strings as equal");
    if (dialect_is_constant(node)) return dialect_decline(w, -1, "GROUP BY a constant");
    if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) return dialect_expr(w, scope, node);
    if (!write_places(w, select, node))
        return dialect_decline(w, -1, "GROUP BY an expression that is not in the select list");
    return STATUS_OK;
}

/* Columns that HAVING reads outside of aggregates, and that are no keys of the groups. MySQL knows no
 * expressions of keys there. */
static bool reads_beyond_keys(const PgQuery__SelectStmt *select, const Node *node) {
    if (!node) return false;
    bool is_aggregate =
        node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL && dialect_aggregates(node->func_call);
    if (is_aggregate) return false;
    if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
        for (size_t i = 0; i < select->n_group_clause; i++)
            if (dialect_same_tree(&select->group_clause[i]->base, &node->base)) return false;
        return true;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_A_EXPR)
        return reads_beyond_keys(select, node->a_expr->lexpr) ||
               reads_beyond_keys(select, node->a_expr->rexpr);
    if (node->node_case == PG_QUERY__NODE__NODE_NULL_TEST)
        return reads_beyond_keys(select, node->null_test->arg);
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++)
            if (reads_beyond_keys(select, node->bool_expr->args[i])) return true;
        return false;
    }
    return dialect_reads_column(&node->base, NULL);
}

Status dialect_group_by(DialectWriter *w, Scope *scope, const PgQuery__SelectStmt *select) {
    for (size_t i = 0; i < select->n_group_clause; i++) {
        const Node *node = select->group_clause[i];
        if (node->node_case == PG_QUERY__NODE__NODE_GROUPING_SET)
            return dialect_decline(w, -1, "GROUPING SETS");
        strbuf_append_text(&w->out, i ? ", " : " GROUP BY ");
        TRY(write_group_key(w, scope, select, node));
    }
    if (select->having_clause) {
        if (reads_beyond_keys(select, select->having_clause))
            return dialect_decline(w, -1, "HAVING over something that is neither a key nor an aggregate");
        strbuf_append_text(&w->out, " HAVING ");
        TRY(dialect_condition(w, scope, select->having_clause));
    }
    return STATUS_OK;
}
