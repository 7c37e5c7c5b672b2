/* Expressions: one function per kind of node. */
#include <errno.h>
#include <stdlib.h>

#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_nested.h"

static SqlType bool_type(void) {
    return sqltype_of(SQL_BOOL);
}

static Expr *placed(Query *query, Expr *expr, int location) {
    expr->position = binder_position(query->binder, location);
    return expr;
}

/* ---- constants, parameters, casts
 * ---------------------------------------------------------------------------- */

/* False when the digits have a point or an exponent, or do not fit. */
static bool read_integer(const char *digits, int64_t *out) {
    if (strspn(digits, "-0123456789") != strlen(digits)) return false;
    char *end = NULL;
    errno = 0;
    *out = strtoll(digits, &end, 10);
    return errno == 0 && *end == 0;
}

static Status bind_constant(Query *query, PgQuery__AConst *node, Expr **out, Error *err) {
    Arena *arena = query->binder->arena;
    if (node->isnull) {
        *out = expr_null(arena, sqltype_of(SQL_UNKNOWN));
    } else {
        switch (node->val_case) {
        case PG_QUERY__A__CONST__VAL_IVAL:
            *out = constant_int(arena, node->ival->ival, sqltype_of(SQL_INT4));
            break;
        case PG_QUERY__A__CONST__VAL_FVAL: {
            const char *digits = node->fval->fval;
            int64_t value = 0;
            if (read_integer(digits, &value)) {
                bool small = value >= INT32_MIN && value <= INT32_MAX;
                *out = constant_int(arena, value, sqltype_of(small ? SQL_INT4 : SQL_INT8));
            } else if (*digits == '-') {
                Expr *positive = NULL;
                TRY(constant_number(arena, digits + 1, &positive, err));
                TRY(resolve_operator(query->binder, "-", NULL, positive,
                                     binder_position(query->binder, node->location), out, err));
                Expr *folded = NULL;
                TRY(constant_fold(arena, *out, &folded, err));
                *out = folded ? folded : *out;
            } else {
                TRY(constant_number(arena, digits, out, err));
            }
            break;
        }
        case PG_QUERY__A__CONST__VAL_BOOLVAL: *out = expr_bool_constant(arena, node->boolval->boolval); break;
        case PG_QUERY__A__CONST__VAL_SVAL:
            *out = constant_text(arena, node->sval->sval, sqltype_of(SQL_UNKNOWN));
            break;
        default:
            /* ival 0 has no fields set in the wire form, yet its case is set; nothing at all means zero too.
             */
            if (node->val_case == PG_QUERY__A__CONST__VAL__NOT_SET) {
                *out = constant_int(arena, 0, sqltype_of(SQL_INT4));
                break;
            }
            return binder_unsupported(query->binder, node->location, err, "a bit string");
        }
    }
    placed(query, *out, node->location);
    return STATUS_OK;
}

static Status bind_param(Query *query, PgQuery__ParamRef *node, Expr **out, Error *err) {
    Plan *plan = query->binder->plan;
    if (query->binder->function && (*out = function_parameter(query, NULL, node->number, node->location)))
        return STATUS_OK;
    if (query->binder->function || node->number < 1 || node->number > plan->param_count)
        return error_set_at(err, "42P02", binder_position(query->binder, node->location),
                            "there is no parameter $%d", node->number);
    SqlType known = plan->param_types[node->number - 1];
    Expr *param = expr_new(query->binder->arena, EXPR_PARAM,
                           known.id == SQL_INVALID ? sqltype_of(SQL_UNKNOWN) : known, 0);
    param->param = node->number - 1;
    *out = placed(query, param, node->location);
    return STATUS_OK;
}

static int constant_typmod(const Node *node) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL)
        return node && node->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                       node->a_const->val_case == PG_QUERY__A__CONST__VAL__NOT_SET
                   ? 0
                   : -1;
    return node->a_const->ival->ival;
}

