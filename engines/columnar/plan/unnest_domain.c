/* A subquery computed for all values of the outer columns at once: every node carries those columns along as
 * keys, and what it did for one outer row it does by key. */
#include "engines/columnar/plan/rel_window.h"
#include "engines/columnar/plan/unnest.h"

static Status attach(Unnest *unnest, Rel **slot, IdList *keys, Error *err);

static Status declined(Error *err, const char *what) {
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "a correlated subquery with %s is not available in the columnar engine", what);
}

static bool produces_all(const Rel *rel, const IdList *ids) {
    for (int i = 0; i < ids->count; i++)
        if (!rel_produces(rel, ids->items[i])) return false;
    return true;
}

/* Subqueries' values beside the columns take no row away: they need not be computed again. */
Rel *unnest_without_values(Rel *left, const IdList *ids) {
    while (left->kind == PLAN_JOIN &&
           (left->join_type == JOIN_LEFT || left->join_type == JOIN_SINGLE || left->join_type == JOIN_MARK) &&
           produces_all(left->inputs[0], ids))
        left = left->inputs[0];
    return left;
}

/* The distinct values of the outer columns: the left side once more, grouped. */
static Rel *domain(Unnest *unnest, IdList *keys) {
    Binder *binder = unnest->binder;
    IdList copies = {0};
    Rel *distinct = rel_new(binder, PLAN_AGGREGATE, 1);
    distinct->inputs[0] =
        rel_copy(binder, unnest_without_values(unnest->left, unnest->outer), unnest->outer, &copies);
    *keys = (IdList){0};
    for (int i = 0; i < copies.count; i++) {
        ColumnInfo info = binder->columns[copies.items[i]];
        int id = binder_add_column(binder, info.name, info.type, info.nullable);
        info.version = NULL;
        binder->columns[id] = info;
        expr_list_add(binder->arena, &distinct->exprs, expr_column(binder, copies.items[i]));
        id_list_add(binder->arena, &distinct->ids, id);
        id_list_add(binder->arena, keys, id);
    }
    rel_note(binder, distinct, "outer values");
    return distinct;
}

static void substitute(Unnest *unnest, Rel *rel, const IdList *keys) {
    Binder *binder = unnest->binder;
    Expr **to = ARENA_NEW_ARRAY(binder->arena, Expr *, keys->count + 1);
    for (int i = 0; i < keys->count; i++)
        to[i] = expr_column(binder, keys->items[i]);
    rel_substitute_node(binder, rel,
                        &(ColumnMap){.from = unnest->outer->items, .to = to, .count = keys->count});
}

static bool equal_operator(Binder *binder, int a, int b, Expr **out) {
    Error ignored = {0};
    return resolve_operator(binder, "=", expr_column(binder, a), expr_column(binder, b), 0, out, &ignored) ==
           STATUS_OK;
}

Status unnest_match(Binder *binder, const IdList *outer, const IdList *keys, ExprList *out, Error *err) {
    for (int i = 0; i < outer->count; i++) {
        Expr *equal = NULL;
        if (!equal_operator(binder, outer->items[i], keys->items[i], &equal))
            return declined(err, "an outer column of a type without equality");
        if (binder->columns[outer->items[i]].nullable || binder->columns[keys->items[i]].nullable) {
            Expr *same = expr_new(binder->arena, EXPR_IS_NOT_DISTINCT, sqltype_of(SQL_BOOL), 2);
            same->function = equal->function;
            same->args[0] = equal->args[0];
            same->args[1] = equal->args[1];
            equal = same;
        }
        expr_list_add(binder->arena, out, equal);
    }
    return STATUS_OK;
}

