/* Arrays in expressions: ARRAY[...], subscripts and slices, and PostgreSQL's polymorphic operators and
 * functions over arrays, whose types are matched here (resolve.c knows only concrete types). */
#include "engines/columnar/kernels/array_any.h"
#include "engines/columnar/kernels/jsonpath.h"
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_nested.h"
#include "engines/columnar/plan/pg_catalog.h"

static const ScalarFunction *kernel_named(const char *name, int arg_count) {
    const ScalarFunction *found[128];
    int count = function_candidates(name, found, 128);
    for (int i = 0; i < count; i++) {
        bool takes_array = found[i]->args[0].is_array || found[i]->args[1].is_array || name[0] == '$';
        if (takes_array && (found[i]->variadic || found[i]->arg_count == arg_count)) return found[i];
    }
    return NULL;
}

Expr *nested_call(Binder *binder, const char *name, SqlType type, Expr *const *args, int arg_count,
                  int position) {
    const ScalarFunction *kernel = kernel_named(name, arg_count);
    if (!kernel) return NULL;
    Expr *call = expr_new(binder->arena, EXPR_CALL, type, arg_count);
    call->function = kernel;
    call->position = position;
    for (int i = 0; i < arg_count; i++)
        call->args[i] = args[i];
    return call;
}

static Status call_array(Binder *binder, const char *name, SqlType type, Expr *const *args, int arg_count,
                         int position, Expr **out, Error *err) {
    *out = nested_call(binder, name, type, args, arg_count, position);
    if (*out) return STATUS_OK;
    return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                        "%s of arrays is not available in the columnar engine", name);
}

/* An array's declared type does not say how its numerics are held: always without precision. */
static SqlType array_of(SqlType element) {
    if (element.id == SQL_NUMERIC) element = sqltype_of(SQL_NUMERIC);
    return sqltype_array_of(element);
}

/* ---- ARRAY[...] -----------------------------------------------------------------------------------------
 */

static Status common_element(Query *query, Expr **items, int count, const SqlType *target, int position,
                             SqlType *out, Error *err) {
    if (target) {
        *out = *target;
        return STATUS_OK;
    }
    if (count == 0) {
        (void)error_set_at(err, "42P18", position, "cannot determine type of empty array");
        return error_add_hint(err, "Explicitly cast to the desired type, for example ARRAY[]::integer[].");
    }
    return common_type(query->binder, items, count, "ARRAY", out, err);
}

Status bind_array_expr(Query *query, PgQuery__AArrayExpr *node, const SqlType *element_target, Expr **out,
                       Error *err) {
    Binder *binder = query->binder;
    int count = (int)node->n_elements, position = binder_position(binder, node->location);
    Expr **items = ARENA_NEW_ARRAY(binder->arena, Expr *, count + 1);
    bool nested = false;
    for (int i = 0; i < count; i++) {
        Node *item = node->elements[i];
        if (item->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR)
            TRY(bind_array_expr(query, item->a_array_expr, element_target, &items[i], err));
        else
            TRY(bind_expr(query, item, &items[i], err));
        nested |= items[i]->type.is_array;
    }
    SqlType element, whole;
    SqlType target = element_target ? *element_target : sqltype_of(SQL_UNKNOWN);
    if (nested) target = sqltype_array_of(target);
    TRY(common_element(query, items, count, element_target ? &target : NULL, position, &element, err));
    for (int i = 0; i < count; i++)
        TRY(coerce_expr(binder, items[i], element, element_target ? CAST_EXPLICIT : CAST_IMPLICIT, &items[i],
                        err));
    whole = array_of(array_element_type(element));
    if (!nested && element.id == SQL_RECORD) whole.precision = whole.scale = 0;
    if (!element_target && whole.id != SQL_NUMERIC) whole.precision = whole.scale = 0;
    if (element_target) whole = sqltype_array_of(array_element_type(element));
    return call_array(binder, nested ? "$array_nest" : "$array", whole, items, count, position, out, err);
}

