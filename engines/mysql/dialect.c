#include "engines/mysql/dialect.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "engines/mysql/dialect_internal.h"

/* ---- FROM
 * -----------------------------------------------------------------------------------------------------------
 */

static const TableBinding *binding_of(DialectWriter *w, const PgQuery__RangeVar *relation) {
    for (int i = 0; i < w->statement->binding_count; i++) {
        const TableBinding *binding = &w->statement->bindings[i];
        const char *schema = relation->schemaname && relation->schemaname[0] ? relation->schemaname : NULL;
        bool same_schema = !schema ? !binding->written_schema
                                   : binding->written_schema && !strcmp(schema, binding->written_schema);
        if (same_schema && !strcmp(binding->written_name, relation->relname)) return binding;
    }
    return NULL;
}

static const char *alias_of(const PgQuery__Alias *alias) {
    return alias && alias->aliasname && alias->aliasname[0] ? alias->aliasname : NULL;
}

static const CommonTable *cte_of(const DialectWriter *w, const PgQuery__RangeVar *relation) {
    if (relation->schemaname && relation->schemaname[0]) return NULL;
    for (const CommonTable *cte = w->ctes; cte; cte = cte->next)
        if (!strcmp(cte->name, relation->relname)) return cte;
    return NULL;
}

static FromItem *scope_add(DialectWriter *w, Scope *scope, const char *name) {
    FromItem *item = ARENA_NEW(w->arena, FromItem);
    item->name = name;
    item->next = scope->items;
    scope->items = item;
    return item;
}

/* Names are resolved before anything is written: conditions of a join may refer to tables that come later in
 * the text. */
static Status collect_relation(DialectWriter *w, Scope *scope, const PgQuery__RangeVar *relation,
                               bool outer) {
    const char *alias = alias_of(relation->alias);
    if (relation->alias && relation->alias->n_colnames)
        return dialect_decline(w, relation->location, "an alias with a column list");
    FromItem *item = scope_add(w, scope, alias ? alias : relation->relname);
    item->outer = outer;
    const CommonTable *cte = cte_of(w, relation);
    if (cte) {
        item->column_names = cte->columns->column_names;
        item->column_types = cte->columns->column_types;
        item->column_scales = cte->columns->column_scales;
        item->column_inexact = cte->columns->column_inexact;
        item->column_count = cte->columns->column_count;
        return STATUS_OK;
    }
    const TableBinding *binding = binding_of(w, relation);
    if (!binding || binding->engine != w->options.self)
        return error_set_at(w->err, SQLSTATE_FEATURE_NOT_SUPPORTED, relation->location + 1,
                            "table %s is not in the engine %s", relation->relname, w->options.self->name);
    item->table = binding->table;
    return STATUS_OK;
}

const WrittenSelect *dialect_subselect(DialectWriter *w, const Scope *scope,
                                       const PgQuery__SelectStmt *select) {
    for (const WrittenSelect *written = w->selects; written; written = written->next)
        if (written->select == select) {
            if (written->status != STATUS_OK && w->err) *w->err = written->error;
            return written->status == STATUS_OK ? written : NULL;
        }
    WrittenSelect *written = ARENA_NEW(w->arena, WrittenSelect);
    DialectWriter outside = *w;
    strbuf_init(&w->out);
    w->params = NULL;
    w->param_types = NULL;
    w->param_count = w->param_capacity = 0;
    written->select = select;
    strbuf_append_char(&w->out, '(');
    written->status = dialect_select(w, (Scope *)scope, select, &written->columns);
    strbuf_append_char(&w->out, ')');
    written->text = arena_strndup(w->arena, strbuf_text(&w->out), w->out.length);
    written->params = w->params;
    written->param_types = w->param_types;
    written->param_count = w->param_count;
    if (written->status != STATUS_OK && w->err) written->error = *w->err;
    strbuf_deinit(&w->out);
    w->out = outside.out;
    w->params = outside.params;
    w->param_types = outside.param_types;
    w->param_count = outside.param_count;
    w->param_capacity = outside.param_capacity;
    w->depth = outside.depth;
    w->ctes = outside.ctes;
    written->next = w->selects;
    w->selects = written;
    return written->status == STATUS_OK ? written : NULL;
}

void dialect_append_select(DialectWriter *w, const WrittenSelect *select) {
    strbuf_append_text(&w->out, select->text);
    for (int i = 0; i < select->param_count; i++)
        dialect_add_param(w, select->params[i], select->param_types[i]);
}