Expr *unnest_empty_value(Binder *binder, const AggregateCall *call, int id) {
    static const struct {
        const char *name;
        int value;
    } EMPTY[] = {{"count", 0},    {"regr_count", 0}, {"approx_count_distinct", 0},
                 {"rank", 1},     {"dense_rank", 1}, {"percent_rank", 0},
                 {"cume_dist", 1}};
    for (size_t i = 0; i < sizeof EMPTY / sizeof EMPTY[0]; i++) {
        if (strcmp(call->function->name, EMPTY[i].name) != 0) continue;
        Expr *value = expr_new(binder->arena, EXPR_COALESCE, call->type, 2);
        double real = EMPTY[i].value;
        Vector *constant = ARENA_NEW(binder->arena, Vector);
        vector_init_constant(constant, call->type, &real, binder->arena);
        value->args[0] = expr_column(binder, id);
        value->args[1] = constant_int(binder->arena, EMPTY[i].value, sqltype_of(SQL_INT8));
        if (sqltype_is(call->type, SQL_FLOAT8)) {
            value->args[1]->type = call->type;
            value->args[1]->constant = constant;
        }
        return value;
    }
    return NULL;
}

/* ---- projections, groups
 * ---------------------------------------------------------------------------------------- */

static Status attach_project(Unnest *unnest, Rel *rel, IdList *keys, Error *err) {
    Binder *binder = unnest->binder;
    TRY(attach(unnest, &rel->inputs[0], keys, err));
    substitute(unnest, rel, keys);
    for (int i = 0; i < keys->count; i++) {
        expr_list_add(binder->arena, &rel->exprs, expr_column(binder, keys->items[i]));
        id_list_add(binder->arena, &rel->ids, keys->items[i]);
    }
    return STATUS_OK;
}

/* The keys become groups, first; *keys are then the groups' columns. */
static void group_by_keys(Binder *binder, Rel *aggregate, IdList *keys) {
    ExprList exprs = {0};
    IdList ids = {0}, groups = {0};
    for (int i = 0; i < keys->count; i++) {
        ColumnInfo info = binder->columns[keys->items[i]];
        int id = binder_add_column(binder, info.name, info.type, info.nullable);
        binder->columns[id] = info;
        expr_list_add(binder->arena, &exprs, expr_column(binder, keys->items[i]));
        id_list_add(binder->arena, &ids, id);
        id_list_add(binder->arena, &groups, id);
    }
    for (int i = 0; i < aggregate->exprs.count; i++)
        expr_list_add(binder->arena, &exprs, aggregate->exprs.items[i]);
    for (int i = 0; i < aggregate->ids.count; i++)
        id_list_add(binder->arena, &ids, aggregate->ids.items[i]);
    unnest_widen_sets(binder, aggregate, keys->count, (UINT64_C(1) << keys->count) - 1);
    aggregate->exprs = exprs;
    aggregate->ids = ids;
    *keys = groups;
}

void unnest_aggregate_by_domain(Unnest *unnest, Rel *aggregate, IdList *keys) {
    substitute(unnest, aggregate, keys);
    group_by_keys(unnest->binder, aggregate, keys);
}

/* An aggregate without groups gives a row for every key, also for those without rows. */
static Status attach_scalar(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Binder *binder = unnest->binder;
    Rel *aggregate = *slot, *project = rel_new(binder, PLAN_PROJECT, 1);
    IdList results = aggregate->ids, all = {0}, groups = {0};
    aggregate->ids = (IdList){0};
    for (int c = 0; c < aggregate->call_count; c++) {
        int id =
            binder_add_column(binder, binder->columns[results.items[c]].name, aggregate->calls[c].type, true);
        Expr *value = unnest_empty_value(binder, &aggregate->calls[c], id);
        id_list_add(binder->arena, &aggregate->ids, id);
        expr_list_add(binder->arena, &project->exprs, value ? value : expr_column(binder, id));
        id_list_add(binder->arena, &project->ids, results.items[c]);
    }
    TRY(attach(unnest, &aggregate->inputs[0], &groups, err));
    unnest_aggregate_by_domain(unnest, aggregate, &groups);
    Rel *join = rel_join(binder, JOIN_LEFT, domain(unnest, &all), aggregate);
    TRY(unnest_match(binder, &all, &groups, &join->predicates, err));
    project->inputs[0] = join;
    for (int i = 0; i < all.count; i++) {
        expr_list_add(binder->arena, &project->exprs, expr_column(binder, all.items[i]));
        id_list_add(binder->arena, &project->ids, all.items[i]);
    }
    *keys = all;
    *slot = project;
    return STATUS_OK;
}

