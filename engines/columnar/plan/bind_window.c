/* Window functions: a call becomes a column of the window node that stands above FROM, WHERE and GROUP BY. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/pg_catalog.h"

/* PostgreSQL's bits of WindowDef.frameOptions. */
enum {
    OPTION_NONDEFAULT = 0x1,
    OPTION_ROWS = 0x4,
    OPTION_GROUPS = 0x8,
    OPTION_START_UNBOUNDED = 0x20,
    OPTION_END_UNBOUNDED = 0x100,
    OPTION_START_CURRENT = 0x200,
    OPTION_END_CURRENT = 0x400,
    OPTION_START_PRECEDING = 0x800,
    OPTION_END_PRECEDING = 0x1000,
    OPTION_START_FOLLOWING = 0x2000,
    OPTION_END_FOLLOWING = 0x4000,
    OPTION_EXCLUDE_CURRENT = 0x8000,
    OPTION_EXCLUDE_GROUP = 0x10000,
    OPTION_EXCLUDE_TIES = 0x20000,
    OPTION_OFFSETS =
        OPTION_START_PRECEDING | OPTION_END_PRECEDING | OPTION_START_FOLLOWING | OPTION_END_FOLLOWING
};

/* ---- definitions
 * ----------------------------------------------------------------------------------------------- */

static Status bind_key_expr(Query *query, Node *node, Expr **out, Error *err) {
    Clause before = query->clause;
    query->clause = CLAUSE_WINDOW;
    Status status = bind_expr(query, node, out, err);
    query->clause = before;
    TRY(status);
    if (expr_is_unknown(*out))
        TRY(coerce_expr(query->binder, *out, sqltype_of(SQL_TEXT), CAST_IMPLICIT, out, err));
    return STATUS_OK;
}

static Status bind_partition(Query *query, const PgQuery__WindowDef *def, SortKey *keys, Error *err) {
    for (size_t i = 0; i < def->n_partition_clause; i++) {
        Expr *expr = NULL;
        TRY(bind_key_expr(query, def->partition_clause[i], &expr, err));
        if (expr->type.id == SQL_JSON && !expr->type.is_array)
            return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, expr->position,
                                "could not identify an equality operator for type json");
        TRY(order_type_check(query, expr, err));
        keys[i] = (SortKey){.expr = expr};
    }
    return STATUS_OK;
}

static Status bind_window_order(Query *query, const PgQuery__WindowDef *def, SortKey *keys, Error *err) {
    for (size_t i = 0; i < def->n_order_clause; i++) {
        const PgQuery__SortBy *sort = def->order_clause[i]->sort_by;
        Expr *expr = NULL;
        TRY(bind_key_expr(query, sort->node, &expr, err));
        TRY(order_type_check(query, expr, err));
        keys[i] = (SortKey){.expr = expr};
        TRY(order_direction(query, sort, &keys[i], err));
    }
    return STATUS_OK;
}

static const BoundWindow *find_window(const BoundWindow *windows, const char *name) {
    for (; windows; windows = windows->next)
        if (strcmp(windows->name, name) == 0) return windows;
    return NULL;
}

static FrameBound bound_of(int options, int unbounded_preceding, int preceding, int current, int following) {
    return options & unbounded_preceding ? BOUND_UNBOUNDED_PRECEDING
           : options & preceding         ? BOUND_OFFSET_PRECEDING
           : options & current           ? BOUND_CURRENT
           : options & following         ? BOUND_OFFSET_FOLLOWING
                                         : BOUND_UNBOUNDED_FOLLOWING;
}

static Status bind_frame_int(Query *query, Node *node, const char *what, Expr **out, Error *err) {
    Expr *expr = NULL;
    Clause before = query->clause;
    query->clause = CLAUSE_FRAME;
    Status status = bind_expr(query, node, &expr, err);
    query->clause = before;
    TRY(status);
    if (!expr_reads_nothing(expr) && query->binder->function)
        return binder_unsupported(query->binder, -1, err, "%s of a function's parameter", what);
    if (!expr_reads_nothing(expr))
        return error_set_at(err, "42P10", expr->position, "argument of %s must not contain variables", what);
    *out = expr;
    return STATUS_OK;
}