static Status type_of_node(Binder *binder, const PgQuery__TypeName *node, bool precision_apart, SqlType *out,
                           Error *err) {
    const char *name = node->n_names ? node_string(node->names[node->n_names - 1]) : NULL;
    if (!name || node->pct_type || node->setof)
        return binder_unsupported(binder, node->location, err, "this kind of type name");
    SqlType type = sqltype_from_name(name);
    if (type.id == SQL_OTHER || type.id == SQL_INVALID || type.id == SQL_RECORD || type.id == SQL_UNKNOWN)
        return binder_unsupported(binder, node->location, err, "type %s", name);
    type.is_array = node->n_array_bounds > 0;
    if (node->n_typmods > 0) {
        int first = constant_typmod(node->typmods[0]);
        if (type.id == SQL_NUMERIC) {
            int scale = node->n_typmods > 1 ? constant_typmod(node->typmods[1]) : 0;
            if (first < 1 || first > 1000)
                return error_set_at(err, SQLSTATE_INVALID_PARAMETER, binder_position(binder, node->location),
                                    "NUMERIC precision %d must be between 1 and 1000", first);
            if (scale < 0 || scale > first || first > NUMERIC_MAX_PRECISION)
                return binder_unsupported(binder, node->location, err, "numeric(%d,%d)", first, scale);
            type = sqltype_numeric(first, scale);
            type.is_array = node->n_array_bounds > 0;
        } else if (type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) {
            if (first < 1 || first > INT16_MAX)
                return binder_unsupported(binder, node->location, err, "%s of that length", name);
            type.precision = (int16_t)first;
        } else if (type.id == SQL_TIMESTAMP || type.id == SQL_TIMESTAMPTZ || type.id == SQL_TIME) {
            if (first != 6 && !precision_apart)
                return binder_unsupported(binder, node->location, err, "a precision of %s", name);
        } else if (type.id == SQL_INTERVAL && (first != 0x7FFF || node->n_typmods > 1) && !precision_apart) {
            return binder_unsupported(binder, node->location, err, "interval with fields");
        }
    }
    *out = type;
    return STATUS_OK;
}

Status type_from_node(Binder *binder, const PgQuery__TypeName *node, SqlType *out, Error *err) {
    return type_of_node(binder, node, false, out, err);
}

/* timestamp(3), interval hour to minute ...: the modifier is a step of its own after the cast. */
static bool time_modifier(const PgQuery__TypeName *node, SqlType type, int *modifier) {
    if (node->n_typmods == 0 || node->n_array_bounds > 0) return false;
    int first = constant_typmod(node->typmods[0]);
    int second = node->n_typmods > 1 ? constant_typmod(node->typmods[1]) : 0xFFFF;
    if (type.id == SQL_INTERVAL) {
        if (second != 0xFFFF && second > 6) second = 6;
        *modifier = first << 16 | second;
        return *modifier != (0x7FFF << 16 | 0xFFFF) && first >= 0 && second >= 0;
    }
    *modifier = first > 6 ? 6 : first;
    return (type.id == SQL_TIMESTAMP || type.id == SQL_TIMESTAMPTZ || type.id == SQL_TIME) && first >= 0 &&
           first < 6;
}

static Status apply_time_modifier(Binder *binder, const PgQuery__TypeName *node, SqlType type, Expr **out,
                                  Error *err) {
    int modifier = 0;
    if (!time_modifier(node, type, &modifier)) return STATUS_OK;
    char name[SQLTYPE_NAME_BYTES];
    Expr *args[2] = {*out, constant_int(binder->arena, modifier, sqltype_of(SQL_INT4))};
    return resolve_function(binder, sqltype_short_name(type, name), args, 2, (*out)->position, out, err);
}