static Status attach_aggregate(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Rel *rel = *slot;
    bool sets = rel->grouping_set_count > 0 && (unnest_has_empty_set(rel) || rel->grouping_call_count > 0 ||
                                                rel->exprs.count + unnest->outer->count >= MOST_SET_GROUPS);
    if (sets && (rel->exprs.count > 0 || rel->grouping_set_count > 1 || rel->grouping_call_count > 0))
        return declined(err, "GROUPING SETS");
    if (rel->exprs.count == 0) return attach_scalar(unnest, slot, keys, err);
    TRY(attach(unnest, &rel->inputs[0], keys, err));
    substitute(unnest, rel, keys);
    group_by_keys(unnest->binder, rel, keys);
    return STATUS_OK;
}

/* ---- joins
 * ------------------------------------------------------------------------------------------------------- */

/* Both sides carry keys; a pair is of one key. */
static Status attach_both(Unnest *unnest, Rel *rel, IdList *left, IdList *right, Error *err) {
    ExprList match = {0};
    TRY(attach(unnest, &rel->inputs[0], left, err));
    TRY(attach(unnest, &rel->inputs[1], right, err));
    TRY(unnest_match(unnest->binder, left, right, &match, err));
    for (int i = 0; i < match.count; i++)
        expr_list_add(unnest->binder->arena, &rel->predicates, match.items[i]);
    return STATUS_OK;
}

static Status attach_full(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Binder *binder = unnest->binder;
    Rel *join = *slot, *project = rel_new(binder, PLAN_PROJECT, 1);
    IdList left = {0}, right = {0}, ids = join->ids;
    TRY(attach_both(unnest, join, &left, &right, err));
    if (rel_node_reads_any_of(join, unnest->outer)) return declined(err, "this FULL JOIN");
    rel_refresh_ids(binder, join);
    project->inputs[0] = join;
    for (int i = 0; i < ids.count; i++) {
        expr_list_add(binder->arena, &project->exprs, expr_column(binder, ids.items[i]));
        id_list_add(binder->arena, &project->ids, ids.items[i]);
    }
    *keys = (IdList){0};
    for (int i = 0; i < left.count; i++) {
        ColumnInfo info = binder->columns[left.items[i]];
        Expr *either = expr_new(binder->arena, EXPR_COALESCE, info.type, 2);
        either->args[0] = expr_column(binder, left.items[i]);
        either->args[1] = expr_column(binder, right.items[i]);
        int id = binder_add_column(binder, info.name, info.type, info.nullable);
        expr_list_add(binder->arena, &project->exprs, either);
        id_list_add(binder->arena, &project->ids, id);
        id_list_add(binder->arena, keys, id);
    }
    *slot = project;
    return STATUS_OK;
}

static Status attach_join(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Rel *rel = *slot;
    IdList other = {0};
    bool inner = rel->join_type == JOIN_INNER || rel->join_type == JOIN_CROSS;
    bool left = rel_reads_any_of(rel->inputs[0], unnest->outer);
    bool right = rel_reads_any_of(rel->inputs[1], unnest->outer);
    if (rel->join_type == JOIN_FULL) return attach_full(unnest, slot, keys, err);
    if (rel->join_type == JOIN_MARK && !rel->two_valued && right)
        return declined(err, "IN below a further subquery");
    int carrier = rel->join_type == JOIN_RIGHT || (inner && right && !left);
    if (carrier ? left : right)
        TRY(attach_both(unnest, rel, carrier ? &other : keys, carrier ? keys : &other, err));
    else
        TRY(attach(unnest, &rel->inputs[carrier], keys, err));
    substitute(unnest, rel, keys);
    if (rel->join_type == JOIN_CROSS) rel->join_type = JOIN_INNER;
    rel_refresh_ids(unnest->binder, rel);
    return STATUS_OK;
}

/* ---- set operations, rows
 * --------------------------------------------------------------------------------------- */

