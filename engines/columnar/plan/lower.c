/* From columns with identities to columns by position: the tree of plan.h. */
#include "engines/columnar/plan/bind_nested.h"
#include "engines/columnar/plan/logical.h"

typedef struct Lowering {
    Binder *binder;
    Arena *arena;
} Lowering;

/* A lowered node and which column stands at which of its positions. */
typedef struct Lowered {
    PlanNode *node;
    IdList ids;
} Lowered;

/* ---- expressions
 * --------------------------------------------------------------------------------------------- */

static Status bind_kernel(Lowering *lowering, Expr *expr, Error *err) {
    if ((expr->kind != EXPR_CALL && expr->kind != EXPR_CAST) || !expr->function || !expr->function->bind)
        return STATUS_OK;
    const Vector **constants = ARENA_NEW_ARRAY(lowering->arena, const Vector *, expr->arg_count + 1);
    for (int i = 0; i < expr->arg_count; i++)
        constants[i] = expr->args[i]->kind == EXPR_CONSTANT ? expr->args[i]->constant : NULL;
    Status status = expr->function->bind(constants, expr->arg_count, lowering->arena, &expr->bind_data, err);
    if (status != STATUS_OK && err && err->position == 0) err->position = expr->position;
    return status;
}

static Status lower_expr(Lowering *lowering, const Expr *expr, const IdList *ids, Expr **out, Error *err) {
    Expr *copy = arena_memdup(lowering->arena, expr, sizeof *expr);
    if (expr->kind == EXPR_COLUMN) {
        int at = 0;
        while (at < ids->count && ids->items[at] != expr->column)
            at++;
        if (at == ids->count)
            return error_set_at(
                err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                "a correlated subquery of this shape is not available in the columnar engine");
        copy->column = at;
    }
    if (expr->arg_count > 0) copy->args = ARENA_NEW_ARRAY(lowering->arena, Expr *, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++)
        TRY(lower_expr(lowering, expr->args[i], ids, &copy->args[i], err));
    TRY(bind_kernel(lowering, copy, err));
    *out = copy;
    return STATUS_OK;
}

static Status lower_all(Lowering *lowering, const ExprList *list, const IdList *ids, ExprList *out,
                        Error *err) {
    for (int i = 0; i < list->count; i++) {
        Expr *expr = NULL;
        TRY(lower_expr(lowering, list->items[i], ids, &expr, err));
        expr_list_add(lowering->arena, out, expr);
    }
    return STATUS_OK;
}

static Status lower_conjunction(Lowering *lowering, const ExprList *list, const IdList *ids, Expr **out,
                                Error *err) {
    ExprList lowered = {0};
    TRY(lower_all(lowering, list, ids, &lowered, err));
    *out = expr_and_all(lowering->arena, &lowered);
    return STATUS_OK;
}

/* ---- nodes
 * --------------------------------------------------------------------------------------------------- */

static void describe_columns(Lowering *lowering, PlanNode *node, const IdList *ids) {
    node->columns = ARENA_NEW_ARRAY(lowering->arena, PlanColumn, ids->count + 1);
    node->column_count = ids->count;
    for (int i = 0; i < ids->count; i++) {
        const ColumnInfo *info = &lowering->binder->columns[ids->items[i]];
        node->columns[i] = (PlanColumn){
            .name = info->name, .type = info->type, .type_name = info->type_name, .nullable = info->nullable};
    }
}

static PlanNode *node_new(Lowering *lowering, const Rel *rel, int inputs) {
    PlanNode *node = ARENA_NEW(lowering->arena, PlanNode);
    node->kind = rel->kind;
    node->row_estimate = rel->rows;
    node->note = rel->note;
    node->inputs = ARENA_NEW_ARRAY(lowering->arena, PlanNode *, inputs + 1);
    node->input_count = inputs;
    return node;
}

static Status lower_rel(Lowering *lowering, const Rel *rel, Lowered *out, Error *err);

static Status lower_project(Lowering *lowering, const ExprList *exprs, const IdList *ids, const Rel *like,
                            Lowered *input, Lowered *out, Error *err);