/* ROWS and GROUPS count: bigint, as an assignment would take it. */
static Status bind_count_offset(Query *query, Node *node, const char *what, Expr **out, Error *err) {
    Expr *expr = NULL;
    TRY(bind_frame_int(query, node, what, &expr, err));
    if (!expr_is_unknown(expr) && (expr->type.is_array || !sqltype_is_number(expr->type))) {
        char name[SQLTYPE_NAME_BYTES];
        return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, expr->position,
                            "argument of %s must be type bigint, not type %s", what,
                            sqltype_name(expr->type, false, name));
    }
    return coerce_expr(query->binder, expr, sqltype_of(SQL_INT8), CAST_ASSIGNMENT, out, err);
}

/* What PostgreSQL's in_range functions take for a key of this type. */
static SqlType range_offset_type(SqlType key) {
    if (key.is_array) return sqltype_of(SQL_INVALID);
    switch (key.id) {
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8: return sqltype_of(SQL_INT8);
    case SQL_FLOAT4:
    case SQL_FLOAT8: return sqltype_of(SQL_FLOAT8);
    case SQL_NUMERIC: return sqltype_of(SQL_NUMERIC);
    case SQL_DATE:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_INTERVAL: return sqltype_of(SQL_INTERVAL);
    default: return sqltype_of(SQL_INVALID);
    }
}

static Status bind_range_offset(Query *query, Node *node, SqlType key, Expr **out, Error *err) {
    Expr *expr = NULL;
    TRY(bind_frame_int(query, node, "RANGE", &expr, err));
    SqlType want = range_offset_type(key);
    char key_name[SQLTYPE_NAME_BYTES], offset_name[SQLTYPE_NAME_BYTES];
    if (want.id == SQL_INVALID)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s",
                            sqltype_name(key, false, key_name));
    bool fits = expr_is_unknown(expr) || (!expr->type.is_array && coerce_is_implicit(expr->type, want)) ||
                expr->type.id == want.id;
    if (!fits) {
        (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                           "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s and "
                           "offset type %s",
                           sqltype_name(key, false, key_name), sqltype_name(expr->type, false, offset_name));
        return error_add_hint(err, "Cast the offset value to an appropriate type.");
    }
    return coerce_exact(query->binder, expr, want, CAST_IMPLICIT, out, err);
}

static Status bind_frame(Query *query, const PgQuery__WindowDef *def, BoundWindow *window, Error *err) {
    int options = def->frame_options;
    WindowFrame *frame = &window->frame;
    frame->mode = options & OPTION_ROWS ? FRAME_ROWS : options & OPTION_GROUPS ? FRAME_GROUPS : FRAME_RANGE;
    frame->start = bound_of(options, OPTION_START_UNBOUNDED, OPTION_START_PRECEDING, OPTION_START_CURRENT,
                            OPTION_START_FOLLOWING);
    frame->end = bound_of(options, 0, OPTION_END_PRECEDING, OPTION_END_CURRENT, OPTION_END_FOLLOWING);
    frame->exclusion = options & OPTION_EXCLUDE_CURRENT ? EXCLUDE_CURRENT
                       : options & OPTION_EXCLUDE_GROUP ? EXCLUDE_GROUP
                       : options & OPTION_EXCLUDE_TIES  ? EXCLUDE_TIES
                                                        : EXCLUDE_NONE;
    window->framed = options & OPTION_NONDEFAULT;
    int position = binder_position(query->binder, def->location);
    if (frame->mode == FRAME_GROUPS && window->order_count == 0)
        return error_set_at(err, "42P20", position, "GROUPS mode requires an ORDER BY clause");
    if (frame->mode == FRAME_RANGE && (options & OPTION_OFFSETS) && window->order_count != 1)
        return error_set_at(err, "42P20", position,
                            "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column");
    Node *nodes[2] = {def->start_offset, def->end_offset};
    Expr **offsets[2] = {&frame->start_offset, &frame->end_offset};
    for (int i = 0; i < 2; i++) {
        if (!nodes[i]) continue;
        if (frame->mode == FRAME_RANGE)
            TRY(bind_range_offset(query, nodes[i], window->keys[window->partition_count].expr->type,
                                  offsets[i], err));
        else
            TRY(bind_count_offset(query, nodes[i], frame->mode == FRAME_ROWS ? "ROWS" : "GROUPS", offsets[i],
                                  err));
    }
    if (frame->mode != FRAME_ROWS && window->order_count == 0) { /* every row is a peer of every other */
        if (frame->start == BOUND_CURRENT) frame->start = BOUND_UNBOUNDED_PRECEDING;
        if (frame->end == BOUND_CURRENT) frame->end = BOUND_UNBOUNDED_FOLLOWING;
    }
    return STATUS_OK;
}