/* ---- subscripts -----------------------------------------------------------------------------------------
 */

static Status bind_bound(Query *query, Node *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    if (!node) {
        *out = constant_int(binder->arena, 0, sqltype_of(SQL_INT4));
        return STATUS_OK;
    }
    TRY(bind_expr(query, node, out, err));
    if (!expr_is_unknown(*out) &&
        !sqltype_is(expr_is_unknown(*out) ? sqltype_of(SQL_INT4) : (*out)->type, SQL_INT4) &&
        pg_cast_context((*out)->type, sqltype_of(SQL_INT4)) != 'i' &&
        pg_cast_context((*out)->type, sqltype_of(SQL_INT4)) != 'a')
        return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, (*out)->position,
                            "array subscript must have type integer");
    return coerce_expr(binder, *out, sqltype_of(SQL_INT4), CAST_ASSIGNMENT, out, err);
}

static Status bind_subscripts(Query *query, Expr *array, Node *const *nodes, int count, Expr **out,
                              Error *err) {
    Binder *binder = query->binder;
    Expr *args[2 + 2 * ARRAY_MAX_DIMENSIONS];
    bool slice = false;
    if (count > ARRAY_MAX_DIMENSIONS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "number of array dimensions (%d) exceeds the maximum allowed (%d)", count,
                         ARRAY_MAX_DIMENSIONS);
    for (int i = 0; i < count; i++)
        slice |= nodes[i]->a_indices->is_slice;
    args[0] = array;
    SqlType element = array_element_type(array->type);
    if (!slice) {
        for (int i = 0; i < count; i++)
            TRY(bind_bound(query, nodes[i]->a_indices->uidx, &args[1 + i], err));
        SqlType type = element.id == SQL_NUMERIC ? sqltype_of(SQL_NUMERIC) : element;
        return call_array(binder, "$subscript", type, args, 1 + count, array->position, out, err);
    }
    int mask = 0;
    for (int i = 0; i < count; i++) {
        PgQuery__AIndices *indices = nodes[i]->a_indices;
        Node *lower = indices->lidx;
        if (!indices->is_slice) { /* a plain subscript among slices means 1:n */
            args[2 + 2 * i] = constant_int(binder->arena, 1, sqltype_of(SQL_INT4));
        } else {
            TRY(bind_bound(query, lower, &args[2 + 2 * i], err));
            if (!lower) mask |= 1 << (2 * i);
            if (!indices->uidx) mask |= 2 << (2 * i);
        }
        TRY(bind_bound(query, indices->uidx, &args[3 + 2 * i], err));
    }
    args[1] = constant_int(binder->arena, mask, sqltype_of(SQL_INT4));
    return call_array(binder, "$slice", array->type, args, 2 + 2 * count, array->position, out, err);
}

/* jsonb subscripts walk like #>. */
static Status bind_json_subscripts(Query *query, Expr *value, Node *const *nodes, int count, Expr **out,
                                   Error *err) {
    Binder *binder = query->binder;
    Expr **keys = ARENA_NEW_ARRAY(binder->arena, Expr *, count + 1);
    for (int i = 0; i < count; i++) {
        if (nodes[i]->a_indices->is_slice)
            return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, value->position,
                                "jsonb subscript does not support slices");
        TRY(bind_expr(query, nodes[i]->a_indices->uidx, &keys[i], err));
        if (!expr_is_unknown(keys[i]) && !sqltype_is_integer(keys[i]->type) &&
            !sqltype_is_text(keys[i]->type))
            return binder_unsupported(binder, -1, err, "a jsonb subscript of this type");
        TRY(coerce_expr(binder, keys[i], sqltype_of(SQL_TEXT), CAST_EXPLICIT, &keys[i], err));
    }
    Expr *path = NULL;
    TRY(call_array(binder, "$array", sqltype_array_of(sqltype_of(SQL_TEXT)), keys, count, value->position,
                   &path, err));
    return resolve_operator(binder, "#>", value, path, value->position, out, err);
}

