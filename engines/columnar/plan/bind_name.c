/* Names: what a column reference means, what `*` stands for, and how an unnamed output column is called. */
#include <stdlib.h>

#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_nested.h"

const char *node_string(const Node *node) {
    return node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* Plain edit distance, bounded by short names. */
static int edit_distance(const char *a, const char *b) {
    enum { LONGEST = 64 };
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a >= LONGEST || length_b >= LONGEST) return LONGEST;
    int row[LONGEST + 1];
    for (size_t j = 0; j <= length_b; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= length_a; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= length_b; j++) {
            int substitute = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            int other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = substitute < other ? substitute : other;
        }
    }
    return row[length_b];
}

/* What comes nearest to a wrong name: one column, or two that are as near; more are none. */
typedef struct Nearest {
    int distance, count;
    const char *tables[2], *names[2];
} Nearest;

static void compare_column(Nearest *nearest, int distance, const char *table, const char *name) {
    if (distance > nearest->distance) return;
    if (distance < nearest->distance) nearest->count = 0;
    nearest->distance = distance;
    if (nearest->count < 2) {
        nearest->tables[nearest->count] = table;
        nearest->names[nearest->count] = name;
    }
    nearest->count++;
}

/* PostgreSQL's hint: the nearest columns, when they are near enough (at most half the letters differ, at most
 * 3). */
static void suggest_column(Query *query, const char *table, const char *name, Error *err) {
    Nearest nearest = {.distance = 3};
    for (Query *level = query; level; level = level->parent)
        for (int t = 0; t < level->from.table_count; t++) {
            FromTable *from = level->from.tables[t];
            int penalty = table ? edit_distance(table, from->alias) : 0;
            for (int c = 0; c < from->column_count; c++) {
                int distance = edit_distance(name, from->columns[c].name) + penalty;
                if (distance > (int)strlen(name) / 2 && distance != 0) continue;
                compare_column(&nearest, distance, from->alias, from->columns[c].name);
            }
        }
    if (nearest.count == 1)
        (void)error_add_hint(err, "Perhaps you meant to reference the column \"%s.%s\".", nearest.tables[0],
                             nearest.names[0]);
    else if (nearest.count == 2)
        (void)error_add_hint(err,
                             "Perhaps you meant to reference the column \"%s.%s\" or the column \"%s.%s\".",
                             nearest.tables[0], nearest.names[0], nearest.tables[1], nearest.names[1]);
}

/* A reference that leaves its query: every level in between must know. */
static void note_outer(Query *query, const Query *home, const Expr *expr) {
    IdList ids = {0};
    expr_collect_ids(query->binder->arena, expr, &ids);
    for (Query *level = query; level && level != home; level = level->parent)
        for (int i = 0; i < ids.count; i++)
            if (!id_list_has(&level->outer_ids, ids.items[i]))
                id_list_add(query->binder->arena, &level->outer_ids, ids.items[i]);
}

static Expr *reference(Query *query, const Query *home, const Expr *expr, int location) {
    Expr *copy = expr_copy(query->binder->arena, expr);
    copy->position = binder_position(query->binder, location);
    if (home != query) note_outer(query, home, expr);
    return copy;
}

/* A row that an outer join made up is NULL, not a row of NULLs; the columns alone do not tell. */
static bool joins_outer(const Rel *rel) {
    if (rel->kind == PLAN_JOIN &&
        (rel->join_type == JOIN_LEFT || rel->join_type == JOIN_RIGHT || rel->join_type == JOIN_FULL))
        return true;
    if (rel->kind == PLAN_TABLE_FUNCTION && rel->keep_empty) return true;
    for (int i = 0; i < rel->input_count; i++)
        if (joins_outer(rel->inputs[i])) return true;
    return false;
}

static bool table_may_be_missing(const Query *home, const FromTable *table) {
    (void)table;
    return home->from.rel && joins_outer(home->from.rel);
}

static Status bind_whole_row(Query *query, const Query *home, const FromTable *table, int location,
                             Expr **out, Error *err) {
    Binder *binder = query->binder;
    if (table_may_be_missing(home, table))
        return binder_unsupported(binder, location, err,
                                  "a whole row from the nullable side of an outer join");
    *out = row_of_table(binder, table, binder_position(binder, location));
    for (int c = 0; c < table->column_count && home != query; c++)
        note_outer(query, home, table->columns[c].expr);
    return STATUS_OK;
}

/* A name of the other side of a RIGHT or FULL join. */
static bool is_refused(Query *query, const char *table, const char *column, int location, Error *err) {
    for (Query *level = query; level; level = level->parent)
        for (int t = 0; t < level->refused.table_count; t++) {
            const FromTable *from = level->refused.tables[t];
            bool named = table && strcmp(from->alias, table) == 0;
            for (int c = 0; !table && c < from->column_count; c++)
                named = named || strcmp(from->columns[c].name, column) == 0;
            if (!named) continue;
            (void)error_set_at(err, "42P10", binder_position(query->binder, location),
                               "invalid reference to FROM-clause entry for table \"%s\"", from->alias);
            (void)error_add_detail(err,
                                   "The combining JOIN type must be INNER or LEFT for a LATERAL reference.");
            return true;
        }
    return false;
}

