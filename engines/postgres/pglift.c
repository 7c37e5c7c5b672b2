#include "engines/postgres/pglift.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Lifter {
    const Statement *statement;
    Arena *arena;
    PgLifted *out;
    bool full;          /* more literals than we take: lift none */
    bool columns_plain; /* FROM holds tables only, so a column's name tells its type */
} Lifter;

/* ---- tokens ------------------------------------------------------------------------------------------- */

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* End of the number at `at` (a minus before it included), 0 when the text is not simply that. */
static size_t number_end(const char *sql, size_t at) {
    if (sql[at] == '-')
        for (at++; sql[at] == ' '; at++)
            ;
    size_t start = at;
    while (isdigit((unsigned char)sql[at]) || sql[at] == '.')
        at++;
    if (at > start && (sql[at] == 'e' || sql[at] == 'E')) {
        size_t exponent = at + 1 + (sql[at + 1] == '-' || sql[at + 1] == '+');
        if (!isdigit((unsigned char)sql[exponent])) return 0;
        for (at = exponent; isdigit((unsigned char)sql[at]); at++)
            ;
    }
    return at == start || is_word(sql[at]) ? 0 : at;
}

/* End of the plain quoted string at `at`, 0 when it is another kind (E'', U&'', $$) or continued on another
 * line. */
static size_t string_end(const char *sql, size_t at, const char *value) {
    if (sql[at] != '\'') return 0;
    for (at++;; at++) {
        if (sql[at] == '\'' && sql[at + 1] != '\'') break;
        at += sql[at] == '\'';
        if (!sql[at] || sql[at] != *value++) return 0;
    }
    if (*value) return 0;
    size_t next = ++at;
    while (isspace((unsigned char)sql[next]))
        next++;
    bool comment = sql[next] == '-' && sql[next + 1] == '-';
    return sql[next] == '\'' || comment || is_word(sql[at]) ? 0 : at;
}

/* ---- which strings may be lifted ---------------------------------------------------------------------- */

static bool fits_pattern(const char *text, const char *pattern) {
    for (; *pattern; pattern++, text++)
        if (*pattern == '9'   ? !isdigit((unsigned char)*text)
            : *pattern == 'x' ? !isxdigit((unsigned char)*text)
                              : *text != *pattern)
            return false;
    return !*text;
}

static bool is_date_text(const char *text, bool with_time) {
    bool clock = with_time && fits_pattern(text, "9999-99-99 99:99:99");
    if (!clock && !fits_pattern(text, "9999-99-99")) return false;
    int year = atoi(text), month = atoi(text + 5), day = atoi(text + 8);
    bool valid = year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= 28;
    return valid && (!clock || (atoi(text + 11) < 24 && atoi(text + 14) < 60 && atoi(text + 17) < 60));
}