/* The input with exactly these columns in this order. */
static Status lower_exact(Lowering *lowering, const Rel *rel, const IdList *wanted, Lowered *out,
                          Error *err) {
    TRY(lower_rel(lowering, rel, out, err));
    bool same = wanted->count == out->ids.count;
    for (int i = 0; same && i < wanted->count; i++)
        same = wanted->items[i] == out->ids.items[i];
    if (same) return STATUS_OK;
    ExprList exprs = {0};
    for (int i = 0; i < wanted->count; i++)
        expr_list_add(lowering->arena, &exprs, expr_column(lowering->binder, wanted->items[i]));
    Lowered input = *out;
    Rel like = {.kind = PLAN_PROJECT, .rows = rel->rows};
    return lower_project(lowering, &exprs, wanted, &like, &input, out, err);
}

static int table_column_of(const Rel *rel, int id) {
    for (int c = 0; c < rel->table_ids.count; c++)
        if (rel->table_ids.items[c] == id) return c;
    return -1;
}

static Status lower_scan(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Arena *arena = lowering->arena;
    PlanNode *node = node_new(lowering, rel, 0);
    node->version = rel->version;
    node->binding = rel->binding;
    node->scan_row_limit = rel->row_limit;
    node->read_share = rel->version ? estimate_read_share(lowering->binder, &rel->predicates) : 1;
    node->scan_columns = ARENA_NEW_ARRAY(arena, int, rel->ids.count + 1);
    for (int i = 0; i < rel->ids.count; i++)
        node->scan_columns[i] = table_column_of(rel, rel->ids.items[i]);
    describe_columns(lowering, node, &rel->ids);
    IdList filter_ids = {0};
    ExprList filters = {0};
    for (int i = 0; i < rel->predicates.count; i++)
        expr_collect_ids(arena, rel->predicates.items[i], &filter_ids);
    TRY(lower_all(lowering, &rel->predicates, &filter_ids, &filters, err));
    node->filters = filters.items;
    node->filter_count = filters.count;
    node->filter_columns = ARENA_NEW_ARRAY(arena, int, filter_ids.count + 1);
    node->filter_column_count = filter_ids.count;
    for (int i = 0; i < filter_ids.count; i++)
        node->filter_columns[i] = table_column_of(rel, filter_ids.items[i]);
    Plan *plan = lowering->binder->plan;
    double rows = rel->version ? (double)rel->version->row_count : rel->rows;
    for (int c = 0; c < rel->table_ids.count; c++)
        if (id_list_has(&filter_ids, rel->table_ids.items[c]) || rel_produces(rel, rel->table_ids.items[c]))
            plan->bytes_scanned +=
                rows * node->read_share * lowering->binder->columns[rel->table_ids.items[c]].bytes_per_row;
    *out = (Lowered){.node = node, .ids = rel->ids};
    return STATUS_OK;
}

static Status lower_values(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    PlanNode *node = node_new(lowering, rel, 0);
    node->row_count = rel->value_row_count;
    node->rows = ARENA_NEW_ARRAY(lowering->arena, Expr **, rel->value_row_count + 1);
    IdList none = {0};
    for (int r = 0; r < rel->value_row_count; r++) {
        node->rows[r] = ARENA_NEW_ARRAY(lowering->arena, Expr *, rel->ids.count + 1);
        for (int c = 0; c < rel->ids.count; c++)
            TRY(lower_expr(lowering, rel->value_rows[r][c], &none, &node->rows[r][c], err));
    }
    describe_columns(lowering, node, &rel->ids);
    *out = (Lowered){.node = node, .ids = rel->ids};
    return STATUS_OK;
}

static Status lower_filter(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Lowered input;
    TRY(lower_rel(lowering, rel->inputs[0], &input, err));
    PlanNode *node = node_new(lowering, rel, 1);
    node->inputs[0] = input.node;
    TRY(lower_conjunction(lowering, &rel->predicates, &input.ids, &node->predicate, err));
    describe_columns(lowering, node, &input.ids);
    *out = (Lowered){.node = node, .ids = input.ids};
    return STATUS_OK;
}

static Status lower_project(Lowering *lowering, const ExprList *exprs, const IdList *ids, const Rel *like,
                            Lowered *input, Lowered *out, Error *err) {
    bool identity = exprs->count == input->ids.count;
    for (int i = 0; identity && i < exprs->count; i++)
        identity = exprs->items[i]->kind == EXPR_COLUMN && exprs->items[i]->column == input->ids.items[i];
    if (identity) {
        *out = (Lowered){.node = input->node, .ids = *ids};
        return STATUS_OK;
    }
    PlanNode *node = node_new(lowering, like, 1);
    ExprList lowered = {0};
    node->kind = PLAN_PROJECT;
    node->inputs[0] = input->node;
    TRY(lower_all(lowering, exprs, &input->ids, &lowered, err));
    node->exprs = lowered.items;
    describe_columns(lowering, node, ids);
    *out = (Lowered){.node = node, .ids = *ids};
    return STATUS_OK;
}