static Status collect_subselect(DialectWriter *w, Scope *scope, const PgQuery__RangeSubselect *sub,
                                bool outer) {
    if (!alias_of(sub->alias) || sub->alias->n_colnames)
        return dialect_decline(w, -1, "a derived table without a plain alias");
    if (sub->lateral || sub->subquery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return dialect_decline(w, -1, sub->lateral ? "LATERAL" : "this derived table");
    const WrittenSelect *select = dialect_subselect(w, scope->outer, sub->subquery->select_stmt);
    if (!select) return STATUS_ERROR;
    FromItem *item = scope_add(w, scope, sub->alias->aliasname);
    item->column_names = select->columns.column_names;
    item->column_types = select->columns.column_types;
    item->column_scales = select->columns.column_scales;
    item->column_inexact = select->columns.column_inexact;
    item->column_count = select->columns.column_count;
    item->outer = outer;
    return STATUS_OK;
}

static Status write_subselect(DialectWriter *w, Scope *scope, const PgQuery__RangeSubselect *sub) {
    const WrittenSelect *select = dialect_subselect(w, scope->outer, sub->subquery->select_stmt);
    if (!select) return STATUS_ERROR;
    dialect_append_select(w, select);
    strbuf_append_text(&w->out, " AS ");
    strbuf_append_identifier(&w->out, alias_of(sub->alias), '`');
    return STATUS_OK;
}

static Status collect_from(DialectWriter *w, Scope *scope, const Node *node, bool outer) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR: return collect_relation(w, scope, node->range_var, outer);
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
        return collect_subselect(w, scope, node->range_subselect, outer);
    case PG_QUERY__NODE__NODE_JOIN_EXPR: {
        const PgQuery__JoinExpr *join = node->join_expr;
        bool left_outer = join->jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT;
        bool right_outer = join->jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT;
        TRY(collect_from(w, scope, join->larg, outer || left_outer));
        return collect_from(w, scope, join->rarg, outer || right_outer);
    }
    default: return dialect_decline(w, -1, "a function in FROM");
    }
}

static Status write_relation(DialectWriter *w, const PgQuery__RangeVar *relation) {
    const TableBinding *binding = cte_of(w, relation) ? NULL : binding_of(w, relation);
    if (binding) {
        strbuf_append_identifier(&w->out, binding->table->schema, '`');
        strbuf_append_char(&w->out, '.');
    }
    strbuf_append_identifier(&w->out, binding ? binding->table->name : relation->relname, '`');
    const char *alias = alias_of(relation->alias);
    strbuf_append_text(&w->out, " AS ");
    strbuf_append_identifier(&w->out, alias ? alias : relation->relname, '`');
    return STATUS_OK;
}

static Status write_from(DialectWriter *w, Scope *scope, const Node *node);

static Status write_join(DialectWriter *w, Scope *scope, const PgQuery__JoinExpr *join) {
    const char *word = join->jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT    ? " LEFT JOIN "
                       : join->jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT ? " RIGHT JOIN "
                       : join->jointype == PG_QUERY__JOIN_TYPE__JOIN_INNER
                           ? (join->quals ? " JOIN " : " CROSS JOIN ")
                           : NULL;
    if (!word) return dialect_decline(w, -1, "FULL JOIN");
    if (join->n_using_clause || join->is_natural || join->alias)
        return dialect_decline(w, -1, "JOIN ... USING, NATURAL JOIN or a join's alias");
    strbuf_append_char(&w->out, '(');
    TRY(write_from(w, scope, join->larg));
    strbuf_append_text(&w->out, word);
    TRY(write_from(w, scope, join->rarg));
    if (join->quals) {
        strbuf_append_text(&w->out, " ON ");
        TRY(dialect_condition(w, scope, join->quals));
    }
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_from(DialectWriter *w, Scope *scope, const Node *node) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR: return write_relation(w, node->range_var);
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT: return write_subselect(w, scope, node->range_subselect);
    default: return write_join(w, scope, node->join_expr);
    }
}

/* ---- SELECT list
 * ------------------------------------------------------------------------------------------------------ */