static bool readable_as(SqlType type, const char *text) {
    if (type.is_array) return false;
    switch ((SqlTypeId)type.id) {
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_BPCHAR: return true;
    case SQL_UUID: return fits_pattern(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    case SQL_DATE: return is_date_text(text, false);
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return is_date_text(text, true);
    default: return false;
    }
}

/* Every column of this name in the statement's tables takes the text without fail. */
static bool column_takes_text(const Lifter *lifter, const char *column, const char *text) {
    int matches = 0;
    for (int b = 0; b < lifter->statement->binding_count; b++) {
        const TableDesc *table = lifter->statement->bindings[b].table;
        for (int c = 0; table && c < table->column_count; c++) {
            if (strcmp(table->columns[c].name, column)) continue;
            if (!readable_as(table->columns[c].type, text)) return false;
            matches++;
        }
    }
    return lifter->columns_plain && matches > 0;
}

/* ---- lifting ------------------------------------------------------------------------------------------ */

static void add_param(Lifter *lifter, size_t start, size_t end, const char *cast, ParamKind kind,
                      const char *text, size_t length) {
    if (start > 0 && is_word(lifter->statement->sql[start - 1])) /* AND.5 would become AND$1, an identifier */
        return;
    PgLifted *out = lifter->out;
    if (out->count == PGLIFT_MAX) {
        lifter->full = true;
        return;
    }
    /* Literals are met in about the order of the text: insert from the back. The replacement is written
     * later. */
    int at = out->count++;
    while (at > 0 && out->splices[at - 1].start > start) {
        out->splices[at] = out->splices[at - 1];
        out->params[at] = out->params[at - 1];
        at--;
    }
    out->splices[at] = (PgSplice){.start = start, .end = end, .replacement = cast};
    out->params[at] =
        (Param){.kind = kind, .text = arena_strndup(lifter->arena, text, length), .length = length};
}

/* As the parser types a number that is not a plain int4. */
static const char *float_cast(const char *digits) {
    if (strspn(digits, "-0123456789") != strlen(digits)) return "::numeric";
    char *end;
    long long value = strtoll(digits, &end, 10);
    bool overflow = value == INT64_MAX || value == INT64_MIN;
    if (overflow) return "::numeric";
    return value >= INT32_MIN && value <= INT32_MAX ? "::int4" : "::int8";
}

static void lift_number(Lifter *lifter, const PgQuery__AConst *constant) {
    const char *sql = lifter->statement->sql;
    size_t start = (size_t)constant->location, end = number_end(sql, start);
    if (!end) return;
    char text[64];
    size_t length = 0;
    for (size_t i = start; i < end && length < sizeof text - 1; i++)
        if (sql[i] != ' ') text[length++] = sql[i];
    text[length] = 0;
    bool integer = constant->val_case == PG_QUERY__A__CONST__VAL_IVAL;
    /* The tree must say what the text says, or this is not the token we take it for. */
    if (integer ? strtoll(text, NULL, 10) != constant->ival->ival || strspn(text, "-0123456789") != length
                : strcmp(text, constant->fval->fval) != 0)
        return;
    add_param(lifter, start, end, integer ? "::int4" : float_cast(text), integer ? PARAM_INT : PARAM_NUMBER,
              text, length);
}

static void lift_constant(Lifter *lifter, const PgQuery__Node *node, const char *column) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_A_CONST) return;
    const PgQuery__AConst *constant = node->a_const;
    if (constant->isnull || constant->location <= 0 ||
        (size_t)constant->location >= lifter->statement->sql_length)
        return;
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
    case PG_QUERY__A__CONST__VAL_FVAL: lift_number(lifter, constant); break;
    case PG_QUERY__A__CONST__VAL_SVAL: {
        const char *value = constant->sval->sval;
        size_t end = string_end(lifter->statement->sql, (size_t)constant->location, value);
        if (end && column && column_takes_text(lifter, column, value))
            add_param(lifter, (size_t)constant->location, end, "", PARAM_TEXT, value, strlen(value));
        break;
    }
    default: break;
    }
}

static const char *column_name(const PgQuery__Node *node) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || !node->column_ref->n_fields)
        return NULL;
    return pgtree_string(node->column_ref->fields[node->column_ref->n_fields - 1]);
}

static bool is_comparison(const PgQuery__AExpr *expression) {
    static const char *const operators[] = {"=", "<>", "<", ">", "<=", ">="};
    const char *name = expression->n_name == 1 ? pgtree_string(expression->name[0]) : NULL;
    for (size_t i = 0; name && i < sizeof operators / sizeof *operators; i++)
        if (!strcmp(name, operators[i])) return true;
    return false;
}

static void lift_list(Lifter *lifter, const PgQuery__Node *list, const char *column) {
    if (!list || list->node_case != PG_QUERY__NODE__NODE_LIST) return;
    for (size_t i = 0; i < list->list->n_items; i++)
        lift_constant(lifter, list->list->items[i], column);
}

static void lift_condition(Lifter *lifter, const PgQuery__Node *node) {
    if (!node) return;
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++)
            lift_condition(lifter, node->bool_expr->args[i]);
        return;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR) return;
    const PgQuery__AExpr *expression = node->a_expr;
    const char *left = column_name(expression->lexpr), *right = column_name(expression->rexpr);
    switch (expression->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        if (is_comparison(expression) && left)
            lift_constant(lifter, expression->rexpr, left);
        else if (is_comparison(expression) && right)
            lift_constant(lifter, expression->lexpr, right);
        break;
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
        if (left) lift_list(lifter, expression->rexpr, left);
        break;
    default: break;
    }
}