/* An interval's text in which every number has its unit means the same whatever fields are kept. */
static bool names_its_units(const char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return length > 0 &&
           strspn(text, "+-0123456789. abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
               strlen(text) &&
           !(text[length - 1] >= '0' && text[length - 1] <= '9') && text[length - 1] != '.' &&
           text[0] != 'P' && text[0] != 'p';
}

/* interval '3' day: the field names the unit of a bare number. Masks are PostgreSQL's INTERVAL_MASK bits. */
static const char *interval_field(const PgQuery__TypeName *type) {
    if (type->n_names == 0 || type->n_typmods != 1 || !node_string(type->names[type->n_names - 1]) ||
        strcmp(node_string(type->names[type->n_names - 1]), "interval") != 0)
        return NULL;
    switch (constant_typmod(type->typmods[0])) {
    case 1 << 1: return "month";
    case 1 << 2: return "year";
    case 1 << 3: return "day";
    case 1 << 10: return "hour";
    case 1 << 11: return "minute";
    case 1 << 12: return "second";
    default: return NULL;
    }
}

static Status bind_cast(Query *query, PgQuery__TypeCast *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    Expr *arg = NULL;
    if (node->arg->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR) {
        SqlType target;
        TRY(type_from_node(binder, node->type_name, &target, err));
        if (target.is_array) {
            target.is_array = false;
            return bind_array_expr(query, node->arg->a_array_expr, &target, out, err);
        }
    }
    TRY(bind_expr(query, node->arg, &arg, err));
    const char *field = interval_field(node->type_name);
    SqlType type = sqltype_of(SQL_INTERVAL);
    if (field && expr_is_unknown(arg) && arg->kind == EXPR_CONSTANT && !expr_is_null_constant(arg)) {
        const StringView *view = arg->constant->values;
        const char *text = arena_strndup(binder->arena, stringview_data(view), view->length);
        bool bare = strspn(text, "+-0123456789 ") == strlen(text);
        if (!bare && !names_its_units(text))
            return binder_unsupported(binder, node->location, err, "interval with fields");
        int position = arg->position;
        if (bare)
            arg = constant_text(binder->arena, arena_printf(binder->arena, "%s %s", text, field),
                                sqltype_of(SQL_UNKNOWN));
        arg->position = position;
    } else {
        TRY(type_of_node(binder, node->type_name, true, &type, err));
        if (type.id == SQL_INTERVAL && node->type_name->n_typmods > 0 && expr_is_unknown(arg) &&
            constant_typmod(node->type_name->typmods[0]) != 0x7FFF)
            return binder_unsupported(binder, node->location, err, "interval with fields");
    }
    if (node->location >= 0 && !expr_is_unknown(arg)) {
        Expr *at = arena_memdup(binder->arena, arg, sizeof *arg);
        if (at->kind != EXPR_CONSTANT)
            at->position = at->position ? at->position : binder_position(binder, node->location);
        arg = at;
        /* A cast that does not exist is reported where the cast stands. */
        Status status = coerce_expr(binder, arg, type, CAST_EXPLICIT, out, err);
        if (status != STATUS_OK && err && strcmp(err->sqlstate, "42846") == 0)
            err->position = binder_position(binder, node->location);
        TRY(status);
    } else {
        TRY(coerce_expr(binder, arg, type, CAST_EXPLICIT, out, err));
    }
    /* numeric without modifiers, asked for by name, forgets the argument's digits only for display: keep
     * exactness. */
    if (*out == arg && !sqltype_equals(arg->type, type) && type.id != SQL_NUMERIC)
        *out = expr_with_type(binder->arena, arg, type);
    TRY(apply_time_modifier(binder, node->type_name, type, out, err));
    bool declared = node->type_name->n_typmods > 0 && !field;
    if ((*out)->declared != declared) {
        *out = expr_with_type(binder->arena, *out, (*out)->type);
        (*out)->declared = declared;
    }
    return STATUS_OK;
}

/* ---- operators
 * ---------------------------------------------------------------------------------------------- */

static const char *operator_name(PgQuery__AExpr *node) {
    const char *name = node->n_name ? node_string(node->name[node->n_name - 1]) : NULL;
    return name ? name : "";
}

static Status bind_row_comparison(Query *query, const char *name, PgQuery__RowExpr *left,
                                  PgQuery__RowExpr *right, int location, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, location);
    if (left->n_args != right->n_args)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position,
                            "unequal number of entries in row expressions");
    if (left->n_args == 0)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "cannot compare rows of zero length");
    Expr **a = NULL, **b = NULL;
    TRY(bind_exprs(query, left->args, left->n_args, &a, err));
    TRY(bind_exprs(query, right->args, right->n_args, &b, err));
    return compare_row_fields(binder, name, a, b, (int)left->n_args, position, out, err);
}

/* (a, b) = (SELECT x, y ...) */
static Status bind_row_with_subquery(Query *query, PgQuery__AExpr *node, const char *name, Expr **out,
                                     Error *err) {
    PgQuery__RowExpr *row = node->lexpr->row_expr;
    Expr **left = NULL, **right = NULL;
    TRY(bind_exprs(query, row->args, row->n_args, &left, err));
    TRY(bind_row_subquery(query, node->rexpr->sub_link, (int)row->n_args,
                          binder_position(query->binder, node->location), &right, err));
    return compare_row_fields(query->binder, name, left, right, (int)row->n_args,
                              binder_position(query->binder, node->location), out, err);
}