static Status find_unqualified(Query *query, const char *name, int location, Expr **out, Error *err) {
    for (Query *level = query; level; level = level->parent) {
        const VisibleColumn *found = NULL;
        for (int c = 0; c < level->from.column_count; c++) {
            if (strcmp(level->from.columns[c].name, name) != 0) continue;
            if (found)
                return error_set_at(err, SQLSTATE_AMBIGUOUS_COLUMN, binder_position(query->binder, location),
                                    "column reference \"%s\" is ambiguous", name);
            found = &level->from.columns[c];
        }
        if (found) {
            *out = reference(query, level, found->expr, location);
            return STATUS_OK;
        }
    }
    for (Query *level = query; level; level = level->parent)
        for (int t = 0; t < level->from.table_count; t++)
            if (strcmp(level->from.tables[t]->alias, name) == 0)
                return bind_whole_row(query, level, level->from.tables[t], location, out, err);
    if (query->binder->function && (*out = function_parameter(query, name, 0, location))) return STATUS_OK;
    if (is_refused(query, NULL, name, location, err)) return STATUS_ERROR;
    (void)error_set_at(err, SQLSTATE_UNDEFINED_COLUMN, binder_position(query->binder, location),
                       "column \"%s\" does not exist", name);
    suggest_column(query, NULL, name, err);
    return STATUS_ERROR;
}

static FromTable *find_table(Query *query, const char *schema, const char *name, int location, Query **home,
                             bool *ambiguous) {
    *ambiguous = false;
    for (Query *level = query; level; level = level->parent) {
        FromTable *found = NULL;
        for (int t = 0; t < level->from.table_count; t++) {
            FromTable *table = level->from.tables[t];
            if (strcmp(table->alias, name) != 0 ||
                (schema && (!table->schema || strcmp(table->schema, schema) != 0)))
                continue;
            *ambiguous = *ambiguous || found;
            found = table;
        }
        if (found) {
            *home = level;
            return found;
        }
    }
    return NULL;
}

static Status table_or_error(Query *query, const char *schema, const char *name, int location,
                             FromTable **out, Query **home, Error *err) {
    bool ambiguous = false;
    *out = find_table(query, schema, name, location, home, &ambiguous);
    int position = binder_position(query->binder, location);
    if (ambiguous) return error_set_at(err, "42P09", position, "table reference \"%s\" is ambiguous", name);
    if (*out) return STATUS_OK;
    if (is_refused(query, name, NULL, location, err)) return STATUS_ERROR;
    for (Query *level = query; level; level = level->parent)
        for (int t = 0; t < level->from.table_count; t++) {
            const FromTable *table = level->from.tables[t];
            if (table->written && strcmp(table->written, name) == 0) {
                (void)error_set_at(err, SQLSTATE_UNDEFINED_TABLE, position,
                                   "invalid reference to FROM-clause entry for table \"%s\"", name);
                return error_add_hint(err, "Perhaps you meant to reference the table alias \"%s\".",
                                      table->alias);
            }
        }
    return error_set_at(err, SQLSTATE_UNDEFINED_TABLE, position, "missing FROM-clause entry for table \"%s\"",
                        name);
}

static Status find_qualified(Query *query, const char *schema, const char *table_name, const char *name,
                             int location, Expr **out, Error *err) {
    FromTable *table = NULL;
    Query *home = NULL;
    TRY(table_or_error(query, schema, table_name, location, &table, &home, err));
    const VisibleColumn *found = NULL;
    for (int c = 0; c < table->column_count; c++) {
        if (strcmp(table->columns[c].name, name) != 0) continue;
        if (found)
            return error_set_at(err, SQLSTATE_AMBIGUOUS_COLUMN, binder_position(query->binder, location),
                                "column reference \"%s\" is ambiguous", name);
        found = &table->columns[c];
    }
    if (!found) {
        (void)error_set_at(err, SQLSTATE_UNDEFINED_COLUMN, binder_position(query->binder, location),
                           "column %s.%s does not exist", table_name, name);
        suggest_column(query, table_name, name, err);
        return STATUS_ERROR;
    }
    *out = reference(query, home, found->expr, location);
    return STATUS_OK;
}

Status bind_column_ref(Query *query, PgQuery__ColumnRef *ref, Expr **out, Error *err) {
    const char *names[4] = {0};
    if (ref->n_fields < 1 || ref->n_fields > 4)
        return binder_unsupported(query->binder, ref->location, err, "a name of so many parts");
    for (size_t i = 0; i < ref->n_fields; i++)
        if (!(names[i] = node_string(ref->fields[i])))
            return binder_unsupported(query->binder, ref->location, err, "row expansion here");
    switch (ref->n_fields) {
    case 1: return find_unqualified(query, names[0], ref->location, out, err);
    case 2: return find_qualified(query, NULL, names[0], names[1], ref->location, out, err);
    case 3: return find_qualified(query, names[0], names[1], names[2], ref->location, out, err);
    default: return find_qualified(query, names[1], names[2], names[3], ref->location, out, err);
    }
}