static void add_column(DialectWriter *w, FromItem *columns, const char *name, ExprInfo info, int scale) {
    int count = columns->column_count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        int capacity = count ? count * 2 : 1;
        const char **names = ARENA_NEW_ARRAY(w->arena, const char *, capacity);
        SqlType *types = ARENA_NEW_ARRAY(w->arena, SqlType, capacity);
        int *scales = ARENA_NEW_ARRAY(w->arena, int, capacity);
        bool *inexact = ARENA_NEW_ARRAY(w->arena, bool, capacity);
        if (count) {
            memcpy(names, columns->column_names, sizeof *names * (size_t)count);
            memcpy(types, columns->column_types, sizeof *types * (size_t)count);
            memcpy(scales, columns->column_scales, sizeof *scales * (size_t)count);
            memcpy(inexact, columns->column_inexact, sizeof *inexact * (size_t)count);
        }
        columns->column_names = names;
        columns->column_types = types;
        columns->column_scales = scales;
        columns->column_inexact = inexact;
    }
    columns->column_names[count] = name;
    columns->column_types[count] = info.type;
    columns->column_scales[count] = scale;
    columns->column_inexact[count] = info.inexact_text;
    columns->column_count++;
}

static Status expand_star(DialectWriter *w, const Scope *scope, const PgQuery__ColumnRef *ref,
                          FromItem *columns) {
    const char *qualifier = ref->n_fields > 1 ? dialect_string(ref->fields[ref->n_fields - 2]) : NULL;
    const FromItem *order[64];
    int count = 0;
    for (const FromItem *item = scope->items; item && count < 64; item = item->next)
        if (!qualifier || !strcmp(item->name, qualifier)) order[count++] = item;
    bool first = true;
    while (count-- > 0) { /* the newest stands first in the list */
        const FromItem *item = order[count];
        int total = item->table ? item->table->column_count : item->column_count;
        for (int i = 0; i < total; i++, first = false) {
            const char *name = item->table ? item->table->columns[i].name : item->column_names[i];
            if (!first) strbuf_append_text(&w->out, ", ");
            strbuf_append_identifier(&w->out, item->name, '`');
            strbuf_append_char(&w->out, '.');
            strbuf_append_identifier(&w->out, name, '`');
            SqlType type = item->table ? item->table->columns[i].type : item->column_types[i];
            int own = type.precision > 0 ? type.scale : DIALECT_SCALE_UNKNOWN;
            ExprInfo info = {.type = type,
                             .inexact_text = item->table
                                                 ? !dialect_is_exact(w, item->table, &item->table->columns[i])
                                                 : item->column_inexact[i]};
            add_column(w, columns, name, info, item->table ? own : item->column_scales[i]);
        }
    }
    if (first) return dialect_decline(w, ref->location, "* over nothing");
    return STATUS_OK;
}

static const char *name_by_strength(const Node *node, int *strength);

/* A scalar subquery is called what its column is. */
static const char *sublink_name(const PgQuery__SubLink *link, int *strength) {
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK) {
        *strength = 2;
        return "exists";
    }
    const Node *select = link->subselect;
    if (link->sub_link_type != PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK || !select ||
        select->node_case != PG_QUERY__NODE__NODE_SELECT_STMT || select->select_stmt->n_target_list == 0)
        return NULL;
    const Node *target = select->select_stmt->target_list[0];
    if (target->node_case != PG_QUERY__NODE__NODE_RES_TARGET) return NULL;
    if (!target->res_target->name[0]) return name_by_strength(target->res_target->val, strength);
    *strength = 2;
    return target->res_target->name;
}

/* strength 2: a name of its own; 1: only if nothing better is found (casts, CASE); 0: none. */
static const char *name_by_strength(const Node *node, int *strength) {
    const char *name = NULL;
    *strength = 0;
    if (!node) return NULL;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        name = dialect_string(node->column_ref->fields[node->column_ref->n_fields - 1]);
        break;
    case PG_QUERY__NODE__NODE_FUNC_CALL: name = dialect_function_name(node->func_call); break;
    case PG_QUERY__NODE__NODE_COALESCE_EXPR: name = "coalesce"; break;
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        name = node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST ? "greatest" : "least";
        break;
    case PG_QUERY__NODE__NODE_A_EXPR:
        name = node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF ? "nullif" : NULL;
        break;
    case PG_QUERY__NODE__NODE_CASE_EXPR:
    case PG_QUERY__NODE__NODE_TYPE_CAST: {
        bool is_case = node->node_case == PG_QUERY__NODE__NODE_CASE_EXPR;
        name = name_by_strength(is_case ? node->case_expr->defresult : node->type_cast->arg, strength);
        if (*strength == 2) return name;
        *strength = 1;
        return is_case ? "case"
                       : dialect_string(
                             node->type_cast->type_name->names[node->type_cast->type_name->n_names - 1]);
    }
    case PG_QUERY__NODE__NODE_SUB_LINK: return sublink_name(node->sub_link, strength);
    default: break;
    }
    *strength = name ? 2 : 0;
    return name;
}