static Status inherit(Query *query, const PgQuery__WindowDef *def, const BoundWindow *base, Error *err) {
    int position = binder_position(query->binder, def->location);
    if (def->n_partition_clause > 0)
        return error_set_at(err, "42P20", position, "cannot override PARTITION BY clause of window \"%s\"",
                            base->name);
    if (def->n_order_clause > 0 && base->order_count > 0)
        return error_set_at(err, "42P20", position, "cannot override ORDER BY clause of window \"%s\"",
                            base->name);
    if (!base->framed) return STATUS_OK;
    (void)error_set_at(err, "42P20", position, "cannot copy window \"%s\" because it has a frame clause",
                       base->name);
    bool bare =
        def->n_order_clause == 0 && !(def->frame_options & OPTION_NONDEFAULT) && !(def->name && *def->name);
    return bare ? error_add_hint(err, "Omit the parentheses in this OVER clause.") : STATUS_ERROR;
}

static Status bind_definition(Query *query, const PgQuery__WindowDef *def, BoundWindow *out, Error *err) {
    const BoundWindow *base = NULL;
    if (def->refname && *def->refname) {
        base = find_window(query->windows, def->refname);
        if (!base)
            return error_set_at(err, "42704", binder_position(query->binder, def->location),
                                "window \"%s\" does not exist", def->refname);
    }
    int inherited = base ? base->partition_count + base->order_count : 0;
    int own = (int)(def->n_partition_clause + def->n_order_clause);
    out->keys = ARENA_NEW_ARRAY(query->binder->arena, SortKey, inherited + own + 1);
    SortKey *order = ARENA_NEW_ARRAY(query->binder->arena, SortKey, (int)def->n_order_clause + 1);
    TRY(bind_window_order(query, def, order, err));
    TRY(bind_partition(query, def, out->keys, err));
    if (base) TRY(inherit(query, def, base, err));
    out->partition_count = (int)def->n_partition_clause;
    out->order_count = (int)def->n_order_clause;
    if (base) {
        memcpy(out->keys, base->keys, sizeof(SortKey) * (size_t)inherited);
        out->partition_count = base->partition_count;
        if (base->order_count) out->order_count = base->order_count;
    }
    if (!base || !base->order_count)
        memcpy(out->keys + out->partition_count, order, sizeof(SortKey) * def->n_order_clause);
    return bind_frame(query, def, out, err);
}

/* The WINDOW clause: each may build on those before it. */
Status query_bind_windows(Query *query, PgQuery__SelectStmt *select, Error *err) {
    BoundWindow **end = &query->windows;
    for (size_t i = 0; i < select->n_window_clause; i++) {
        const PgQuery__WindowDef *def = select->window_clause[i]->window_def;
        if (find_window(query->windows, def->name))
            return error_set_at(err, "42P20", binder_position(query->binder, def->location),
                                "window \"%s\" is already defined", def->name);
        BoundWindow *window = ARENA_NEW(query->binder->arena, BoundWindow);
        window->name = def->name;
        TRY(bind_definition(query, def, window, err));
        *end = window;
        end = &window->next;
    }
    return STATUS_OK;
}

static Status bind_over(Query *query, const PgQuery__WindowDef *def, BoundWindow *out, Error *err) {
    memset(out, 0, sizeof *out);
    if (!def->name || !*def->name) return bind_definition(query, def, out, err);
    const BoundWindow *named = find_window(query->windows, def->name);
    if (!named)
        return error_set_at(err, "42704", binder_position(query->binder, def->location),
                            "window \"%s\" does not exist", def->name);
    *out = *named;
    return STATUS_OK;
}

/* ---- functions
 * ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    WindowKind kind;
    int least, most; /* arguments */
} FUNCTIONS[] = {{"row_number", WINDOW_ROW_NUMBER, 0, 0},
                 {"rank", WINDOW_RANK, 0, 0},
                 {"dense_rank", WINDOW_DENSE_RANK, 0, 0},
                 {"percent_rank", WINDOW_PERCENT_RANK, 0, 0},
                 {"cume_dist", WINDOW_CUME_DIST, 0, 0},
                 {"ntile", WINDOW_NTILE, 1, 1},
                 {"lag", WINDOW_LAG, 1, 3},
                 {"lead", WINDOW_LEAD, 1, 3},
                 {"first_value", WINDOW_FIRST_VALUE, 1, 1},
                 {"last_value", WINDOW_LAST_VALUE, 1, 1},
                 {"nth_value", WINDOW_NTH_VALUE, 2, 2}};