/* Each side with its columns in order and then the keys. */
static Status attach_set(Unnest *unnest, Rel *rel, IdList *keys, Error *err) {
    Binder *binder = unnest->binder;
    *keys = (IdList){0};
    for (int s = 0; s < rel->input_count; s++) {
        IdList columns = rel->inputs[s]->ids, own = {0};
        Rel *project = rel_new(binder, PLAN_PROJECT, 1);
        TRY(attach(unnest, &rel->inputs[s], &own, err));
        project->inputs[0] = rel->inputs[s];
        for (int i = 0; i < columns.count + own.count; i++) {
            int id = i < columns.count ? columns.items[i] : own.items[i - columns.count];
            expr_list_add(binder->arena, &project->exprs, expr_column(binder, id));
            id_list_add(binder->arena, &project->ids, id);
        }
        rel->inputs[s] = project;
        for (int i = 0; s == 0 && i < own.count; i++) {
            ColumnInfo info = binder->columns[own.items[i]];
            int id = binder_add_column(binder, info.name, info.type, info.nullable);
            binder->columns[id] = info;
            id_list_add(binder->arena, &rel->ids, id);
            id_list_add(binder->arena, keys, id);
        }
    }
    return STATUS_OK;
}

/* Rows of expressions over outer columns: each row is a projection of the domain. */
static Status attach_values(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Binder *binder = unnest->binder;
    Rel *values = *slot, *rows = rel_new(binder, PLAN_UNION_ALL, values->value_row_count);
    for (int r = 0; r < values->value_row_count; r++) {
        Rel *project = rel_new(binder, PLAN_PROJECT, 1);
        project->inputs[0] = domain(unnest, keys);
        for (int c = 0; c < values->ids.count; c++) {
            const ColumnInfo *info = &binder->columns[values->ids.items[c]];
            int id = binder_add_column(binder, info->name, info->type, true);
            expr_list_add(binder->arena, &project->exprs, values->value_rows[r][c]);
            id_list_add(binder->arena, &project->ids, id);
        }
        substitute(unnest, project, keys);
        for (int i = 0; i < keys->count; i++) {
            expr_list_add(binder->arena, &project->exprs, expr_column(binder, keys->items[i]));
            id_list_add(binder->arena, &project->ids, keys->items[i]);
        }
        rows->inputs[r] = project;
    }
    rows->ids = values->ids;
    IdList shown = {0};
    for (int i = 0; i < keys->count; i++) {
        ColumnInfo info = binder->columns[keys->items[i]];
        int id = binder_add_column(binder, info.name, info.type, info.nullable);
        binder->columns[id] = info;
        id_list_add(binder->arena, &rows->ids, id);
        id_list_add(binder->arena, &shown, id);
    }
    *keys = shown;
    *slot = rows;
    return STATUS_OK;
}

/* Functions are called once for each key. */
static Status attach_table_function(Unnest *unnest, Rel *rel, IdList *keys, Error *err) {
    if (rel->input_count == 0) {
        rel->inputs = ARENA_NEW_ARRAY(unnest->binder->arena, Rel *, 1);
        rel->inputs[0] = domain(unnest, keys);
        rel->input_count = 1;
    } else {
        TRY(attach(unnest, &rel->inputs[0], keys, err));
    }
    substitute(unnest, rel, keys);
    rel_refresh_ids(unnest->binder, rel);
    return STATUS_OK;
}

static Status attach_limit(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Binder *binder = unnest->binder;
    Rel *limit = *slot, *sort = limit->inputs[0];
    ExprList partition = {0};
    bool sorted = sort->kind == PLAN_SORT;
    if (rel_node_reads_any_of(limit, unnest->outer)) return declined(err, "outer columns in LIMIT");
    TRY(attach(unnest, sorted ? &sort->inputs[0] : &limit->inputs[0], keys, err));
    if (sorted) substitute(unnest, sort, keys);
    for (int i = 0; i < keys->count; i++)
        expr_list_add(binder->arena, &partition, expr_column(binder, keys->items[i]));
    Rel *numbered = unnest_limit_by(binder, limit, &partition);
    if (!numbered) return declined(err, "this LIMIT");
    *slot = numbered;
    return STATUS_OK;
}