Status bind_indirection(Query *query, PgQuery__AIndirection *node, Expr **out, Error *err) {
    TRY(bind_expr(query, node->arg, out, err));
    int count = (int)node->n_indirection, at = 0;
    while (at < count) {
        Node *step = node->indirection[at];
        if (step->node_case != PG_QUERY__NODE__NODE_A_INDICES) {
            TRY(bind_field_selection(query, *out, node_string(step), out, err));
            at++;
            continue;
        }
        int end = at;
        while (end < count && node->indirection[end]->node_case == PG_QUERY__NODE__NODE_A_INDICES)
            end++;
        Node *const *steps = node->indirection + at;
        if ((*out)->type.is_array)
            TRY(bind_subscripts(query, *out, steps, end - at, out, err));
        else if (sqltype_is((*out)->type, SQL_JSONB))
            TRY(bind_json_subscripts(query, *out, steps, end - at, out, err));
        else {
            char name[SQLTYPE_NAME_BYTES];
            return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, (*out)->position,
                                "cannot subscript type %s because it does not support subscripting",
                                expr_is_unknown(*out) ? "unknown" : sqltype_name((*out)->type, false, name));
        }
        at = end;
    }
    return STATUS_OK;
}

/* ---- operators ------------------------------------------------------------------------------------------
 */

static Status no_array_operator(const char *name, Expr *left, Expr *right, int position, Error *err) {
    char left_name[SQLTYPE_NAME_BYTES], right_name[SQLTYPE_NAME_BYTES];
    (void)error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position, "operator does not exist: %s %s %s",
                       expr_is_unknown(left) ? "unknown" : sqltype_name(left->type, false, left_name), name,
                       expr_is_unknown(right) ? "unknown" : sqltype_name(right->type, false, right_name));
    return error_add_hint(err, "No operator matches the given name and argument types. You might need to add "
                               "explicit type casts.");
}

static bool is_comparison(const char *name) {
    static const char *const NAMES[] = {"=", "<>", "<", "<=", ">", ">=", "@>", "<@", "&&"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(name, NAMES[i]) == 0) return true;
    return false;
}

static Status resolve_concatenation(Binder *binder, Expr *left, Expr *right, int position, Expr **out,
                                    Error *err) {
    Expr *sides[2] = {left, right}, elements[2];
    bool arrays =
        (left->type.is_array || expr_is_unknown(left)) && (right->type.is_array || expr_is_unknown(right));
    Expr *shadows[2];
    for (int i = 0; i < 2; i++) {
        elements[i] = *sides[i];
        elements[i].kind = sides[i]->type.is_array ? EXPR_COLUMN : sides[i]->kind;
        elements[i].type = expr_is_unknown(sides[i]) ? sides[i]->type : array_element_type(sides[i]->type);
        shadows[i] = &elements[i];
    }
    SqlType element;
    Error mismatch = {0};
    if (common_type(binder, shadows, 2, "ARRAY", &element, &mismatch) != STATUS_OK)
        return no_array_operator("||", left, right, position, err);
    element.precision = element.scale = 0;
    for (int i = 0; i < 2; i++) {
        bool whole = arrays || sides[i]->type.is_array;
        if (!expr_is_unknown(sides[i]) && !coerce_is_implicit(elements[i].type, element))
            return no_array_operator("||", left, right, position, err);
        TRY(coerce_expr(binder, sides[i], whole ? sqltype_array_of(element) : element, CAST_IMPLICIT,
                        &sides[i], err));
    }
    const char *name = arrays ? "array_cat" : left->type.is_array ? "array_append" : "array_prepend";
    return call_array(binder, name, sqltype_array_of(element), sides, 2, position, out, err);
}