static Status no_such_call(const char *name, Expr *const *args, int arg_count, int position, Error *err) {
    StrBuf text;
    strbuf_init(&text);
    for (int a = 0; a < arg_count; a++) {
        char type[SQLTYPE_NAME_BYTES];
        strbuf_printf(&text, "%s%s", a ? ", " : "",
                      expr_is_unknown(args[a]) ? "unknown" : sqltype_name(args[a]->type, false, type));
    }
    (void)error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position, "function %s(%s) does not exist", name,
                       strbuf_text(&text));
    strbuf_deinit(&text);
    return error_add_hint(err, "No function matches the given name and argument types. You might need to add "
                               "explicit type casts.");
}

static bool is_small_int(const Expr *expr) {
    return expr_is_unknown(expr) ||
           (!expr->type.is_array && (expr->type.id == SQL_INT2 || expr->type.id == SQL_INT4));
}

/* lag and lead take the default's type into account, the others the value's as it is. */
static Status settle_value(Binder *binder, WindowCall *window, Expr **args, int arg_count, int position,
                           Error *err) {
    AggregateCall *call = &window->call;
    if (window->kind == WINDOW_LAG || window->kind == WINDOW_LEAD) {
        Expr *values[2] = {args[0], arg_count > 2 ? args[2] : NULL};
        SqlType type;
        Error ignored = {0};
        if (common_type(binder, values, arg_count > 2 ? 2 : 1, window->name, &type, &ignored) != STATUS_OK)
            return no_such_call(window->name, args, arg_count, position, err);
        if (arg_count > 2 && !modifiers_agree(values, 2)) type = sqltype_of(type.id); /* each as it comes */
        TRY(coerce_exact(binder, args[0], type, CAST_IMPLICIT, &args[0], err));
        if (arg_count > 2) TRY(coerce_exact(binder, args[2], type, CAST_IMPLICIT, &args[2], err));
        call->type = type;
        return STATUS_OK;
    }
    if (expr_is_unknown(args[0]))
        return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                         "could not determine polymorphic type because input has type unknown");
    call->type = args[0]->type;
    return STATUS_OK;
}

static Status resolve_window(Binder *binder, WindowCall *window, Expr **args, int arg_count, int position,
                             Error *err) {
    size_t f = 0, known = sizeof FUNCTIONS / sizeof FUNCTIONS[0];
    while (f < known && strcmp(FUNCTIONS[f].name, window->name) != 0)
        f++;
    if (f == known || arg_count < FUNCTIONS[f].least || arg_count > FUNCTIONS[f].most)
        return no_such_call(window->name, args, arg_count, position, err);
    window->kind = FUNCTIONS[f].kind;
    AggregateCall *call = &window->call;
    call->args = args;
    call->arg_count = arg_count;
    switch (window->kind) {
    case WINDOW_ROW_NUMBER:
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK: call->type = sqltype_of(SQL_INT8); return STATUS_OK;
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST: call->type = sqltype_of(SQL_FLOAT8); return STATUS_OK;
    case WINDOW_NTILE:
        if (!is_small_int(args[0])) return no_such_call(window->name, args, arg_count, position, err);
        call->type = sqltype_of(SQL_INT4);
        return coerce_expr(binder, args[0], sqltype_of(SQL_INT4), CAST_IMPLICIT, &args[0], err);
    default: break;
    }
    if (arg_count > 1) {
        if (!is_small_int(args[1])) return no_such_call(window->name, args, arg_count, position, err);
        TRY(coerce_expr(binder, args[1], sqltype_of(SQL_INT4), CAST_IMPLICIT, &args[1], err));
    }
    return settle_value(binder, window, args, arg_count, position, err);
}

/* ---- calls
 * ----------------------------------------------------------------------------------------------------- */

static bool same_offset(const Expr *a, const Expr *b) {
    return a == b || (a && b && expr_equal(a, b));
}