static Status attach_nothing(Unnest *unnest, Rel **slot, IdList *keys) {
    Rel *values = domain(unnest, keys), *rel = *slot;
    bool one_row = rel->kind == PLAN_VALUES && rel->value_row_count == 1 && rel->ids.count == 0;
    *slot = one_row ? values : rel_join(unnest->binder, JOIN_INNER, rel, values);
    return STATUS_OK;
}

static Status attach(Unnest *unnest, Rel **slot, IdList *keys, Error *err) {
    Rel *rel = *slot;
    if (!rel_reads_any_of(rel, unnest->outer)) return attach_nothing(unnest, slot, keys);
    switch (rel->kind) {
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN: { /* its conditions read outer columns: they stand above */
        ExprList predicates = rel->predicates;
        rel->predicates = (ExprList){0};
        *slot = rel_filter(unnest->binder, rel, &predicates);
        return attach(unnest, slot, keys, err);
    }
    case PLAN_FILTER:
    case PLAN_SORT:
        TRY(attach(unnest, &rel->inputs[0], keys, err));
        substitute(unnest, rel, keys);
        rel_refresh_ids(unnest->binder, rel);
        return STATUS_OK;
    case PLAN_WINDOW: /* each value of the domain has its own partitions */
        TRY(attach(unnest, &rel->inputs[0], keys, err));
        for (int k = 0; k < keys->count; k++)
            window_add_partition(unnest->binder, rel, expr_column(unnest->binder, keys->items[k]));
        substitute(unnest, rel, keys);
        rel_refresh_ids(unnest->binder, rel);
        return STATUS_OK;
    case PLAN_PROJECT: return attach_project(unnest, rel, keys, err);
    case PLAN_AGGREGATE: return attach_aggregate(unnest, slot, keys, err);
    case PLAN_JOIN: return attach_join(unnest, slot, keys, err);
    case PLAN_VALUES: return attach_values(unnest, slot, keys, err);
    case PLAN_UNION_ALL:
    case PLAN_SET_OPERATION: return attach_set(unnest, rel, keys, err);
    case PLAN_TABLE_FUNCTION: return attach_table_function(unnest, rel, keys, err);
    case PLAN_LIMIT: return attach_limit(unnest, slot, keys, err);
    default: return declined(err, "this construct");
    }
}

/* 1.0 and 1.00, 1 day and 24 hours are one value of the domain: what tells them apart must not read it. */
static bool has_equals_that_differ(SqlType type) {
    return (type.id == SQL_NUMERIC && type.precision == 0) || type.id == SQL_INTERVAL;
}

static bool is_compared(const Expr *expr) {
    static const char *const NAMES[] = {"=", "<", "<=", ">", ">=", "<>"};
    for (size_t i = 0; expr->kind == EXPR_CALL && i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(expr->function->name, NAMES[i]) == 0) return true;
    return expr->kind == EXPR_IN_LIST || expr->kind == EXPR_IS_NULL || expr->kind == EXPR_IS_NOT_NULL;
}

typedef struct Telling {
    const IdList *outer;
    bool found;
} Telling;

static Expr *look_at(void *context, Expr *expr) {
    Telling *telling = context;
    if (expr->kind == EXPR_COLUMN && has_equals_that_differ(expr->type) &&
        id_list_has(telling->outer, expr->column))
        telling->found = true;
    for (int i = 0; i < expr->arg_count; i++)
        if (!is_compared(expr) || expr->args[i]->kind != EXPR_COLUMN) (void)look_at(context, expr->args[i]);
    return expr;
}

static void look_at_tree(Telling *telling, Rel *rel) {
    rel_each_expr(rel, look_at, telling);
    for (int i = 0; i < rel->input_count; i++)
        look_at_tree(telling, rel->inputs[i]);
}

Status unnest_attach_domain(Unnest *unnest, Rel **rel, IdList *keys, Error *err) {
    Telling telling = {.outer = unnest->outer};
    look_at_tree(&telling, *rel);
    if (telling.found) return declined(err, "outer values whose equals may differ");
    return attach(unnest, rel, keys, err);
}
