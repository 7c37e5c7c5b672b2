/* Rows as values: ROW(...), a table's alias as a value, fields of rows, comparisons of rows. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_nested.h"

/* "$row" over the fields, whose names (may be NULL: f1, f2 ...) the call carries. */
static Expr *make_row(Binder *binder, Expr *const *fields, const char *const *names, int count,
                      int position) {
    Expr *row = nested_call(binder, "$row", sqltype_of(SQL_RECORD), fields, count, position);
    row->bind_data = names;
    return row;
}

Status bind_row_expr(Query *query, PgQuery__RowExpr *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    Expr **fields = NULL;
    int count = (int)node->n_args;
    TRY(bind_exprs(query, node->args, node->n_args, &fields, err));
    for (int i = 0; i < count; i++)
        if (expr_is_unknown(fields[i]))
            TRY(coerce_expr(binder, fields[i], sqltype_of(SQL_TEXT), CAST_IMPLICIT, &fields[i], err));
    *out = make_row(binder, fields, NULL, count, binder_position(binder, node->location));
    return STATUS_OK;
}

Expr *row_of_table(Binder *binder, const FromTable *table, int position) {
    const char **names = ARENA_NEW_ARRAY(binder->arena, const char *, table->column_count + 1);
    Expr **fields = ARENA_NEW_ARRAY(binder->arena, Expr *, table->column_count + 1);
    for (int i = 0; i < table->column_count; i++) {
        names[i] = table->columns[i].name ? table->columns[i].name : "";
        fields[i] = expr_copy(binder->arena, table->columns[i].expr);
    }
    return make_row(binder, fields, names, table->column_count, position);
}

/* The call that makes the row, when the expression is one. */
const Expr *row_constructor(const Expr *expr) {
    bool row = expr->kind == EXPR_CALL && expr->function && strcmp(expr->function->name, "$row") == 0;
    return row ? expr : NULL;
}

Status bind_field_selection(Query *query, Expr *row, const char *field, Expr **out, Error *err) {
    Binder *binder = query->binder;
    const Expr *made = row_constructor(row);
    if (!sqltype_is(row->type, SQL_RECORD)) {
        char name[SQLTYPE_NAME_BYTES];
        return error_set_at(err, "42809", row->position,
                            "column notation .%s applied to type %s, which is not a composite type",
                            field ? field : "*", sqltype_name(row->type, false, name));
    }
    if (!made || !field) return binder_unsupported(binder, -1, err, "a field of a row of unknown type");
    const char *const *names = made->bind_data;
    for (int i = 0; i < made->arg_count; i++) {
        const char *name = names ? names[i] : arena_printf(binder->arena, "f%d", i + 1);
        if (strcmp(name, field) != 0) continue;
        *out = made->args[i];
        return STATUS_OK;
    }
    return error_set_at(err, SQLSTATE_UNDEFINED_COLUMN, row->position,
                        "could not identify column \"%s\" in record data type", field);
}

/* ---- comparisons ----------------------------------------------------------------------------------------
 */

/* Left to right, the first pair that is not equal decides: CASE WHEN a = c THEN (the rest) ELSE a < c END.
 * NULL in that pair makes the whole NULL. */
static Status compare_fields(Binder *binder, const char *name, Expr *const *left, Expr *const *right,
                             int count, int position, Expr **out, Error *err) {
    if (count == 1) return resolve_operator(binder, name, left[0], right[0], position, out, err);
    char strict[2] = {name[0], 0};
    Expr *choice = expr_new(binder->arena, EXPR_CASE, sqltype_of(SQL_BOOL), 3);
    TRY(resolve_operator(binder, "=", expr_copy(binder->arena, left[0]), expr_copy(binder->arena, right[0]),
                         position, &choice->args[0], err));
    TRY(compare_fields(binder, name, left + 1, right + 1, count - 1, position, &choice->args[1], err));
    TRY(resolve_operator(binder, strict, left[0], right[0], position, &choice->args[2], err));
    *out = choice;
    return STATUS_OK;
}

Status compare_row_fields(Binder *binder, const char *name, Expr *const *left, Expr *const *right, int count,
                          int position, Expr **out, Error *err) {
    bool equal = strcmp(name, "=") == 0;
    if (!equal && strcmp(name, "<>") != 0) {
        bool ordered = (name[0] == '<' || name[0] == '>') && (!name[1] || (name[1] == '=' && !name[2]));
        if (!ordered) {
            (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                               "could not determine interpretation of row comparison operator %s", name);
            return error_add_hint(
                err, "Row comparison operators must be associated with btree operator families.");
        }
        return compare_fields(binder, name, left, right, count, position, out, err);
    }
    Expr *all = expr_new(binder->arena, equal ? EXPR_AND : EXPR_OR, sqltype_of(SQL_BOOL), count);
    for (int i = 0; i < count; i++)
        TRY(resolve_operator(binder, name, left[i], right[i], position, &all->args[i], err));
    *out = count == 1 ? all->args[0] : all;
    return STATUS_OK;
}

/* Two row values: the fields' own comparisons when both are written out, else record_ops. */
Status resolve_row_operator(Binder *binder, const char *name, Expr *left, Expr *right, int position,
                            Expr **out, Error *err) {
    static const char *const NAMES[][2] = {{"=", "$record_eq"},  {"<>", "$record_ne"}, {"<", "$record_lt"},
                                           {"<=", "$record_le"}, {">", "$record_gt"},  {">=", "$record_ge"}};
    *out = NULL;
    if (!sqltype_is(left->type, SQL_RECORD) || !sqltype_is(right->type, SQL_RECORD)) return STATUS_OK;
    Expr *sides[2] = {left, right};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(name, NAMES[i][0]) == 0)
            *out = nested_call(binder, NAMES[i][1], sqltype_of(SQL_BOOL), sides, 2, position);
    (void)err;
    return STATUS_OK;
}

/* IS NULL and IS NOT NULL of a row ask its fields. */
Status bind_row_null_test(Query *query, Expr *row, bool is_null, Expr **out, Error *err) {
    (void)err;
    Arena *arena = query->binder->arena;
    const Expr *made = row_constructor(row);
    if (!made) {
        *out = nested_call(query->binder, is_null ? "$row_is_null" : "$row_is_not_null", sqltype_of(SQL_BOOL),
                           &row, 1, row->position);
        return STATUS_OK;
    }
    Expr *all = expr_new(arena, EXPR_AND, sqltype_of(SQL_BOOL), made->arg_count);
    for (int i = 0; i < made->arg_count; i++) {
        all->args[i] = expr_new(arena, is_null ? EXPR_IS_NULL : EXPR_IS_NOT_NULL, sqltype_of(SQL_BOOL), 1);
        all->args[i]->args[0] = made->args[i];
    }
    *out = made->arg_count == 0 ? expr_bool_constant(arena, true) : made->arg_count == 1 ? all->args[0] : all;
    return STATUS_OK;
}