/* PostgreSQL's name of an unnamed output column. */
static const char *output_name(const Node *node) {
    int strength;
    const char *name = name_by_strength(node, &strength);
    return name ? name : "?column?";
}

bool dialect_is_star(const Node *node) {
    return node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF &&
           node->column_ref->fields[node->column_ref->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR;
}

static Status write_target(DialectWriter *w, Scope *scope, const PgQuery__ResTarget *target,
                           FromItem *columns) {
    if (dialect_is_star(target->val)) return expand_star(w, scope, target->val->column_ref, columns);
    ExprInfo info = dialect_info(w, scope, target->val);
    const char *name = target->name && target->name[0] ? target->name : output_name(target->val);
    if (info.type.id == SQL_UNKNOWN) info.type = sqltype_of(SQL_TEXT);
    TRY(dialect_expr(w, scope, target->val));
    strbuf_append_text(&w->out, " AS ");
    strbuf_append_identifier(&w->out, name, '`');
    add_column(w, columns, name, info, dialect_scale(w, scope, target->val));
    return STATUS_OK;
}

static Status write_targets(DialectWriter *w, Scope *scope, Node *const *targets, size_t count,
                            FromItem *columns) {
    if (!count) return dialect_decline(w, -1, "a SELECT without columns");
    for (size_t i = 0; i < count; i++) {
        if (i) strbuf_append_text(&w->out, ", ");
        TRY(write_target(w, scope, targets[i]->res_target, columns));
    }
    return STATUS_OK;
}

/* ---- the clauses after WHERE
 * ------------------------------------------------------------------------------------------ */

/* The select-list item that an ordinal or a bare name means, or NULL. */
const Node *dialect_target_meant(const PgQuery__SelectStmt *select, const Node *node) {
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST &&
        node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        int ordinal = node->a_const->ival->ival;
        return ordinal >= 1 && (size_t)ordinal <= select->n_target_list
                   ? select->target_list[ordinal - 1]->res_target->val
                   : NULL;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields != 1) return NULL;
    const char *name = dialect_string(node->column_ref->fields[0]);
    for (size_t i = 0; name && i < select->n_target_list; i++) {
        const PgQuery__ResTarget *target = select->target_list[i]->res_target;
        if (target->name && !strcmp(target->name, name)) return target->val;
    }
    return NULL;
}

/* PostgreSQL sorts NULL as larger than everything; MySQL as smaller. */
static Status write_sort_key(DialectWriter *w, Scope *scope, const PgQuery__SelectStmt *select,
                             const PgQuery__SortBy *sort) {
    const Node *meant = dialect_target_meant(select, sort->node);
    const Node *node = meant ? meant : sort->node;
    bool descending = sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    bool nulls_first = sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST ||
                       (descending && sort->sortby_nulls != PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST);
    if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_USING)
        return dialect_decline(w, sort->location, "ORDER BY ... USING");
    if (dialect_is_star(node)) return dialect_decline(w, sort->location, "ORDER BY *");
    if (!meant && node->node_case == PG_QUERY__NODE__NODE_A_CONST)
        return dialect_decline(w, sort->location, "ORDER BY a constant");
    if (dialect_is_constant(node)) { /* MySQL would take a number for a column's place */
        strbuf_append_text(&w->out, "NULL");
        return STATUS_OK;
    }
    ExprInfo info = dialect_info(w, scope, node);
    if (info.nullable && nulls_first == descending) {
        strbuf_append_text(&w->out, "(");
        TRY(dialect_expr(w, scope, node));
        strbuf_append_text(&w->out, nulls_first ? ") IS NOT NULL, " : ") IS NULL, ");
    }
    TRY(dialect_exact_text(w, scope, node));
    strbuf_append_text(&w->out, descending ? " DESC" : " ASC");
    return STATUS_OK;
}

static Status write_limit_value(DialectWriter *w, Scope *scope, const Node *node) {
    bool plain = node->node_case == PG_QUERY__NODE__NODE_PARAM_REF ||
                 (node->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                  node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL && node->a_const->ival->ival >= 0);
    if (!plain) return dialect_decline(w, -1, "a LIMIT or OFFSET that is not a plain number");
    return dialect_expr_as(w, scope, node, sqltype_of(SQL_INT8));
}