Status bind_star(Query *query, PgQuery__ColumnRef *ref, Error *err) {
    if (ref->n_fields == 1) {
        if (query->from.table_count == 0)
            return error_set_at(err, SQLSTATE_SYNTAX_ERROR, binder_position(query->binder, ref->location),
                                "SELECT * with no tables specified is not valid");
        for (int c = 0; c < query->from.column_count; c++) {
            Expr *expr = reference(query, query, query->from.columns[c].expr, ref->location);
            query_add_target(query, query->from.columns[c].name, expr, NULL);
        }
        return STATUS_OK;
    }
    const char *name = node_string(ref->fields[ref->n_fields - 2]);
    const char *schema = ref->n_fields > 2 ? node_string(ref->fields[ref->n_fields - 3]) : NULL;
    FromTable *table = NULL;
    Query *home = NULL;
    TRY(table_or_error(query, schema, name ? name : "", ref->location, &table, &home, err));
    for (int c = 0; c < table->column_count; c++)
        query_add_target(query, table->columns[c].name,
                         reference(query, home, table->columns[c].expr, ref->location), NULL);
    return STATUS_OK;
}

/* ---- names of output columns ------------------------------------------------------------------------------
 */

static const char *value_function_name(PgQuery__SQLValueFunctionOp op) {
    switch (op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE: return "current_date";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIME_N: return "current_time";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N: return "current_timestamp";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N: return "localtime";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N: return "localtimestamp";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE: return "current_role";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_USER: return "current_user";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_USER: return "user";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_SESSION_USER: return "session_user";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_CATALOG: return "current_catalog";
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_SCHEMA: return "current_schema";
    default: return NULL;
    }
}

static const char *sublink_name(PgQuery__SubLink *link, int *strength) {
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK ||
        link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK) {
        *strength = 2;
        return link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK ? "exists" : "array";
    }
    if (link->sub_link_type != PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK || !link->subselect ||
        link->subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return NULL;
    PgQuery__SelectStmt *select = link->subselect->select_stmt;
    while (select->op != PG_QUERY__SET_OPERATION__SETOP_NONE && select->larg)
        select = select->larg;
    *strength = 2;
    if (select->n_values_lists > 0) return "column1";
    if (select->n_target_list == 0 || select->target_list[0]->node_case != PG_QUERY__NODE__NODE_RES_TARGET)
        return "?column?";
    PgQuery__ResTarget *target = select->target_list[0]->res_target;
    return target->name && *target->name ? target->name : target_name(target->val);
}

static const char *last_name(Node *const *names, size_t count) {
    for (size_t i = count; i > 0; i--)
        if (node_string(names[i - 1])) return node_string(names[i - 1]);
    return NULL;
}

/* strength 2: a name of its own; 1: only if nothing better is found (casts, CASE). */
const char *target_name_strength(Node *node, int *strength) {
    *strength = 0;
    const char *name = NULL;
    if (!node) return NULL;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        name = last_name(node->column_ref->fields, node->column_ref->n_fields);
        break;
    case PG_QUERY__NODE__NODE_A_INDIRECTION:
        name = last_name(node->a_indirection->indirection, node->a_indirection->n_indirection);
        if (!name) return target_name_strength(node->a_indirection->arg, strength);
        break;
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        name = last_name(node->func_call->funcname, node->func_call->n_funcname);
        break;
    case PG_QUERY__NODE__NODE_A_EXPR:
        name = node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF ? "nullif" : NULL;
        break;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        name = target_name_strength(node->type_cast->arg, strength);
        if (*strength <= 1 && node->type_cast->type_name) {
            *strength = 1;
            return last_name(node->type_cast->type_name->names, node->type_cast->type_name->n_names);
        }
        return name;
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
        return target_name_strength(node->collate_clause->arg, strength);
    case PG_QUERY__NODE__NODE_GROUPING_FUNC: name = "grouping"; break;
    case PG_QUERY__NODE__NODE_SUB_LINK: return sublink_name(node->sub_link, strength);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        name = target_name_strength(node->case_expr->defresult, strength);
        if (*strength <= 1) {
            *strength = 1;
            return "case";
        }
        return name;
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR: name = "array"; break;
    case PG_QUERY__NODE__NODE_ROW_EXPR: name = "row"; break;
    case PG_QUERY__NODE__NODE_COALESCE_EXPR: name = "coalesce"; break;
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        name = node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST ? "greatest" : "least";
        break;
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        name = value_function_name(node->sqlvalue_function->op);
        break;
    default: break;
    }
    *strength = name ? 2 : 0;
    return name;
}

const char *target_name(Node *node) {
    int strength = 0;
    const char *name = target_name_strength(node, &strength);
    return name && strength > 0 ? name : "?column?";
}