static bool same_keys(const SortKey *a, const SortKey *b, int count) {
    for (int k = 0; k < count; k++)
        if (!expr_equal(a[k].expr, b[k].expr) || a[k].descending != b[k].descending ||
            a[k].nulls_first != b[k].nulls_first)
            return false;
    return true;
}

static bool same_window_call(const WindowSlot *slot, const WindowCall *call, const SortKey *keys) {
    const WindowCall *other = &slot->call;
    if (other->kind != call->kind || other->call.function != call->call.function ||
        other->call.arg_count != call->call.arg_count || other->partition_count != call->partition_count ||
        other->order_count != call->order_count || !same_offset(other->call.filter, call->call.filter))
        return false;
    for (int a = 0; a < call->call.arg_count; a++)
        if (!expr_equal(other->call.args[a], call->call.args[a])) return false;
    const WindowFrame *left = &other->frame, *right = &call->frame;
    return left->mode == right->mode && left->start == right->start && left->end == right->end &&
           left->exclusion == right->exclusion && same_offset(left->start_offset, right->start_offset) &&
           same_offset(left->end_offset, right->end_offset) &&
           same_keys(slot->keys, keys, call->partition_count + call->order_count);
}

static Expr *window_slot(Query *query, const WindowCall *call, SortKey *keys) {
    WindowSlot *slot = query->window_slots;
    while (slot && !same_window_call(slot, call, keys))
        slot = slot->next;
    if (!slot) {
        slot = ARENA_NEW(query->binder->arena, WindowSlot);
        slot->call = *call;
        slot->keys = keys;
        slot->id = binder_add_column(query->binder, call->name, call->call.type, true);
        *query->window_slots_end = slot;
        query->window_slots_end = &slot->next;
    }
    return expr_column(query->binder, slot->id);
}

/* Where no window function may stand: PostgreSQL's order of looking. */
static Status check_place(Query *query, int position, Error *err) {
    const char *place = query->clause == CLAUSE_HAVING ? "HAVING"
                        : query->clause == CLAUSE_WINDOW || query->clause == CLAUSE_FRAME
                            ? "window definitions"
                            : query_clause_name(query->clause);
    if (place) return error_set_at(err, "42P20", position, "window functions are not allowed in %s", place);
    if (query->in_aggregate)
        return error_set_at(err, "42803", position,
                            "aggregate function calls cannot contain window function calls");
    if (query->in_window)
        return error_set_at(err, "42P20", position, "window function calls cannot be nested");
    return STATUS_OK;
}

static Status check_form(const PgQuery__FuncCall *call, const char *name, bool aggregate, int position,
                         Error *err) {
    if (call->agg_within_group)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "OVER is not supported for ordered-set aggregate %s", name);
    if (call->agg_distinct)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "DISTINCT is not implemented for window functions");
    if (call->n_agg_order > 0)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "aggregate ORDER BY is not implemented for window functions");
    if (!aggregate && call->agg_filter)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "FILTER is not implemented for non-aggregate window functions");
    return STATUS_OK;
}

static Status bind_window_args(Query *query, PgQuery__FuncCall *call, Expr ***args, Expr **filter,
                               Error *err) {
    bool nested = query->in_window;
    query->in_window = true;
    Status status = bind_exprs(query, call->args, call->n_args, args, err);
    if (status == STATUS_OK && call->agg_filter) {
        Clause before = query->clause;
        query->clause = CLAUSE_FILTER;
        status = bind_condition(query, call->agg_filter, "FILTER", filter, err);
        query->clause = before;
    }
    query->in_window = nested;
    return status;
}

Status bind_window_call(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, call->location);
    bool aggregate = name_is_aggregate(name), own = name_is_window_function(name);
    WindowCall window = {.name = name};
    Expr **args = NULL, *filter = NULL;
    if (call->func_variadic) return binder_unsupported(binder, call->location, err, "VARIADIC");
    TRY(bind_window_args(query, call, &args, &filter, err));
    if (own) {
        TRY(resolve_window(binder, &window, args, (int)call->n_args, position, err));
    } else if (aggregate) {
        if (call->agg_within_group) return check_form(call, name, true, position, err);
        TRY(resolve_aggregate(binder, name, args, (int)call->n_args, call->agg_star, position, &window.call,
                              err));
        window.kind = WINDOW_AGGREGATE;
    } else {
        Expr *ignored = NULL;
        TRY(resolve_function(binder, name, args, (int)call->n_args, position, &ignored, err));
        return error_set_at(err, "42809", position,
                            "OVER specified, but %s is not a window function nor an aggregate function",
                            name);
    }
    window.call.filter = filter;
    TRY(check_form(call, name, !own, position, err));
    TRY(check_place(query, position, err));
    BoundWindow bound;
    TRY(bind_over(query, call->over, &bound, err));
    window.partition_count = bound.partition_count;
    window.order_count = bound.order_count;
    window.frame = bound.frame;
    *out = window_slot(query, &window, bound.keys);
    (*out)->position = position;
    return STATUS_OK;
}