static bool only_tables(const PgQuery__Node *item) {
    if (item->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR)
        return only_tables(item->join_expr->larg) && only_tables(item->join_expr->rarg) &&
               (!item->join_expr->alias || !item->join_expr->alias->n_colnames);
    return item->node_case == PG_QUERY__NODE__NODE_RANGE_VAR &&
           (!item->range_var->alias || !item->range_var->alias->n_colnames);
}

static void lift_select(Lifter *lifter, const PgQuery__SelectStmt *select) {
    lifter->columns_plain = !select->with_clause;
    for (size_t i = 0; i < select->n_from_clause; i++)
        lifter->columns_plain &= only_tables(select->from_clause[i]);
    lift_condition(lifter, select->where_clause);
    if (select->limit_option != PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES) {
        lift_constant(lifter, select->limit_count, NULL);
        lift_constant(lifter, select->limit_offset, NULL);
    }
}

static const TableDesc *target_of(const Lifter *lifter, const PgQuery__RangeVar *relation) {
    for (int i = 0; relation && i < lifter->statement->binding_count; i++) {
        const TableBinding *binding = &lifter->statement->bindings[i];
        bool same_schema = !relation->schemaname[0] || !binding->written_schema ||
                           !strcmp(relation->schemaname, binding->written_schema);
        if (binding->table && same_schema && !strcmp(relation->relname, binding->written_name))
            return binding->table;
    }
    return NULL;
}

static void lift_insert(Lifter *lifter, const PgQuery__InsertStmt *insert) {
    const TableDesc *table = target_of(lifter, insert->relation);
    const PgQuery__Node *source = insert->select_stmt;
    if (!table || !source || source->node_case != PG_QUERY__NODE__NODE_SELECT_STMT || insert->with_clause)
        return;
    lifter->columns_plain = true;
    for (size_t row = 0; row < source->select_stmt->n_values_lists; row++) {
        const PgQuery__Node *values = source->select_stmt->values_lists[row];
        if (values->node_case != PG_QUERY__NODE__NODE_LIST) continue;
        for (size_t i = 0; i < values->list->n_items; i++) {
            const char *column = NULL;
            if (i < insert->n_cols && insert->cols[i]->node_case == PG_QUERY__NODE__NODE_RES_TARGET &&
                !insert->cols[i]->res_target->n_indirection)
                column = insert->cols[i]->res_target->name;
            else if (!insert->n_cols && i < (size_t)table->column_count)
                column = table->columns[i].name;
            lift_constant(lifter, values->list->items[i], column);
        }
    }
}

static void lift_update(Lifter *lifter, const PgQuery__UpdateStmt *update) {
    lifter->columns_plain = !update->with_clause && !update->n_from_clause;
    for (size_t i = 0; i < update->n_target_list; i++) {
        const PgQuery__Node *target = update->target_list[i];
        if (target->node_case == PG_QUERY__NODE__NODE_RES_TARGET && !target->res_target->n_indirection)
            lift_constant(lifter, target->res_target->val, target->res_target->name);
    }
    lift_condition(lifter, update->where_clause);
}

void pglift_literals(const Statement *statement, const PgQuery__Node *root, Arena *arena, PgLifted *out) {
    Lifter lifter = {.statement = statement, .arena = arena, .out = out};
    out->count = 0;
    switch (root->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT: lift_select(&lifter, root->select_stmt); break;
    case PG_QUERY__NODE__NODE_INSERT_STMT: lift_insert(&lifter, root->insert_stmt); break;
    case PG_QUERY__NODE__NODE_UPDATE_STMT: lift_update(&lifter, root->update_stmt); break;
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        lifter.columns_plain = !root->delete_stmt->with_clause && !root->delete_stmt->n_using_clause;
        lift_condition(&lifter, root->delete_stmt->where_clause);
        break;
    default: break;
    }
    if (lifter.full) out->count = 0;
    for (int i = 0; i < out->count; i++) {
        const char *cast = out->splices[i].replacement;
        /* FETCH FIRST n ROWS takes a cast in parentheses alone. */
        out->splices[i].replacement =
            arena_printf(arena, *cast ? "($%d%s)" : "$%d%s", statement->param_count + 1 + i, cast);
    }
}