static Status bind_operator(Query *query, PgQuery__AExpr *node, const char *name, Expr **out, Error *err) {
    if (node->lexpr && node->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
        node->rexpr->node_case == PG_QUERY__NODE__NODE_SUB_LINK &&
        node->rexpr->sub_link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK &&
        node->lexpr->row_expr->n_args > 1)
        return bind_row_with_subquery(query, node, name, out, err);
    if (node->lexpr && node->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
        node->rexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR)
        return bind_row_comparison(query, name, node->lexpr->row_expr, node->rexpr->row_expr, node->location,
                                   out, err);
    Expr *left = NULL, *right = NULL;
    if (node->lexpr) TRY(bind_expr(query, node->lexpr, &left, err));
    TRY(bind_expr(query, node->rexpr, &right, err));
    return resolve_operator(query->binder, name, left, right, binder_position(query->binder, node->location),
                            out, err);
}

/* Both sides as equality wants them: for IS DISTINCT FROM, hash sets and join keys. */
static Status unify_for_equality(Query *query, Expr **left, Expr **right, int position,
                                 const ScalarFunction **function, Error *err) {
    Expr *equal = NULL;
    TRY(resolve_operator(query->binder, "=", *left, *right, position, &equal, err));
    *left = equal->args[0];
    *right = equal->args[1];
    *function = equal->function;
    if ((*left)->type.id != (*right)->type.id) {
        Expr *sides[2] = {*left, *right};
        SqlType type;
        TRY(common_type(query->binder, sides, 2, "comparison", &type, err));
        TRY(coerce_expr(query->binder, *left, type, CAST_IMPLICIT, left, err));
        TRY(coerce_expr(query->binder, *right, type, CAST_IMPLICIT, right, err));
        TRY(resolve_operator(query->binder, "=", *left, *right, position, &equal, err));
        *function = equal->function;
    }
    return STATUS_OK;
}

static Status bind_distinct_values(Query *query, Node *left_node, Node *right_node, int location,
                                   bool negated, Expr **out, Error *err) {
    Expr *left = NULL, *right = NULL;
    TRY(bind_expr(query, left_node, &left, err));
    TRY(bind_expr(query, right_node, &right, err));
    Expr *result =
        expr_new(query->binder->arena, negated ? EXPR_IS_NOT_DISTINCT : EXPR_IS_DISTINCT, bool_type(), 2);
    if (expr_is_null_constant(left) || expr_is_null_constant(right)) {
        Expr *other = expr_is_null_constant(left) ? right : left;
        result = expr_new(query->binder->arena, negated ? EXPR_IS_NULL : EXPR_IS_NOT_NULL, bool_type(), 1);
        if (expr_is_unknown(other))
            TRY(coerce_expr(query->binder, other, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &other, err));
        result->args[0] = other;
    } else {
        TRY(unify_for_equality(query, &left, &right, binder_position(query->binder, location),
                               &result->function, err));
        if (nested_equality_key(query->binder, left) != left) {
            left = nested_equality_key(query->binder, left);
            right = nested_equality_key(query->binder, right);
            TRY(unify_for_equality(query, &left, &right, 0, &result->function, err));
        }
        result->args[0] = left;
        result->args[1] = right;
    }
    *out = placed(query, result, location);
    return STATUS_OK;
}

/* ROW(a, b) IS DISTINCT FROM ROW(c, d): field by field, each pair in its common type. */
static Status bind_distinct_rows(Query *query, PgQuery__AExpr *node, bool negated, Expr **out, Error *err) {
    PgQuery__RowExpr *left = node->lexpr->row_expr, *right = node->rexpr->row_expr;
    if (left->n_args != right->n_args)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, binder_position(query->binder, node->location),
                            "unequal number of entries in row expressions");
    Expr *all = expr_new(query->binder->arena, negated ? EXPR_AND : EXPR_OR, bool_type(), (int)left->n_args);
    for (size_t i = 0; i < left->n_args; i++)
        TRY(bind_distinct_values(query, left->args[i], right->args[i], node->location, negated, &all->args[i],
                                 err));
    *out = all->arg_count == 1 ? all->args[0] : placed(query, all, node->location);
    return STATUS_OK;
}

static Status bind_distinct(Query *query, PgQuery__AExpr *node, bool negated, Expr **out, Error *err) {
    bool rows = node->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
                node->rexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR && node->lexpr->row_expr->n_args > 0;
    return rows ? bind_distinct_rows(query, node, negated, out, err)
                : bind_distinct_values(query, node->lexpr, node->rexpr, node->location, negated, out, err);
}