/* ---- placing
 * --------------------------------------------------------------------------------------------------- */

Status query_replace_windows(Query *query, Error *err) {
    for (WindowSlot *slot = query->window_slots; slot; slot = slot->next) {
        AggregateCall *call = &slot->call.call;
        SortKey *keys = slot->keys;
        int key_count = slot->call.partition_count + slot->call.order_count;
        slot->keys = arena_memdup(query->binder->arena, keys, sizeof *keys * (size_t)key_count + 1);
        for (int k = 0; k < key_count; k++)
            TRY(query_replace_grouped(query, keys[k].expr, &slot->keys[k].expr, err));
        for (int a = 0; a < call->arg_count; a++)
            TRY(query_replace_grouped(query, call->args[a], &call->args[a], err));
        if (call->filter) TRY(query_replace_grouped(query, call->filter, &call->filter, err));
    }
    return STATUS_OK;
}

static bool among(const SortKey *keys, int count, const Expr *expr) {
    for (int k = 0; k < count; k++)
        if (expr_equal(keys[k].expr, expr)) return true;
    return false;
}

/* The slot's window is served by rows in the order of `keys`: its partition is made of the first ones, in
 * whatever order and direction; its order follows. */
static bool order_serves(const SortKey *keys, int key_count, const WindowSlot *slot) {
    int partition = slot->call.partition_count, order = slot->call.order_count;
    if (partition + order > key_count) return false;
    for (int k = 0; k < partition; k++)
        if (!among(slot->keys, partition, keys[k].expr) || !among(keys, partition, slot->keys[k].expr))
            return false;
    return same_keys(keys + partition, slot->keys + partition, order);
}

static int slot_keys(const WindowSlot *slot) {
    return slot->call.partition_count + slot->call.order_count;
}

static Rel *window_rel(Query *query, Rel *input, const WindowSlot *lead, WindowSlot **all, int count,
                       bool *placed) {
    Binder *binder = query->binder;
    Rel *rel = rel_new(binder, PLAN_WINDOW, 1);
    rel->inputs[0] = input;
    rel->sort_key_count = slot_keys(lead);
    rel->sort_keys = ARENA_NEW_ARRAY(binder->arena, SortKey, rel->sort_key_count + 1);
    memcpy(rel->sort_keys, lead->keys, sizeof(SortKey) * (size_t)rel->sort_key_count);
    rel->windows = ARENA_NEW_ARRAY(binder->arena, WindowCall, count + 1);
    for (int i = 0; i < count; i++) {
        if (placed[i] || !order_serves(rel->sort_keys, rel->sort_key_count, all[i])) continue;
        placed[i] = true;
        rel->windows[rel->window_count++] = all[i]->call;
        id_list_add(binder->arena, &rel->own_ids, all[i]->id);
    }
    rel_refresh_ids(binder, rel);
    if (rel->window_count > 1) rel->note = "shared sort";
    return rel;
}

/* Windows with the most keys first, so that those with fewer find a sort that serves them. */
Rel *query_place_windows(Query *query, Rel *rel) {
    int count = 0, i = 0;
    for (WindowSlot *slot = query->window_slots; slot; slot = slot->next)
        count++;
    WindowSlot **all = ARENA_NEW_ARRAY(query->binder->arena, WindowSlot *, count + 1);
    bool *placed = ARENA_NEW_ARRAY(query->binder->arena, bool, count + 1);
    for (WindowSlot *slot = query->window_slots; slot; slot = slot->next)
        all[i++] = slot;
    for (;;) {
        WindowSlot *lead = NULL;
        for (i = 0; i < count; i++)
            if (!placed[i] && (!lead || slot_keys(all[i]) > slot_keys(lead))) lead = all[i];
        if (!lead) return rel;
        rel = window_rel(query, rel, lead, all, count, placed);
    }
}