/* Operators with an array on a side. *out stays NULL when it is none of PostgreSQL's array operators. */
Status resolve_array_operator(Binder *binder, const char *name, Expr *left, Expr *right, int position,
                              Expr **out, Error *err) {
    *out = NULL;
    if (strcmp(name, "||") == 0) return resolve_concatenation(binder, left, right, position, out, err);
    if (!is_comparison(name)) return STATUS_OK;
    Expr *sides[2] = {left, right};
    if (expr_is_unknown(left))
        TRY(coerce_expr(binder, left, array_of(array_element_type(right->type)), CAST_IMPLICIT, &sides[0],
                        err));
    if (expr_is_unknown(right))
        TRY(coerce_expr(binder, right, array_of(array_element_type(left->type)), CAST_IMPLICIT, &sides[1],
                        err));
    SqlType a = sides[0]->type, b = sides[1]->type;
    if (a.id != b.id || !a.is_array || !b.is_array)
        return no_array_operator(name, left, right, position, err);
    if (!type_has_equality((SqlTypeId)a.id)) {
        char type[SQLTYPE_NAME_BYTES];
        return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position, "could not identify %s for type %s",
                            name[0] == '<' && name[1] != '>' && name[1] != '@' ? "a comparison function"
                                                                               : "an equality operator",
                            sqltype_name(array_element_type(a), false, type));
    }
    return call_array(binder, name, sqltype_of(SQL_BOOL), sides, 2, position, out, err);
}

/* ---- functions ------------------------------------------------------------------------------------------
 */

/* A array of the common type, e of it; i integer, t text, I integer[]; optional arguments behind '|'. */
typedef struct ArraySignature {
    const char *name, *args, *result;
} ArraySignature;

static const ArraySignature SIGNATURES[] = {
    {"array_append", "Ae", "A"},      {"array_cat", "AA", "A"},        {"array_dims", "A", "t"},
    {"array_fill", "eI|I", "A"},      {"array_length", "Ai", "i"},     {"array_lower", "Ai", "i"},
    {"array_ndims", "A", "i"},        {"array_position", "Ae|i", "i"}, {"array_positions", "Ae", "I"},
    {"array_prepend", "eA", "A"},     {"array_remove", "Ae", "A"},     {"array_replace", "Aee", "A"},
    {"array_to_string", "At|t", "t"}, {"array_upper", "Ai", "i"},      {"cardinality", "A", "i"},
    {"trim_array", "Ai", "A"},
};

static const ArraySignature *signature_named(const char *name) {
    for (size_t i = 0; i < sizeof SIGNATURES / sizeof SIGNATURES[0]; i++)
        if (strcmp(SIGNATURES[i].name, name) == 0) return &SIGNATURES[i];
    return NULL;
}

static bool signature_letters(const ArraySignature *signature, int arg_count, char letters[8]) {
    int required = 0, total = 0;
    bool optional = false;
    for (const char *at = signature->args; *at; at++) {
        if (*at == '|') {
            optional = true;
            continue;
        }
        letters[total++] = *at;
        required += !optional;
    }
    return arg_count >= required && arg_count <= total;
}

static Status no_array_function(const char *name, Expr **args, int arg_count, int position, Error *err) {
    StrBuf text;
    char type[SQLTYPE_NAME_BYTES];
    strbuf_init(&text);
    for (int i = 0; i < arg_count; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "",
                      expr_is_unknown(args[i]) ? "unknown" : sqltype_name(args[i]->type, false, type));
    (void)error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position, "function %s(%s) does not exist", name,
                       strbuf_text(&text));
    strbuf_deinit(&text);
    return error_add_hint(err, "No function matches the given name and argument types. You might need to add "
                               "explicit type casts.");
}