static Status bind_nullif(Query *query, PgQuery__AExpr *node, Expr **out, Error *err) {
    Arena *arena = query->binder->arena;
    Expr *left = NULL, *right = NULL;
    TRY(bind_expr(query, node->lexpr, &left, err));
    TRY(bind_expr(query, node->rexpr, &right, err));
    Expr *equal = NULL;
    TRY(resolve_operator(query->binder, "=", left, right, binder_position(query->binder, node->location),
                         &equal, err));
    if (equal->arg_count == 2)
        left = equal->args[0]; /* as the comparison takes it: varchar has become text */
    Expr *choice = expr_new(arena, EXPR_CASE, left->type, 3);
    choice->args[0] = equal;
    choice->args[1] = expr_null(arena, left->type);
    choice->args[2] = expr_copy(arena, left);
    choice->declared = left->declared;
    *out = placed(query, choice, node->location);
    return STATUS_OK;
}

static Status bind_between(Query *query, PgQuery__AExpr *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    Arena *arena = binder->arena;
    int position = binder_position(binder, node->location);
    bool symmetric = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM ||
                     node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    bool negated = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN ||
                   node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    Expr *subject = NULL, *bounds[2];
    TRY(bind_expr(query, node->lexpr, &subject, err));
    for (int i = 0; i < 2; i++)
        TRY(bind_expr(query, node->rexpr->list->items[i], &bounds[i], err));
    Expr *ranges[2];
    for (int way = 0; way < (symmetric ? 2 : 1); way++) {
        ranges[way] = expr_new(arena, negated ? EXPR_OR : EXPR_AND, bool_type(), 2);
        for (int side = 0; side < 2; side++)
            TRY(resolve_operator(binder, negated ? (side ? ">" : "<") : (side ? "<=" : ">="),
                                 expr_copy(arena, subject), expr_copy(arena, bounds[side ^ way]), position,
                                 &ranges[way]->args[side], err));
    }
    *out = ranges[0];
    if (symmetric) {
        *out = expr_new(arena, negated ? EXPR_AND : EXPR_OR, bool_type(), 2);
        (*out)->args[0] = ranges[0];
        (*out)->args[1] = ranges[1];
    }
    placed(query, *out, node->location);
    return STATUS_OK;
}

/* ---- lists
 * --------------------------------------------------------------------------------------------------- */

/* Numerics of different scale compare as one: lossless, so a set of them can be hashed. */
static Status widen_numerics(Binder *binder, Expr **left, Expr **items, int count, Error *err) {
    if ((*left)->type.id != SQL_NUMERIC) return STATUS_OK;
    SqlType cover = (*left)->type;
    for (int i = 0; i < count; i++)
        if (!expr_is_null_constant(items[i])) cover = numeric_cover(cover, items[i]->type);
    TRY(coerce_exact(binder, *left, cover, CAST_EXPLICIT, left, err));
    for (int i = 0; i < count; i++)
        TRY(coerce_exact(binder, items[i], cover, CAST_EXPLICIT, &items[i], err));
    return STATUS_OK;
}

static Status make_in_list(Query *query, Expr *left, Expr **items, int count, int position, Expr **out,
                           Error *err) {
    Binder *binder = query->binder;
    const ScalarFunction *function = NULL;
    Expr *side = left;
    for (int i = 0; i < count; i++) {
        Expr *item = items[i];
        side = left;
        TRY(unify_for_equality(query, &side, &item, position, &function, err));
    }
    for (int i = 0; i < count; i++)
        TRY(coerce_expr(binder, items[i], side->type.id == SQL_NUMERIC ? items[i]->type : side->type,
                        CAST_IMPLICIT, &items[i], err));
    TRY(widen_numerics(binder, &side, items, count, err));
    Expr *list = expr_new(binder->arena, EXPR_IN_LIST, bool_type(), count + 1);
    list->args[0] = side;
    memcpy(list->args + 1, items, sizeof *items * (size_t)count);
    list->function = function;
    list->position = position;
    *out = list;
    return STATUS_OK;
}