static Status lower_aggregate(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Lowered input;
    Rel *above = NULL;
    Rel keyed = *rel;
    TRY(nested_group_keys(lowering->binder, &keyed, &above, err));
    if (above) {
        Rel *inner = arena_memdup(lowering->arena, &keyed, sizeof keyed);
        TRY(lower_aggregate(lowering, inner, &input, err));
        return lower_project(lowering, &above->exprs, &above->ids, above, &input, out, err);
    }
    TRY(lower_rel(lowering, rel->inputs[0], &input, err));
    PlanNode *node = node_new(lowering, rel, 1);
    ExprList groups = {0};
    node->inputs[0] = input.node;
    TRY(lower_all(lowering, &rel->exprs, &input.ids, &groups, err));
    node->groups = groups.items;
    node->group_count = groups.count;
    node->grouping_sets = rel->grouping_sets;
    node->grouping_set_count = rel->grouping_set_count;
    node->grouping_calls = rel->grouping_calls;
    node->grouping_call_count = rel->grouping_call_count;
    node->call_count = rel->call_count;
    node->calls = ARENA_NEW_ARRAY(lowering->arena, AggregateCall, rel->call_count + 1);
    for (int c = 0; c < rel->call_count; c++) {
        AggregateCall *call = &node->calls[c];
        *call = rel->calls[c];
        Expr **args = ARENA_NEW_ARRAY(lowering->arena, Expr *, call->arg_count + 1);
        for (int a = 0; a < call->arg_count; a++)
            args[a] = call->args[a];
        call->args = args;
        TRY(nested_distinct_call(lowering->binder, call, err));
        for (int a = 0; a < call->arg_count; a++)
            TRY(lower_expr(lowering, args[a], &input.ids, &args[a], err));
        if (call->filter) TRY(lower_expr(lowering, call->filter, &input.ids, &call->filter, err));
    }
    describe_columns(lowering, node, &rel->ids);
    *out = (Lowered){.node = node, .ids = rel->ids};
    return STATUS_OK;
}

/* ---- joins
 * --------------------------------------------------------------------------------------------------- */

/* Keys are hashed: both sides must be held alike. False when the types cannot be brought together. */
static bool common_key_type(SqlType a, SqlType b, SqlType *out) {
    *out = a;
    if (a.id == SQL_NUMERIC && b.id == SQL_NUMERIC)
        *out = numeric_cover(a, b);
    else if (a.id == b.id ||
             (sqltype_is_text(a) && sqltype_is_text(b) && a.id != SQL_BPCHAR && b.id != SQL_BPCHAR))
        return true;
    else if (sqltype_is_integer(a) && sqltype_is_integer(b))
        *out = sqltype_of(a.id > b.id ? a.id : b.id);
    else if ((a.id == SQL_FLOAT4 || a.id == SQL_FLOAT8) && (b.id == SQL_FLOAT4 || b.id == SQL_FLOAT8))
        *out = sqltype_of(SQL_FLOAT8);
    else
        return false;
    return true;
}

bool types_make_key(SqlType a, SqlType b) {
    SqlType ignored;
    return common_key_type(a, b, &ignored);
}

static bool unify_keys(Binder *binder, Expr **left, Expr **right) {
    SqlType a = (*left)->type, b = (*right)->type, type;
    Error ignored = {0};
    if (a.is_array != b.is_array || !common_key_type(a, b, &type)) return false;
    *left = nested_equality_key(binder, *left);
    *right = nested_equality_key(binder, *right);
    if (a.is_array) return true;
    if ((a.id == b.id && a.id != SQL_NUMERIC) || sqltype_is_text(a)) return true;
    return coerce_exact(binder, *left, type, CAST_EXPLICIT, left, &ignored) == STATUS_OK &&
           coerce_exact(binder, *right, type, CAST_EXPLICIT, right, &ignored) == STATUS_OK;
}