/* The element type all polymorphic arguments agree on. */
static Status agree(Binder *binder, const char *letters, Expr **args, int arg_count, SqlType *out,
                    bool *matches, Error *err) {
    Expr shadows[8], *list[8];
    int count = 0;
    bool known = false;
    *matches = true;
    for (int i = 0; i < arg_count; i++) {
        if (letters[i] != 'A' && letters[i] != 'e') continue;
        if (letters[i] == 'A' && !args[i]->type.is_array && !expr_is_unknown(args[i])) *matches = false;
        shadows[count] = *args[i];
        if (letters[i] == 'A' && args[i]->type.is_array) {
            shadows[count].type = array_element_type(args[i]->type);
            shadows[count].kind = EXPR_COLUMN;
        }
        known |= !expr_is_unknown(args[i]);
        list[count] = &shadows[count];
        count++;
    }
    if (!*matches) return STATUS_OK;
    if (!known)
        return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, 0,
                            "could not determine polymorphic type because input has type unknown");
    Error mismatch = {0};
    *matches = common_type(binder, list, count, "ARRAY", out, &mismatch) == STATUS_OK;
    for (int i = 0; *matches && i < count; i++)
        *matches = expr_is_unknown(list[i]) || coerce_is_implicit(list[i]->type, *out);
    if (out->id == SQL_NUMERIC || out->precision) out->precision = out->scale = 0;
    return STATUS_OK;
}

static SqlType letter_type(char letter, SqlType element) {
    switch (letter) {
    case 'A': return sqltype_array_of(element);
    case 'e': return element;
    case 'i': return sqltype_of(SQL_INT4);
    case 'I': return sqltype_array_of(sqltype_of(SQL_INT4));
    default: return sqltype_of(SQL_TEXT);
    }
}

Status resolve_array_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                              Expr **out, Error *err) {
    *out = NULL;
    const ArraySignature *signature = signature_named(name);
    if (!signature) return STATUS_OK;
    char letters[8] = {0};
    if (!signature_letters(signature, arg_count, letters))
        return no_array_function(name, args, arg_count, position, err);
    SqlType element = {0};
    bool matches = false;
    if (agree(binder, letters, args, arg_count, &element, &matches, err) != STATUS_OK) {
        if (err && !err->position) err->position = position;
        return STATUS_ERROR;
    }
    if (!matches) return no_array_function(name, args, arg_count, position, err);
    Expr *coerced[8];
    for (int i = 0; i < arg_count; i++) {
        SqlType want = letter_type(letters[i], element);
        bool polymorphic = letters[i] == 'A' || letters[i] == 'e';
        if (!polymorphic && !expr_is_unknown(args[i]) && !coerce_is_implicit(args[i]->type, want))
            return no_array_function(name, args, arg_count, position, err);
        TRY(coerce_expr(binder, args[i], want, CAST_IMPLICIT, &coerced[i], err));
    }
    bool searches = strcmp(name, "array_remove") == 0 || strcmp(name, "array_replace") == 0 ||
                    strncmp(name, "array_position", 14) == 0;
    if (searches && !type_has_equality((SqlTypeId)element.id)) {
        char type[SQLTYPE_NAME_BYTES];
        return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position,
                            "could not identify an equality operator for type %s",
                            sqltype_name(element, false, type));
    }
    return call_array(binder, name, letter_type(signature->result[0], element), coerced, arg_count, position,
                      out, err);
}

/* ---- ANY and ALL ----------------------------------------------------------------------------------------
 */

/* The elements of a constant array as constants; -1 when they are too many to be worth it. */
static int constant_items(Binder *binder, const Expr *array, Expr ***out) {
    enum { MOST = 10000 };
    ArrayValue value;
    if (array_open(array->constant->values, &value, NULL) != STATUS_OK || value.count > MOST) return -1;
    SqlType element = array_element_type(array->type);
    if (element.id == SQL_NUMERIC) element = sqltype_of(SQL_NUMERIC);
    *out = ARENA_NEW_ARRAY(binder->arena, Expr *, value.count + 1);
    for (int i = 0; i < value.count; i++) {
        Expr *item = expr_new(binder->arena, EXPR_CONSTANT, element, 0);
        Vector *constant = ARENA_NEW(binder->arena, Vector);
        Numeric room;
        array_get(&value, i, &room);
        vector_init_constant(constant, element, array_is_null(&value, i) ? NULL : &room, binder->arena);
        item->constant = constant;
        item->position = array->position;
        (*out)[i] = item;
    }
    return value.count;
}