Status bind_list_comparison(Query *query, const char *name, bool any, Expr *left, Expr **items, int count,
                            int position, Expr **out, Error *err) {
    Binder *binder = query->binder;
    if (count == 0) {
        *out = expr_bool_constant(binder->arena, !any);
        return STATUS_OK;
    }
    Expr **all = ARENA_NEW_ARRAY(binder->arena, Expr *, count + 1);
    all[0] = left;
    memcpy(all + 1, items, sizeof *items * (size_t)count);
    SqlType type;
    Error mismatch = {0};
    bool constant = true, common = common_type(binder, all, count + 1, "IN", &type, &mismatch) == STATUS_OK;
    if (common) {
        type.precision = type.scale = 0;
        for (int i = 1; i <= count; i++)
            TRY(coerce_expr(binder, all[i], type, CAST_IMPLICIT, &all[i], err));
    }
    for (int i = 1; i <= count; i++)
        constant = constant && expr_is_constant(all[i]);
    bool equality = strcmp(name, "=") == 0 && any, inequality = strcmp(name, "<>") == 0 && !any;
    bool hashable = common && !type.is_array && type.id != SQL_JSONB && type.id != SQL_RECORD;
    if (hashable && constant && count > 1 && (equality || inequality)) {
        TRY(make_in_list(query, all[0], all + 1, count, position, out, err));
        if (inequality) {
            Expr *negated = expr_new(binder->arena, EXPR_NOT, bool_type(), 1);
            negated->args[0] = *out;
            *out = negated;
        }
        return STATUS_OK;
    }
    Expr *chain = expr_new(binder->arena, any ? EXPR_OR : EXPR_AND, bool_type(), count);
    for (int i = 0; i < count; i++)
        TRY(resolve_operator(binder, name, expr_copy(binder->arena, left), all[i + 1], position,
                             &chain->args[i], err));
    *out = count == 1 ? chain->args[0] : chain;
    return STATUS_OK;
}

static Status bind_in(Query *query, PgQuery__AExpr *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    bool negated = strcmp(operator_name(node), "<>") == 0;
    PgQuery__List *list = node->rexpr->list;
    if (node->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR) {
        Expr *chain = expr_new(binder->arena, negated ? EXPR_AND : EXPR_OR, bool_type(), (int)list->n_items);
        for (size_t i = 0; i < list->n_items; i++) {
            if (list->items[i]->node_case != PG_QUERY__NODE__NODE_ROW_EXPR)
                return binder_unsupported(binder, node->location, err, "IN with rows and values");
            TRY(bind_row_comparison(query, negated ? "<>" : "=", node->lexpr->row_expr,
                                    list->items[i]->row_expr, node->location, &chain->args[i], err));
        }
        *out = chain;
        return STATUS_OK;
    }
    Expr *left = NULL, **items = NULL;
    TRY(bind_expr(query, node->lexpr, &left, err));
    TRY(bind_exprs(query, list->items, list->n_items, &items, err));
    return bind_list_comparison(query, negated ? "<>" : "=", !negated, left, items, (int)list->n_items,
                                binder_position(binder, node->location), out, err);
}

static Status bind_op_array(Query *query, PgQuery__AExpr *node, bool any, Expr **out, Error *err) {
    Binder *binder = query->binder;
    Node *array = node->rexpr;
    SqlType element = sqltype_of(SQL_INVALID);
    if (array->node_case == PG_QUERY__NODE__NODE_TYPE_CAST &&
        array->type_cast->arg->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR) {
        TRY(type_from_node(binder, array->type_cast->type_name, &element, err));
        element.is_array = false;
        array = array->type_cast->arg;
    }
    Expr *left = NULL, **items = NULL;
    if (array->node_case != PG_QUERY__NODE__NODE_A_ARRAY_EXPR) {
        Expr *value = NULL;
        TRY(bind_expr(query, node->lexpr, &left, err));
        TRY(bind_expr(query, node->rexpr, &value, err));
        return bind_array_comparison(query, operator_name(node), any, left, value,
                                     binder_position(binder, node->location), out, err);
    }
    TRY(bind_expr(query, node->lexpr, &left, err));
    TRY(bind_exprs(query, array->a_array_expr->elements, array->a_array_expr->n_elements, &items, err));
    for (size_t i = 0; i < array->a_array_expr->n_elements && element.id != SQL_INVALID; i++)
        TRY(coerce_expr(binder, items[i], element, CAST_EXPLICIT, &items[i], err));
    return bind_list_comparison(query, operator_name(node), any, left, items,
                                (int)array->a_array_expr->n_elements, binder_position(binder, node->location),
                                out, err);
}