/* The sides of an equality as keys of the join; false when it is none. */
static bool key_sides(Binder *binder, const Rel *rel, const Expr *condition, Expr **left, Expr **right) {
    if (!expr_is_equality(condition) && condition->kind != EXPR_IS_NOT_DISTINCT) return false;
    Expr *sides[2] = {condition->args[0], condition->args[1]};
    bool straight = expr_reads_only(sides[0], rel->inputs[0]) && expr_reads_only(sides[1], rel->inputs[1]);
    bool crossed = expr_reads_only(sides[1], rel->inputs[0]) && expr_reads_only(sides[0], rel->inputs[1]);
    if (!straight && !crossed) return false;
    *left = sides[straight ? 0 : 1];
    *right = sides[straight ? 1 : 0];
    return unify_keys(binder, left, right);
}

static bool may_be_null(const Binder *binder, const Expr *expr) {
    return expr->kind != EXPR_COLUMN || binder->columns[expr->column].nullable;
}

/* Keys compare NULLs alike all or none: when one must, "=" keeps them apart by a condition of its own. */
static Status split_join_condition(Lowering *lowering, const Rel *rel, const Lowered *left,
                                   const Lowered *right, PlanNode *node, ExprList *residual, Error *err) {
    ExprList left_keys = {0}, right_keys = {0};
    Binder *binder = lowering->binder;
    Expr *l = NULL, *r = NULL;
    for (int i = 0; i < rel->predicates.count; i++)
        if (rel->predicates.items[i]->kind == EXPR_IS_NOT_DISTINCT &&
            key_sides(binder, rel, rel->predicates.items[i], &l, &r))
            node->nulls_equal = true;
    for (int i = 0; i < rel->predicates.count; i++) {
        Expr *condition = rel->predicates.items[i], *lowered = NULL;
        if (!key_sides(binder, rel, condition, &l, &r)) {
            expr_list_add(lowering->arena, residual, condition);
            continue;
        }
        if (node->nulls_equal && condition->kind != EXPR_IS_NOT_DISTINCT && may_be_null(binder, l) &&
            may_be_null(binder, r)) {
            Expr *known = expr_new(lowering->arena, EXPR_IS_NOT_NULL, sqltype_of(SQL_BOOL), 1);
            known->args[0] = l;
            expr_list_add(lowering->arena, residual, known);
        }
        TRY(lower_expr(lowering, l, &left->ids, &lowered, err));
        expr_list_add(lowering->arena, &left_keys, lowered);
        TRY(lower_expr(lowering, r, &right->ids, &lowered, err));
        expr_list_add(lowering->arena, &right_keys, lowered);
    }
    node->left_keys = left_keys.items;
    node->right_keys = right_keys.items;
    node->key_count = left_keys.count;
    return STATUS_OK;
}

/* A small left side is built instead, and the large right one looked up in it: without memory for its rows,
 * and filtered by the small side's values before it is read. */
static const Rel *build_smaller(Lowering *lowering, const Rel *rel) {
    const double much_smaller = 0.5;
    JoinType type = rel->join_type == JOIN_SEMI   ? JOIN_RIGHT_SEMI
                    : rel->join_type == JOIN_ANTI ? JOIN_RIGHT_ANTI
                    : rel->join_type == JOIN_LEFT ? JOIN_RIGHT
                                                  : rel->join_type;
    bool keyed = false;
    Expr *l, *r;
    if (type == rel->join_type || rel->inputs[0]->rows > rel->inputs[1]->rows * much_smaller) return rel;
    for (int i = 0; i < rel->predicates.count; i++)
        keyed = keyed || key_sides(lowering->binder, rel, rel->predicates.items[i], &l, &r);
    if (!keyed) return rel;
    Rel *swapped = arena_memdup(lowering->arena, rel, sizeof *rel);
    swapped->join_type = type;
    swapped->inputs = ARENA_NEW_ARRAY(lowering->arena, Rel *, 2);
    swapped->inputs[0] = rel->inputs[1];
    swapped->inputs[1] = rel->inputs[0];
    rel_note(lowering->binder, swapped, "smaller side built");
    return swapped;
}