static Status write_order_and_limit(DialectWriter *w, Scope *scope, const PgQuery__SelectStmt *select) {
    for (size_t i = 0; i < select->n_sort_clause; i++) {
        strbuf_append_text(&w->out, i ? ", " : " ORDER BY ");
        TRY(write_sort_key(w, scope, select, select->sort_clause[i]->sort_by));
    }
    if (select->limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES)
        return dialect_decline(w, -1, "FETCH ... WITH TIES");
    bool no_limit = !select->limit_count || (select->limit_count->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                                             select->limit_count->a_const->isnull);
    if (!no_limit) {
        strbuf_append_text(&w->out, " LIMIT ");
        TRY(write_limit_value(w, scope, select->limit_count));
    }
    if (!select->limit_offset) return STATUS_OK;
    strbuf_append_text(&w->out, no_limit ? " LIMIT 18446744073709551615 OFFSET " : " OFFSET ");
    return write_limit_value(w, scope, select->limit_offset);
}

/* ---- SELECT
 * ---------------------------------------------------------------------------------------------------------
 */

static Status write_ctes(DialectWriter *w, Scope *outer, const PgQuery__WithClause *with) {
    if (with->recursive) return dialect_decline(w, with->location, "WITH RECURSIVE");
    for (size_t i = 0; i < with->n_ctes; i++) {
        const PgQuery__CommonTableExpr *cte = with->ctes[i]->common_table_expr;
        if (cte->n_aliascolnames || cte->ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
            return dialect_decline(w, cte->location, "a CTE with a column list or a data-modifying CTE");
        strbuf_append_text(&w->out, i ? ", " : "WITH ");
        strbuf_append_identifier(&w->out, cte->ctename, '`');
        strbuf_append_text(&w->out, " AS (");
        CommonTable *entry = ARENA_NEW(w->arena, CommonTable);
        entry->columns = ARENA_NEW(w->arena, FromItem);
        TRY(dialect_select(w, outer, cte->ctequery->select_stmt, entry->columns));
        strbuf_append_char(&w->out, ')');
        entry->name = cte->ctename;
        entry->next = w->ctes;
        w->ctes = entry;
    }
    strbuf_append_char(&w->out, ' ');
    return STATUS_OK;
}

static Status check_exact_columns(DialectWriter *w, const Scope *scope, const PgQuery__SelectStmt *select,
                                  const char *what) {
    for (size_t i = 0; i < select->n_target_list; i++) {
        const Node *value = select->target_list[i]->res_target->val;
        if (dialect_is_star(value) || dialect_info(w, scope, value).inexact_text)
            return dialect_decline(w, -1, what);
    }
    return STATUS_OK;
}

static Status write_set_operation(DialectWriter *w, Scope *outer, const PgQuery__SelectStmt *select,
                                  FromItem *columns) {
    FromItem right = {0};
    Scope none = {.outer = outer};
    if (select->op != PG_QUERY__SET_OPERATION__SETOP_UNION || !select->all)
        return dialect_decline(w, -1, "UNION, INTERSECT or EXCEPT (only UNION ALL is)");
    strbuf_append_char(&w->out, '(');
    TRY(dialect_select(w, outer, select->larg, columns));
    strbuf_append_text(&w->out, ") UNION ALL (");
    TRY(dialect_select(w, outer, select->rarg, &right));
    strbuf_append_char(&w->out, ')');
    if (right.column_count != columns->column_count)
        return dialect_decline(w, -1, "a UNION of different numbers of columns");
    for (int i = 0; i < right.column_count; i++) {
        int scale = columns->column_scales[i];
        if (right.column_types[i].id != columns->column_types[i].id)
            return dialect_decline(w, -1, "a UNION of different types");
        if (right.column_types[i].id == SQL_NUMERIC && (scale < 0 || scale != right.column_scales[i]))
            return dialect_decline(w, -1, "a UNION of numerics with different digits after the point");
        if (right.column_inexact[i] || columns->column_inexact[i])
            return dialect_decline(w, -1, "a UNION of texts whose collations may differ");
    }
    if (select->n_sort_clause) return dialect_decline(w, -1, "ORDER BY over a UNION");
    return write_order_and_limit(w, &none, select);
}

static Status write_plain_select(DialectWriter *w, Scope *scope, const PgQuery__SelectStmt *select,
                                 FromItem *columns) {
    if (select->n_window_clause || select->n_values_lists || select->into_clause || select->n_locking_clause)
        return dialect_decline(w, -1, "WINDOW, VALUES, INTO or FOR UPDATE");
    for (size_t i = 0; i < select->n_from_clause; i++)
        TRY(collect_from(w, scope, select->from_clause[i], false));
    strbuf_append_text(&w->out, "SELECT ");
    if (select->n_distinct_clause) {
        bool is_on = select->n_distinct_clause > 1 ||
                     select->distinct_clause[0]->node_case != PG_QUERY__NODE__NODE__NOT_SET;
        if (is_on) return dialect_decline(w, -1, "DISTINCT ON");
        TRY(check_exact_columns(w, scope, select,
                                "DISTINCT over text whose collation takes unequal strings as equal"));
        strbuf_append_text(&w->out, "DISTINCT ");
    }
    TRY(write_targets(w, scope, select->target_list, select->n_target_list, columns));
    for (size_t i = 0; i < select->n_from_clause; i++) {
        strbuf_append_text(&w->out, i ? " CROSS JOIN " : " FROM ");
        TRY(write_from(w, scope, select->from_clause[i]));
    }
    if (select->where_clause) {
        strbuf_append_text(&w->out, select->n_from_clause ? " WHERE " : " FROM DUAL WHERE ");
        TRY(dialect_condition(w, scope, select->where_clause));
    }
    TRY(dialect_group_by(w, scope, select));
    return write_order_and_limit(w, scope, select);
}

Status dialect_select(DialectWriter *w, Scope *outer, const PgQuery__SelectStmt *select, FromItem *columns) {
    Scope *scope = ARENA_NEW(w->arena, Scope);
    scope->outer = outer;
    CommonTable *visible = w->ctes;
    if (++w->depth > 200) return dialect_decline(w, -1, "a query nested this deep");
    if (select->with_clause) TRY(write_ctes(w, outer, select->with_clause));
    Status status = select->op != PG_QUERY__SET_OPERATION__SETOP_NONE
                        ? write_set_operation(w, outer, select, columns)
                        : write_plain_select(w, scope, select, columns);
    w->ctes = visible;
    w->depth--;
    return status;
}

/* ---- writes
 * -----------------------------------------------------------------------------------------------------------
 */

static const ColumnDesc *table_column(const TableDesc *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, name)) return &table->columns[i];
    return NULL;
}