static Status bind_a_expr(Query *query, PgQuery__AExpr *node, Expr **out, Error *err) {
    switch (node->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
        return bind_operator(query, node, operator_name(node), out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY: return bind_op_array(query, node, true, out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL: return bind_op_array(query, node, false, out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT: return bind_distinct(query, node, false, out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT: return bind_distinct(query, node, true, out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF: return bind_nullif(query, node, out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN: return bind_in(query, node, out, err);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM: return bind_between(query, node, out, err);
    default: return binder_unsupported(query->binder, node->location, err, "this operator");
    }
}

/* ---- logic
 * --------------------------------------------------------------------------------------------------- */

static Status bind_bool_expr(Query *query, PgQuery__BoolExpr *node, Expr **out, Error *err) {
    bool negation = node->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR;
    bool conjunction = node->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    const char *what = negation ? "NOT" : conjunction ? "AND" : "OR";
    Guard *outside = query->guards;
    Expr *result = expr_new(query->binder->arena,
                            negation      ? EXPR_NOT
                            : conjunction ? EXPR_AND
                                          : EXPR_OR,
                            bool_type(), (int)node->n_args);
    for (size_t i = 0; i < node->n_args; i++) {
        Expr *arg = NULL;
        TRY(bind_expr(query, node->args[i], &arg, err));
        TRY(coerce_to_bool(query->binder, arg, what, &result->args[i], err));
        if (!negation)
            query_guard(query, conjunction ? EXPR_IS_NOT_FALSE : EXPR_IS_NOT_TRUE, result->args[i]);
    }
    query->guards = outside;
    *out = placed(query, result, node->location);
    return STATUS_OK;
}

static Status bind_null_test(Query *query, PgQuery__NullTest *node, Expr **out, Error *err) {
    Expr *arg = NULL;
    TRY(bind_expr(query, node->arg, &arg, err));
    if (expr_is_unknown(arg))
        TRY(coerce_expr(query->binder, arg, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &arg, err));
    if (sqltype_is(arg->type, SQL_RECORD))
        return bind_row_null_test(query, arg, node->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL, out,
                                  err);
    Expr *result =
        expr_new(query->binder->arena,
                 node->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL ? EXPR_IS_NULL : EXPR_IS_NOT_NULL,
                 bool_type(), 1);
    result->args[0] = arg;
    *out = placed(query, result, node->location);
    return STATUS_OK;
}

static Status bind_boolean_test(Query *query, PgQuery__BooleanTest *node, Expr **out, Error *err) {
    ExprKind kind = EXPR_IS_TRUE;
    const char *what = "IS TRUE";
    switch (node->booltesttype) {
    case PG_QUERY__BOOL_TEST_TYPE__IS_TRUE: break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE: kind = EXPR_IS_NOT_TRUE, what = "IS NOT TRUE"; break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_FALSE: kind = EXPR_IS_FALSE, what = "IS FALSE"; break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE: kind = EXPR_IS_NOT_FALSE, what = "IS NOT FALSE"; break;
    case PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN: kind = EXPR_IS_NULL, what = "IS UNKNOWN"; break;
    default: kind = EXPR_IS_NOT_NULL, what = "IS NOT UNKNOWN"; break;
    }
    Expr *arg = NULL, *result = expr_new(query->binder->arena, kind, bool_type(), 1);
    TRY(bind_expr(query, node->arg, &arg, err));
    TRY(coerce_to_bool(query->binder, arg, what, &result->args[0], err));
    *out = placed(query, result, node->location);
    return STATUS_OK;
}

static Status bind_value_function(Query *query, PgQuery__SQLValueFunction *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    SqlTypeId target = SQL_TIMESTAMPTZ;
    bool precise = false;
    switch (node->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE: target = SQL_DATE; break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP: break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP: target = SQL_TIMESTAMP; break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME: target = SQL_TIME; break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N: precise = true; break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
        target = SQL_TIMESTAMP, precise = true;
        break;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N: target = SQL_TIME, precise = true; break;
    default: return binder_unsupported(binder, node->location, err, "this session value");
    }
    Expr *now = NULL;
    TRY(resolve_function(binder, "now", NULL, 0, binder_position(binder, node->location), &now, err));
    TRY(coerce_expr(binder, now, sqltype_of(target), CAST_EXPLICIT, out, err));
    if (!precise || node->typmod < 0 || node->typmod > 5) return STATUS_OK;
    char name[SQLTYPE_NAME_BYTES];
    Expr *args[2] = {*out, constant_int(binder->arena, node->typmod, sqltype_of(SQL_INT4))};
    return resolve_function(binder, sqltype_short_name(sqltype_of(target), name), args, 2,
                            binder_position(binder, node->location), out, err);
}

static Status bind_collate(Query *query, PgQuery__CollateClause *node, Expr **out, Error *err) {
    const char *name = node->n_collname ? node_string(node->collname[node->n_collname - 1]) : NULL;
    if (!name || (strcmp(name, "C") != 0 && strcmp(name, "POSIX") != 0 && strcmp(name, "ucs_basic") != 0))
        return binder_unsupported(query->binder, node->location, err, "collation %s", name ? name : "");
    TRY(bind_expr(query, node->arg, out, err));
    if (expr_is_unknown(*out))
        return coerce_expr(query->binder, *out, sqltype_of(SQL_TEXT), CAST_IMPLICIT, out, err);
    return STATUS_OK;
}

/* ---- the way in
 * ---------------------------------------------------------------------------------------------- */

/* No set-returning function may stand in there. */
static Status bind_branches(Query *query, Node *node, Expr **out, Error *err) {
    const char *outside = query->in_branch;
    Guard *guards = query->guards;
    bool is_case = node->node_case == PG_QUERY__NODE__NODE_CASE_EXPR;
    query->in_branch = is_case ? "CASE" : "COALESCE";
    Status status = is_case ? bind_case(query, node->case_expr, out, err)
                            : bind_coalesce(query, node->coalesce_expr, out, err);
    query->in_branch = outside;
    query->guards = guards;
    return status;
}

static Status bind_node(Query *query, Node *node, Expr **out, Error *err) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST: return bind_constant(query, node->a_const, out, err);
    case PG_QUERY__NODE__NODE_COLUMN_REF: return bind_column_ref(query, node->column_ref, out, err);
    case PG_QUERY__NODE__NODE_PARAM_REF: return bind_param(query, node->param_ref, out, err);
    case PG_QUERY__NODE__NODE_A_EXPR: return bind_a_expr(query, node->a_expr, out, err);
    case PG_QUERY__NODE__NODE_BOOL_EXPR: return bind_bool_expr(query, node->bool_expr, out, err);
    case PG_QUERY__NODE__NODE_NULL_TEST: return bind_null_test(query, node->null_test, out, err);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return bind_boolean_test(query, node->boolean_test, out, err);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
    case PG_QUERY__NODE__NODE_COALESCE_EXPR: return bind_branches(query, node, out, err);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR: return bind_min_max(query, node->min_max_expr, out, err);
    case PG_QUERY__NODE__NODE_FUNC_CALL: return bind_function_call(query, node->func_call, out, err);
    case PG_QUERY__NODE__NODE_TYPE_CAST: return bind_cast(query, node->type_cast, out, err);
    case PG_QUERY__NODE__NODE_SUB_LINK: return bind_sublink(query, node->sub_link, out, err);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        return bind_value_function(query, node->sqlvalue_function, out, err);
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE: return bind_collate(query, node->collate_clause, out, err);
    case PG_QUERY__NODE__NODE_GROUPING_FUNC: return bind_grouping_call(query, node->grouping_func, out, err);
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR: return bind_array_expr(query, node->a_array_expr, NULL, out, err);
    case PG_QUERY__NODE__NODE_ROW_EXPR: return bind_row_expr(query, node->row_expr, out, err);
    case PG_QUERY__NODE__NODE_A_INDIRECTION: return bind_indirection(query, node->a_indirection, out, err);
    case PG_QUERY__NODE__NODE_SET_TO_DEFAULT:
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR,
                            binder_position(query->binder, node->set_to_default->location),
                            "DEFAULT is not allowed in this context");
    default: return binder_unsupported(query->binder, -1, err, "this expression");
    }
}

Status bind_expr(Query *query, Node *node, Expr **out, Error *err) {
    enum { DEEPEST = 4000 };
    Binder *binder = query->binder;
    if (!node) return error_set(err, SQLSTATE_INTERNAL, "the parse tree lacks an expression");
    if (binder->depth >= DEEPEST)
        return error_set(err, SQLSTATE_TOO_COMPLEX, "the statement's expressions are nested too deeply");
    binder->depth++;
    Status status = bind_node(query, node, out, err);
    binder->depth--;
    return status;
}

Status bind_exprs(Query *query, Node *const *nodes, size_t count, Expr ***out, Error *err) {
    *out = ARENA_NEW_ARRAY(query->binder->arena, Expr *, count + 1);
    for (size_t i = 0; i < count; i++)
        TRY(bind_expr(query, nodes[i], &(*out)[i], err));
    return STATUS_OK;
}

Status bind_condition(Query *query, Node *node, const char *what, Expr **out, Error *err) {
    Expr *expr = NULL;
    TRY(bind_expr(query, node, &expr, err));
    return coerce_to_bool(query->binder, expr, what, out, err);
}