static Status lower_join(Lowering *lowering, const Rel *original, Lowered *out, Error *err) {
    Lowered left, right;
    const Rel *rel = build_smaller(lowering, original);
    TRY(lower_rel(lowering, rel->inputs[0], &left, err));
    TRY(lower_rel(lowering, rel->inputs[1], &right, err));
    PlanNode *node = node_new(lowering, rel, 2);
    ExprList residual = {0};
    node->inputs[0] = left.node;
    node->inputs[1] = right.node;
    node->join_type = rel->join_type;
    node->nulls_equal = rel->nulls_equal;
    node->two_valued = rel->two_valued;
    TRY(split_join_condition(lowering, rel, &left, &right, node, &residual, err));
    IdList both = {0}, ids = {0};
    for (int i = 0; i < left.ids.count; i++)
        id_list_add(lowering->arena, &both, left.ids.items[i]);
    for (int i = 0; i < right.ids.count; i++)
        id_list_add(lowering->arena, &both, right.ids.items[i]);
    if (rel->guard) TRY(lower_expr(lowering, rel->guard, &left.ids, &node->guard, err));
    bool left_only =
        rel->join_type == JOIN_SEMI || rel->join_type == JOIN_ANTI || rel->join_type == JOIN_MARK;
    bool right_only = rel->join_type == JOIN_RIGHT_SEMI || rel->join_type == JOIN_RIGHT_ANTI;
    for (int i = right_only ? left.ids.count : 0; i < (left_only ? left.ids.count : both.count); i++)
        id_list_add(lowering->arena, &ids, both.items[i]);
    if (rel->join_type == JOIN_MARK) id_list_add(lowering->arena, &ids, rel->ids.items[rel->ids.count - 1]);
    bool cross = node->key_count == 0 && (rel->join_type == JOIN_INNER || rel->join_type == JOIN_CROSS);
    if (node->key_count == 0 && !cross && rel->join_type == JOIN_FULL)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions");
    if (cross && !residual.count)
        node->join_type = JOIN_CROSS;
    else
        TRY(lower_conjunction(lowering, &residual, &both, &node->residual, err));
    if (cross && residual.count) node->join_type = JOIN_INNER;
    describe_columns(lowering, node, &ids);
    *out = (Lowered){.node = node, .ids = ids};
    return STATUS_OK;
}

/* ---- windows
 * ------------------------------------------------------------------------------------------------ */

static Status lower_window_call(Lowering *lowering, const WindowCall *window, const IdList *ids,
                                WindowCall *out, Error *err) {
    IdList none = {0};
    AggregateCall *call = &out->call;
    *out = *window;
    call->args = ARENA_NEW_ARRAY(lowering->arena, Expr *, call->arg_count + 1);
    for (int a = 0; a < call->arg_count; a++)
        TRY(lower_expr(lowering, window->call.args[a], ids, &call->args[a], err));
    if (call->filter) TRY(lower_expr(lowering, window->call.filter, ids, &call->filter, err));
    WindowFrame *frame = &out->frame;
    if (frame->start_offset)
        TRY(lower_expr(lowering, window->frame.start_offset, &none, &frame->start_offset, err));
    if (frame->end_offset)
        TRY(lower_expr(lowering, window->frame.end_offset, &none, &frame->end_offset, err));
    return STATUS_OK;
}

static Status lower_window(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Lowered input;
    TRY(lower_rel(lowering, rel->inputs[0], &input, err));
    PlanNode *node = node_new(lowering, rel, 1);
    node->inputs[0] = input.node;
    node->sort_key_count = rel->sort_key_count;
    node->sort_keys = ARENA_NEW_ARRAY(lowering->arena, SortKey, rel->sort_key_count + 1);
    for (int k = 0; k < rel->sort_key_count; k++) {
        node->sort_keys[k] = rel->sort_keys[k];
        TRY(nested_check_key(rel->sort_keys[k].expr, true, err));
        Expr *key = nested_order_key(lowering->binder, rel->sort_keys[k].expr);
        TRY(lower_expr(lowering, key, &input.ids, &node->sort_keys[k].expr, err));
    }
    node->window_count = rel->window_count;
    node->windows = ARENA_NEW_ARRAY(lowering->arena, WindowCall, rel->window_count + 1);
    IdList ids = {0};
    for (int i = 0; i < input.ids.count; i++)
        id_list_add(lowering->arena, &ids, input.ids.items[i]);
    for (int w = 0; w < rel->window_count; w++) {
        TRY(lower_window_call(lowering, &rel->windows[w], &input.ids, &node->windows[w], err));
        id_list_add(lowering->arena, &ids, rel->own_ids.items[w]);
    }
    describe_columns(lowering, node, &ids);
    *out = (Lowered){.node = node, .ids = ids};
    return STATUS_OK;
}

/* ---- the rest
 * ------------------------------------------------------------------------------------------------- */