/* A value for a column, where PostgreSQL would cast it on assignment without a word and MySQL would give the
 * same. */
static Status write_assigned(DialectWriter *w, Scope *scope, const Node *value, const ColumnDesc *column) {
    if (value->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT) {
        strbuf_append_text(&w->out, "DEFAULT");
        return STATUS_OK;
    }
    SqlType from = dialect_info(w, scope, value).type, to = column->type;
    bool fits =
        from.id == SQL_UNKNOWN || from.id == to.id || (sqltype_is_number(from) && sqltype_is_number(to)) ||
        (sqltype_is_text(to) && (sqltype_is_text(from) || sqltype_is_integer(from))) ||
        (to.id == SQL_TIMESTAMP && from.id == SQL_DATE) || (to.id == SQL_DATE && from.id == SQL_TIMESTAMP);
    if (!fits) {
        char what[160];
        snprintf(what, sizeof what, "a value of this type for column \"%.80s\"", column->name);
        return dialect_decline(w, -1, what);
    }
    return dialect_expr_as(w, scope, value, to);
}

static Status write_row(DialectWriter *w, Scope *scope, const PgQuery__List *row,
                        const ColumnDesc *const *targets, int count) {
    if ((int)row->n_items != count)
        return dialect_decline(w, -1, "a row of VALUES with another number of columns");
    strbuf_append_char(&w->out, '(');
    for (size_t i = 0; i < row->n_items; i++) {
        if (i) strbuf_append_text(&w->out, ", ");
        TRY(write_assigned(w, scope, row->items[i], targets[i]));
    }
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_insert_columns(DialectWriter *w, const PgQuery__InsertStmt *insert,
                                   const TableDesc *table, const ColumnDesc ***targets, int *count) {
    *count = insert->n_cols ? (int)insert->n_cols : table->column_count;
    *targets = ARENA_NEW_ARRAY(w->arena, const ColumnDesc *, *count + 1);
    strbuf_append_text(&w->out, " (");
    for (int i = 0; i < *count; i++) {
        const char *name = insert->n_cols ? insert->cols[i]->res_target->name : table->columns[i].name;
        const ColumnDesc *column = table_column(table, name);
        if (!column)
            return error_set_at(w->err, SQLSTATE_UNDEFINED_COLUMN,
                                insert->n_cols ? insert->cols[i]->res_target->location + 1 : 0,
                                "column \"%s\" of relation \"%s\" does not exist", name, table->name);
        (*targets)[i] = column;
        if (i) strbuf_append_text(&w->out, ", ");
        strbuf_append_identifier(&w->out, name, '`');
    }
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_returning(DialectWriter *w, Scope *scope, Node *const *list, size_t count,
                              FromItem *columns, bool supported) {
    if (!count) return STATUS_OK;
    if (!supported) return dialect_decline(w, -1, "RETURNING");
    strbuf_append_text(&w->out, " RETURNING ");
    return write_targets(w, scope, list, count, columns);
}

static Status write_target_table(DialectWriter *w, Scope *scope, const PgQuery__RangeVar *relation,
                                 const TableDesc **table) {
    TRY(collect_relation(w, scope, relation, false));
    *table = scope->items->table;
    if (!*table) return dialect_decline(w, relation->location, "a write to something that is not a table");
    strbuf_append_identifier(&w->out, (*table)->schema, '`');
    strbuf_append_char(&w->out, '.');
    strbuf_append_identifier(&w->out, (*table)->name, '`');
    return STATUS_OK;
}

static Status write_insert(DialectWriter *w, const PgQuery__InsertStmt *insert, FromItem *columns) {
    Scope scope = {0};
    const TableDesc *table;
    const ColumnDesc **targets;
    int count;
    if (insert->on_conflict_clause || insert->with_clause || !insert->select_stmt)
        return dialect_decline(
            w, -1, insert->on_conflict_clause ? "ON CONFLICT" : "INSERT with WITH or DEFAULT VALUES");
    strbuf_append_text(&w->out, "INSERT INTO ");
    TRY(write_target_table(w, &scope, insert->relation, &table));
    TRY(write_insert_columns(w, insert, table, &targets, &count));
    const PgQuery__SelectStmt *select = insert->select_stmt->select_stmt;
    FromItem selected = {0};
    if (!select->n_values_lists) {
        strbuf_append_char(&w->out, ' ');
        TRY(dialect_select(w, NULL, select, &selected));
    }
    for (size_t i = 0; i < select->n_values_lists; i++) {
        strbuf_append_text(&w->out, i ? ", " : " VALUES ");
        TRY(write_row(w, &scope, select->values_lists[i]->list, targets, count));
    }
    return write_returning(w, &scope, insert->returning_list, insert->n_returning_list, columns,
                           w->options.mariadb);
}

/* MySQL evaluates assignments left to right, each seeing those before it; PostgreSQL all from the old row. A
 * column assigned earlier must therefore not be read later. */
static Status write_update(DialectWriter *w, const PgQuery__UpdateStmt *update, FromItem *columns) {
    Scope scope = {0};
    const TableDesc *table;
    if (update->n_from_clause || update->with_clause || alias_of(update->relation->alias))
        return dialect_decline(w, -1, "UPDATE with FROM, WITH or an alias");
    strbuf_append_text(&w->out, "UPDATE ");
    TRY(write_target_table(w, &scope, update->relation, &table));
    for (size_t i = 0; i < update->n_target_list; i++) {
        const PgQuery__ResTarget *target = update->target_list[i]->res_target;
        const ColumnDesc *column = table_column(table, target->name);
        if (!column)
            return error_set_at(w->err, SQLSTATE_UNDEFINED_COLUMN, target->location + 1,
                                "column \"%s\" of relation \"%s\" does not exist", target->name, table->name);
        for (size_t j = i + 1; j < update->n_target_list; j++)
            if (dialect_reads_column(&update->target_list[j]->base, target->name))
                return dialect_decline(w, target->location,
                                       "an UPDATE that reads a column it assigned before");
        strbuf_append_text(&w->out, i ? ", " : " SET ");
        strbuf_append_identifier(&w->out, target->name, '`');
        strbuf_append_text(&w->out, " = ");
        TRY(write_assigned(w, &scope, target->val, column));
    }
    if (update->where_clause) {
        strbuf_append_text(&w->out, " WHERE ");
        TRY(dialect_condition(w, &scope, update->where_clause));
    }
    return write_returning(w, &scope, update->returning_list, update->n_returning_list, columns, false);
}

static Status write_delete(DialectWriter *w, const PgQuery__DeleteStmt *delete, FromItem *columns) {
    Scope scope = {0};
    const TableDesc *table;
    if (delete->n_using_clause || delete->with_clause || alias_of(delete->relation->alias))
        return dialect_decline(w, -1, "DELETE with USING, WITH or an alias");
    strbuf_append_text(&w->out, "DELETE FROM ");
    TRY(write_target_table(w, &scope, delete->relation, &table));
    if (delete->where_clause) {
        strbuf_append_text(&w->out, " WHERE ");
        TRY(dialect_condition(w, &scope, delete->where_clause));
    }
    return write_returning(w, &scope, delete->returning_list, delete->n_returning_list, columns,
                           w->options.mariadb);
}

/* ---- the whole
 * ----------------------------------------------------------------------------------------------------------
 */

static const char *column_held_equal(const Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR ||
        node->a_expr->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP ||
        strcmp(dialect_operator(node->a_expr), "=") != 0 || !node->a_expr->lexpr ||
        node->a_expr->lexpr->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
        return NULL;
    int right = (int)node->a_expr->rexpr->node_case;
    if (right != PG_QUERY__NODE__NODE_A_CONST && right != PG_QUERY__NODE__NODE_PARAM_REF) return NULL;
    const PgQuery__ColumnRef *ref = node->a_expr->lexpr->column_ref;
    return dialect_string(ref->fields[ref->n_fields - 1]);
}

static bool holds_equal(const Node *where, const char *column) {
    const char *held = column_held_equal(where);
    if (held) return !strcmp(held, column);
    if (where->node_case != PG_QUERY__NODE__NODE_BOOL_EXPR ||
        where->bool_expr->boolop != PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR)
        return false;
    for (size_t i = 0; i < where->bool_expr->n_args; i++)
        if (holds_equal(where->bool_expr->args[i], column)) return true;
    return false;
}

static bool is_point(const Node *where, const TableDesc *table) {
    for (int i = 0; where && i < table->key_count; i++) {
        const KeyDesc *key = &table->keys[i];
        bool all = key->unique && key->column_count > 0;
        for (int j = 0; all && j < key->column_count; j++)
            all = key->columns[j] >= 0 && holds_equal(where, table->columns[key->columns[j]].name);
        if (all) return true;
    }
    return false;
}

static Status write_statement(DialectWriter *w, const Node *node, FromItem *columns, const Node **where);

static bool has_option(const PgQuery__ExplainStmt *explain, const char *name) {
    for (size_t i = 0; i < explain->n_options; i++)
        if (!strcmp(explain->options[i]->def_elem->defname, name)) return true;
    return false;
}

static Status write_explain(DialectWriter *w, const PgQuery__ExplainStmt *explain, FromItem *columns,
                            const Node **where) {
    bool analyze = has_option(explain, "analyze");
    if (analyze && explain->query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return dialect_decline(w, -1, "EXPLAIN ANALYZE of a write");
    strbuf_append_text(&w->out, !analyze             ? "EXPLAIN FORMAT=JSON "
                                : w->options.mariadb ? "ANALYZE FORMAT=JSON "
                                                     : "EXPLAIN ANALYZE ");
    TRY(write_statement(w, explain->query, columns, where));
    *where = NULL; /* what comes back is a plan, not the row of a key */
    *columns = (FromItem){0};
    add_column(w, columns, "QUERY PLAN", (ExprInfo){.type = sqltype_of(SQL_TEXT)}, DIALECT_SCALE_UNKNOWN);
    return STATUS_OK;
}

static Status write_statement(DialectWriter *w, const Node *node, FromItem *columns, const Node **where) {
    *where = NULL;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        *where = node->select_stmt->where_clause;
        return dialect_select(w, NULL, node->select_stmt, columns);
    case PG_QUERY__NODE__NODE_INSERT_STMT: return write_insert(w, node->insert_stmt, columns);
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        *where = node->update_stmt->where_clause;
        return write_update(w, node->update_stmt, columns);
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        *where = node->delete_stmt->where_clause;
        return write_delete(w, node->delete_stmt, columns);
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT: return write_explain(w, node->explain_stmt, columns, where);
    default: return dialect_decline(w, -1, "this kind of statement");
    }
}

Status dialect_write(const Statement *statement, const DialectOptions *options, Arena *arena,
                     DialectText *out, Error *err) {
    DialectWriter writer = {.statement = statement, .options = *options, .arena = arena, .err = err};
    FromItem columns = {0};
    const Node *where = NULL;
    if (statement->tree->n_stmts != 1)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "several statements in one text run on PostgreSQL only");
    strbuf_init(&writer.out);
    Status status = write_statement(&writer, statement->tree->stmts[0]->stmt, &columns, &where);
    if (status == STATUS_OK) {
        memset(out, 0, sizeof *out);
        out->sql = arena_strndup(arena, strbuf_text(&writer.out), writer.out.length);
        out->params = writer.params;
        out->param_types = writer.param_types;
        out->param_count = writer.param_count;
        out->result_types = columns.column_types;
        out->result_count = columns.column_count;
        if (statement->binding_count == 1) {
            out->first_table = statement->bindings[0].table;
            out->point = is_point(where, out->first_table);
        }
    }
    strbuf_deinit(&writer.out);
    return status;
}