static Status fold_array(Binder *binder, Expr **array, Error *err) {
    Expr *folded = NULL;
    if ((*array)->kind != EXPR_CALL && (*array)->kind != EXPR_CAST) return STATUS_OK;
    TRY(constant_fold(binder->arena, *array, &folded, err));
    if (folded) *array = folded;
    return STATUS_OK;
}

Status bind_array_comparison(Query *query, const char *name, bool any, Expr *left, Expr *array, int position,
                             Expr **out, Error *err) {
    Binder *binder = query->binder;
    const char *word = any ? "ANY" : "ALL";
    if (expr_is_unknown(array)) {
        SqlType element = expr_is_unknown(left) ? sqltype_of(SQL_TEXT) : left->type;
        if (element.is_array)
            return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position,
                                "could not find array type for data type %s[]", "");
        TRY(coerce_expr(binder, array, array_of(element), CAST_IMPLICIT, &array, err));
    }
    if (!array->type.is_array)
        return error_set_at(err, "42809", position, "op ANY/ALL (array) requires array on right side");
    TRY(fold_array(binder, &array, err));
    if (expr_is_null_constant(array)) {
        *out = expr_null(binder->arena, sqltype_of(SQL_BOOL));
        return STATUS_OK;
    }
    if (expr_is_constant(array)) {
        Expr **items = NULL;
        int count = constant_items(binder, array, &items);
        if (count >= 0) return bind_list_comparison(query, name, any, left, items, count, position, out, err);
    }
    SqlType element = array_element_type(array->type);
    if (element.id == SQL_NUMERIC) element = sqltype_of(SQL_NUMERIC);
    Expr *placeholder = expr_new(binder->arena, EXPR_COLUMN, element, 0), *call = NULL;
    placeholder->column = -1;
    TRY(resolve_operator(binder, name, left, placeholder, position, &call, err));
    if (call->kind != EXPR_CALL || call->arg_count != 2 || !sqltype_is(call->type, SQL_BOOL) ||
        !call->function->strict || call->function->bind)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "operator %s with %s over an array is not available in the columnar engine", name,
                            word);
    SqlType wanted = array_of(call->args[1]->type);
    if (call->args[1] != placeholder && !sqltype_equals(wanted, array->type))
        TRY(coerce_expr(binder, array, wanted, CAST_EXPLICIT, &array, err));
    ArrayOperator *op = ARENA_NEW(binder->arena, ArrayOperator);
    op->function = call->function;
    op->bind_data = call->bind_data;
    Expr *args[2] = {call->args[0], array};
    TRY(call_array(binder, any ? "$any" : "$all", sqltype_of(SQL_BOOL), args, 2, position, out, err));
    (*out)->bind_data = op;
    return STATUS_OK;
}

/* ---- literals -------------------------------------------------------------------------------------------
 */

Status nested_check_literals(const Expr *call, Error *err) {
    const char *name = call->function->name;
    bool symbol = strcmp(name, "@?") == 0 || strcmp(name, "@@") == 0;
    if ((!symbol && strncmp(name, "jsonb_path_", 11) != 0) || call->arg_count < 2) return STATUS_OK;
    const Expr *path = call->args[1];
    if (!sqltype_is(call->args[0]->type, SQL_JSONB) || !expr_is_constant(path) || expr_is_null_constant(path))
        return STATUS_OK;
    Arena arena;
    JsonPath parsed;
    arena_init(&arena);
    Status status = jsonpath_parse(json_text(path->constant->values), &arena, &parsed, err);
    arena_deinit(&arena);
    if (status != STATUS_OK && err && !err->position) err->position = path->position;
    return status;
}