static Status lower_sort(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Lowered input;
    TRY(lower_rel(lowering, rel->inputs[0], &input, err));
    PlanNode *node = node_new(lowering, rel, 1);
    node->inputs[0] = input.node;
    node->sort_limit = rel->sort_limit;
    node->sort_key_count = rel->sort_key_count;
    node->sort_keys = ARENA_NEW_ARRAY(lowering->arena, SortKey, rel->sort_key_count + 1);
    for (int k = 0; k < rel->sort_key_count; k++) {
        node->sort_keys[k] = rel->sort_keys[k];
        TRY(nested_check_key(rel->sort_keys[k].expr, true, err));
        Expr *key = nested_order_key(lowering->binder, rel->sort_keys[k].expr);
        TRY(lower_expr(lowering, key, &input.ids, &node->sort_keys[k].expr, err));
    }
    describe_columns(lowering, node, &input.ids);
    *out = (Lowered){.node = node, .ids = input.ids};
    return STATUS_OK;
}

static Status lower_limit(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Lowered input;
    IdList none = {0};
    TRY(lower_rel(lowering, rel->inputs[0], &input, err));
    PlanNode *node = node_new(lowering, rel, 1);
    node->inputs[0] = input.node;
    if (rel->limit) TRY(lower_expr(lowering, rel->limit, &none, &node->limit, err));
    if (rel->offset) TRY(lower_expr(lowering, rel->offset, &none, &node->offset, err));
    describe_columns(lowering, node, &input.ids);
    *out = (Lowered){.node = node, .ids = input.ids};
    return STATUS_OK;
}

static Status lower_set(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    if (rel->kind == PLAN_SET_OPERATION) TRY(nested_check_set(lowering->binder, &rel->ids, err));
    PlanNode *node = node_new(lowering, rel, rel->input_count);
    node->set_except = rel->set_except;
    node->set_all = rel->set_all;
    for (int i = 0; i < rel->input_count; i++) {
        Lowered input;
        TRY(lower_exact(lowering, rel->inputs[i], &rel->inputs[i]->ids, &input, err));
        node->inputs[i] = input.node;
    }
    describe_columns(lowering, node, &rel->ids);
    *out = (Lowered){.node = node, .ids = rel->ids};
    return STATUS_OK;
}

static Status lower_cte(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Arena *arena = lowering->arena;
    CteDef *def = rel->cte;
    bool first = !def->lowered;
    IdList kept = {0}, term = {0};
    int *positions = ARENA_NEW_ARRAY(arena, int, def->ids.count + 1);
    for (int c = 0; c < def->ids.count; c++) {
        positions[c] = kept.count;
        if (!def->needed[c]) continue;
        id_list_add(arena, &kept, def->ids.items[c]);
        if (def->term) id_list_add(arena, &term, def->term_ids.items[c]);
    }
    PlanNode *node = node_new(lowering, rel, first ? 2 : 0);
    node->input_count = 0;
    if (first) {
        PlanCte *cte = def->lowered = ARENA_NEW(arena, PlanCte);
        *cte = (PlanCte){.name = def->name, .distinct = def->distinct};
        cte->index = lowering->binder->plan->cte_count++;
        Lowered terms[2];
        if (def->distinct && def->term) TRY(nested_check_set(lowering->binder, &kept, err));
        TRY(lower_exact(lowering, def->seed, &kept, &terms[0], err));
        cte->seed = node->inputs[node->input_count++] = terms[0].node;
        if (def->term) {
            TRY(lower_exact(lowering, def->term, &term, &terms[1], err));
            cte->term = node->inputs[node->input_count++] = terms[1].node;
        }
    }
    node->cte = def->lowered;
    node->working = rel->working;
    /* Counted here: a rule may have copied a reader. */
    if (!rel->working) def->lowered->reader_count++;
    node->scan_columns = ARENA_NEW_ARRAY(arena, int, rel->ids.count + 1);
    for (int i = 0; i < rel->ids.count; i++)
        node->scan_columns[i] = positions[table_column_of(rel, rel->ids.items[i])];
    describe_columns(lowering, node, &rel->ids);
    *out = (Lowered){.node = node, .ids = rel->ids};
    return STATUS_OK;
}

static void list_ctes(Binder *binder) {
    Plan *plan = binder->plan;
    plan->ctes = ARENA_NEW_ARRAY(binder->arena, PlanCte *, plan->cte_count + 1);
    for (CteDef *def = binder->cte_defs; def; def = def->next)
        if (def->lowered) plan->ctes[def->lowered->index] = def->lowered;
}

static Status lower_table_function(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    Lowered input = {0};
    if (rel->input_count) TRY(lower_rel(lowering, rel->inputs[0], &input, err));
    PlanNode *node = node_new(lowering, rel, rel->input_count);
    if (rel->input_count) node->inputs[0] = input.node;
    node->ordinality = rel->ordinality;
    node->keep_empty = rel->keep_empty;
    node->table_call_count = rel->table_call_count;
    node->table_calls = ARENA_NEW_ARRAY(lowering->arena, TableFunctionCall, rel->table_call_count + 1);
    for (int f = 0; f < rel->table_call_count; f++) {
        TableFunctionCall *call = &node->table_calls[f];
        *call = rel->table_calls[f];
        call->args = ARENA_NEW_ARRAY(lowering->arena, Expr *, call->arg_count + 1);
        for (int a = 0; a < call->arg_count; a++)
            TRY(lower_expr(lowering, rel->table_calls[f].args[a], &input.ids, &call->args[a], err));
        TRY(table_function_bind(lowering->arena, call, err));
    }
    IdList ids = {0};
    for (int i = 0; i < input.ids.count; i++)
        id_list_add(lowering->arena, &ids, input.ids.items[i]);
    for (int i = 0; i < rel->own_ids.count; i++)
        id_list_add(lowering->arena, &ids, rel->own_ids.items[i]);
    describe_columns(lowering, node, &ids);
    *out = (Lowered){.node = node, .ids = ids};
    return STATUS_OK;
}

static Status lower_rel(Lowering *lowering, const Rel *rel, Lowered *out, Error *err) {
    switch (rel->kind) {
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN: return lower_scan(lowering, rel, out, err);
    case PLAN_VALUES: return lower_values(lowering, rel, out, err);
    case PLAN_FILTER: return lower_filter(lowering, rel, out, err);
    case PLAN_PROJECT: {
        Lowered input;
        TRY(lower_rel(lowering, rel->inputs[0], &input, err));
        return lower_project(lowering, &rel->exprs, &rel->ids, rel, &input, out, err);
    }
    case PLAN_AGGREGATE: return lower_aggregate(lowering, rel, out, err);
    case PLAN_JOIN: return lower_join(lowering, rel, out, err);
    case PLAN_SORT: return lower_sort(lowering, rel, out, err);
    case PLAN_WINDOW: return lower_window(lowering, rel, out, err);
    case PLAN_LIMIT: return lower_limit(lowering, rel, out, err);
    case PLAN_CTE: return lower_cte(lowering, rel, out, err);
    case PLAN_TABLE_FUNCTION: return lower_table_function(lowering, rel, out, err);
    default: return lower_set(lowering, rel, out, err);
    }
}

/* The name PostgreSQL gives a result column's type: modifiers only where they were declared. */
static const char *result_type_name(Lowering *lowering, const ColumnInfo *info) {
    if (info->type_name) return info->type_name;
    char scratch[SQLTYPE_NAME_BYTES];
    const char *name = arena_strdup(lowering->arena, sqltype_short_name(info->type, scratch));
    if (!info->has_modifiers || info->type.precision == 0 || info->type.is_array || strchr(name, '('))
        return name;
    return info->type.id == SQL_NUMERIC
               ? arena_printf(lowering->arena, "%s(%d,%d)", name, info->type.precision, info->type.scale)
               : arena_printf(lowering->arena, "%s(%d)", name, info->type.precision);
}

Status lower_plan(Binder *binder, Rel *root, const IdList *output, const char *const *names, PlanNode **out,
                  Error *err) {
    Lowering lowering = {.binder = binder, .arena = binder->arena};
    Lowered lowered;
    TRY(lower_exact(&lowering, root, output, &lowered, err));
    list_ctes(binder);
    PlanColumn *columns = ARENA_NEW_ARRAY(binder->arena, PlanColumn, output->count + 1);
    for (int i = 0; i < output->count; i++) {
        const ColumnInfo *info = &binder->columns[output->items[i]];
        columns[i] = (PlanColumn){.name = names[i],
                                  .type = info->type,
                                  .type_name = result_type_name(&lowering, info),
                                  .nullable = info->nullable};
    }
    lowered.node->columns = columns;
    *out = lowered.node;
    return STATUS_OK;
}
