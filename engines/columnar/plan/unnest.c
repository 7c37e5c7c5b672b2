/* Rule: dependent joins become ordinary joins, the innermost first. */
#include "engines/columnar/plan/unnest.h"

static bool any_dependent(const Rel *rel) {
    if (rel->kind == PLAN_JOIN && (rel->dependent || rel->guard)) return true;
    for (int i = 0; i < rel->input_count; i++)
        if (any_dependent(rel->inputs[i])) return true;
    return false;
}

static bool passes_ids(const Rel *rel) {
    return rel->kind == PLAN_JOIN || rel->kind == PLAN_FILTER || rel->kind == PLAN_SORT ||
           rel->kind == PLAN_LIMIT || rel->kind == PLAN_TABLE_FUNCTION || rel->kind == PLAN_WINDOW;
}

static void refresh(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        refresh(binder, rel->inputs[i]);
    if (passes_ids(rel)) rel_refresh_ids(binder, rel);
}

static void add_all(Binder *binder, ExprList *to, const ExprList *from) {
    for (int i = 0; i < from->count; i++)
        expr_list_add(binder->arena, to, from->items[i]);
}

/* Columns that are computed above the join from now on, everywhere they are read. */
typedef struct Moved {
    IdList ids;
    ExprList exprs;
    ExprList having; /* must hold for the row to count */
} Moved;

static Expr *moved_value(Binder *binder, Expr *expr, const Moved *moved) {
    ColumnMap map = {.from = moved->ids.items, .to = moved->exprs.items, .count = moved->ids.count};
    return expr_substitute(binder->arena, expr_copy(binder->arena, expr), &map);
}

static bool grows_too_large(const ExprList *list, const Moved *step) {
    ColumnMap map = {.from = step->ids.items, .to = step->exprs.items, .count = step->ids.count};
    for (int i = 0; i < list->count; i++)
        if (expr_substituted_size(list->items[i], &map) >= MOST_SUBSTITUTED) return true;
    return false;
}

static bool gives_nulls_for(const Rel *join, int input) {
    if (join->kind != PLAN_JOIN) return false;
    bool left = join->join_type == JOIN_RIGHT || join->join_type == JOIN_FULL;
    bool right =
        join->join_type == JOIN_LEFT || join->join_type == JOIN_FULL || join->join_type == JOIN_SINGLE;
    return input == 0 ? left : right;
}

typedef enum Place { PLACE_ELSEWHERE, PLACE_BELOW, PLACE_BELOW_OUTER_JOIN } Place;

static Place place_of(const Rel *rel, const Rel *at) {
    if (rel == at) return PLACE_BELOW;
    for (int i = 0; i < rel->input_count; i++) {
        Place place = place_of(rel->inputs[i], at);
        if (place == PLACE_ELSEWHERE) continue;
        return gives_nulls_for(rel, i) ? PLACE_BELOW_OUTER_JOIN : place;
    }
    return PLACE_ELSEWHERE;
}

/* The columns, computed right above `*at` under new ids. */
static void compute_moved(Unnest *unnest, Rel **at, const Moved *moved) {
    Binder *binder = unnest->binder;
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    Moved renamed = {.ids = moved->ids};
    project->inputs[0] = *at;
    for (int i = 0; i < (*at)->ids.count; i++) {
        expr_list_add(binder->arena, &project->exprs, expr_column(binder, (*at)->ids.items[i]));
        id_list_add(binder->arena, &project->ids, (*at)->ids.items[i]);
    }
    for (int i = 0; i < moved->ids.count; i++) {
        ColumnInfo info = binder->columns[moved->ids.items[i]];
        int id = binder_add_column(binder, info.name, info.type, true);
        binder->columns[id].has_modifiers = info.has_modifiers;
        id_list_add(binder->arena, &project->ids, id);
        expr_list_add(binder->arena, &project->exprs, moved->exprs.items[i]);
        expr_list_add(binder->arena, &renamed.exprs, expr_column(binder, id));
    }
    ColumnMap map = {.from = renamed.ids.items, .to = renamed.exprs.items, .count = renamed.ids.count};
    rel_substitute(binder, *unnest->root, &map);
    *at = project;
}

/* Where the columns are read, what they move to is computed, above the join of `*slot`. Above an outer join
 * that gives NULLs for them it would make values of those NULLs (a count's 0): there it is computed at once.
 */
static void replace_everywhere(Unnest *unnest, Rel **slot, const Moved *moved) {
    bool computes = false;
    for (int i = 0; i < moved->exprs.count; i++)
        computes = computes || moved->exprs.items[i]->kind != EXPR_COLUMN;
    if (computes && place_of(*unnest->root, *slot) == PLACE_BELOW_OUTER_JOIN) {
        compute_moved(unnest, (*slot)->kind == PLAN_FILTER ? &(*slot)->inputs[0] : slot, moved);
        if ((*slot)->kind == PLAN_FILTER) rel_refresh_ids(unnest->binder, *slot);
        return;
    }
    ColumnMap map = {.from = moved->ids.items, .to = moved->exprs.items, .count = moved->ids.count};
    rel_substitute(unnest->binder, *unnest->root, &map);
}

static Expr *when(Binder *binder, Expr *condition, Expr *value) {
    Expr *choice = expr_new(binder->arena, EXPR_CASE, value->type, 3);
    choice->args[0] = condition;
    choice->args[1] = value;
    choice->args[2] = expr_null(binder->arena, value->type);
    choice->declared = value->declared;
    return choice;
}

void unnest_keep_comparisons(Binder *binder, Rel *join, const Expr *guard) {
    if (!unnest_columns_may_raise(join->inputs[1], false)) return;
    for (int i = 0; i < join->predicates.count; i++) {
        Expr **predicate = &join->predicates.items[i];
        if (!expr_reads_any(*predicate, join->inputs[0]))
            *predicate = when(binder, expr_copy(binder->arena, guard), *predicate);
    }
}

/* ---- one aggregated row
 * ------------------------------------------------------------------------------------------- */

static bool keeps_one_row(const Rel *limit) {
    return limit->limit && !limit->offset && expr_is_constant(limit->limit) &&
           !expr_is_null_constant(limit->limit) && *(const int64_t *)limit->limit->constant->values > 0;
}

/* The aggregate without groups under projections, conditions and what changes nothing about one row; the
 * columns of `rel` and the conditions in its terms. */
static Rel *scalar_chain(Binder *binder, Rel *rel, Moved *moved) {
    for (int i = 0; i < rel->ids.count; i++) {
        id_list_add(binder->arena, &moved->ids, rel->ids.items[i]);
        expr_list_add(binder->arena, &moved->exprs, expr_column(binder, rel->ids.items[i]));
    }
    for (;; rel = rel->inputs[0]) {
        switch (rel->kind) {
        case PLAN_AGGREGATE: return rel->exprs.count == 0 && !rel->grouping_set_count ? rel : NULL;
        case PLAN_SORT: break;
        case PLAN_LIMIT:
            if (!keeps_one_row(rel)) return NULL;
            break;
        case PLAN_FILTER: add_all(binder, &moved->having, &rel->predicates); break;
        case PLAN_PROJECT: {
            Moved step = {.ids = rel->ids, .exprs = rel->exprs};
            if (grows_too_large(&moved->exprs, &step) || grows_too_large(&moved->having, &step)) return NULL;
            for (int i = 0; i < moved->exprs.count; i++)
                moved->exprs.items[i] = moved_value(binder, moved->exprs.items[i], &step);
            for (int i = 0; i < moved->having.count; i++)
                moved->having.items[i] = moved_value(binder, moved->having.items[i], &step);
            break;
        }
        default: return NULL;
        }
    }
}

/* Where no row matches, a count is 0. */
static void fill_counts(Binder *binder, const Rel *aggregate, Moved *moved) {
    Moved counts = {0};
    for (int c = 0; c < aggregate->call_count; c++) {
        int id = aggregate->ids.items[aggregate->exprs.count + c];
        Expr *value = unnest_empty_value(binder, &aggregate->calls[c], id);
        binder->columns[id].nullable = true;
        if (!value) continue;
        id_list_add(binder->arena, &counts.ids, id);
        expr_list_add(binder->arena, &counts.exprs, value);
    }
    for (int i = 0; i < moved->exprs.count; i++)
        moved->exprs.items[i] = moved_value(binder, moved->exprs.items[i], &counts);
    for (int i = 0; i < moved->having.count; i++)
        moved->having.items[i] = moved_value(binder, moved->having.items[i], &counts);
}

/* Grouped by what its conditions compare, else by the outer values it was computed for; the conditions to
 * join it by. */
static Status group_aggregate(Unnest *unnest, const Rel *right, Moved *moved, Rel **out, ExprList *conditions,
                              Error *err) {
    Binder *binder = unnest->binder;
    Rel *aggregate = scalar_chain(binder, rel_clone(binder, right), moved);
    if (aggregate && !unnest->exact && !rel_node_reads_any_of(aggregate, unnest->outer) &&
        unnest_pull(unnest, &aggregate->inputs[0], conditions) &&
        unnest_group_by_keys(binder, aggregate, conditions)) {
        *out = aggregate;
        return STATUS_OK;
    }
    IdList keys = {0};
    *moved = (Moved){0};
    *conditions = (ExprList){0};
    *out = scalar_chain(binder, rel_clone(binder, right), moved);
    if (!*out) return STATUS_OK;
    TRY(unnest_attach_domain(unnest, &(*out)->inputs[0], &keys, err));
    unnest_aggregate_by_domain(unnest, *out, &keys);
    return unnest_match(binder, unnest->outer, &keys, conditions, err);
}

/* Grouped by what the conditions compare, joined by it; the row's columns are computed above, from NULLs and
 * zeros where nothing matched. */
static Status join_aggregate(Unnest *unnest, Rel **slot, bool *done, Error *err) {
    Binder *binder = unnest->binder;
    Rel *join = *slot;
    bool inner = join->join_type == JOIN_INNER || join->join_type == JOIN_CROSS;
    *done = false;
    if (!inner && join->join_type != JOIN_SINGLE && join->join_type != JOIN_LEFT) return STATUS_OK;
    if (!inner && join->predicates.count > 0) return STATUS_OK;
    Moved moved = {0};
    Rel *aggregate = NULL;
    ExprList conditions = {0};
    TRY(group_aggregate(unnest, join->inputs[1], &moved, &aggregate, &conditions, err));
    if (!aggregate) return STATUS_OK;
    fill_counts(binder, aggregate, &moved);
    ExprList above = join->predicates;
    join->join_type = JOIN_LEFT;
    join->inputs[1] = aggregate;
    join->predicates = conditions;
    rel_refresh_ids(binder, join);
    rel_note(binder, join, "unnested aggregate");
    if (inner)
        add_all(binder, &above, &moved.having);
    else if (moved.having.count > 0)
        for (int i = 0; i < moved.exprs.count; i++)
            moved.exprs.items[i] =
                when(binder, expr_and_all(binder->arena, &moved.having), moved.exprs.items[i]);
    *slot = rel_filter(binder, join, &above);
    replace_everywhere(unnest, slot, &moved);
    *done = true;
    return STATUS_OK;
}

/* ---- rows
 * -------------------------------------------------------------------------------------------------------- */

/* Takes columns that read outer ones out of the topmost projection. */
static void lift_columns(Unnest *unnest, Rel *project, Moved *moved) {
    Binder *binder = unnest->binder;
    IdList ids = {0}, reads = {0};
    ExprList exprs = {0};
    for (int i = 0; i < project->ids.count; i++) {
        bool outer = expr_reads_any_of(project->exprs.items[i], unnest->outer) ||
                     (unnest->lazy && !unnest->existence && expr_may_raise(project->exprs.items[i]));
        id_list_add(binder->arena, outer ? &moved->ids : &ids, project->ids.items[i]);
        expr_list_add(binder->arena, outer ? &moved->exprs : &exprs, project->exprs.items[i]);
        if (outer) expr_collect_ids(binder->arena, project->exprs.items[i], &reads);
    }
    project->ids = ids;
    project->exprs = exprs;
    for (int i = 0; i < reads.count; i++)
        if (rel_produces(project->inputs[0], reads.items[i]) && !rel_produces(project, reads.items[i])) {
            expr_list_add(binder->arena, &project->exprs, expr_column(binder, reads.items[i]));
            id_list_add(binder->arena, &project->ids, reads.items[i]);
        }
}

/* A LEFT or SINGLE join's columns are NULL without a match, whatever their expression makes of NULLs. */
static void guard_columns(Binder *binder, Rel *project, Moved *moved) {
    int id = binder_add_column(binder, "present", sqltype_of(SQL_BOOL), true);
    expr_list_add(binder->arena, &project->exprs, expr_bool_constant(binder->arena, true));
    id_list_add(binder->arena, &project->ids, id);
    for (int i = 0; i < moved->exprs.count; i++) {
        Expr *present = expr_new(binder->arena, EXPR_IS_NOT_NULL, sqltype_of(SQL_BOOL), 1);
        present->args[0] = expr_column(binder, id);
        moved->exprs.items[i] = when(binder, present, moved->exprs.items[i]);
    }
}

static bool pull_rows(Unnest *unnest, Rel **slot) {
    Binder *binder = unnest->binder;
    Rel *join = *slot;
    Rel *right = rel_clone(binder, join->inputs[1]);
    Moved moved = {0};
    ExprList conditions = {0};
    /* In which order EXISTS and IN look does not matter; to EXISTS nor how far, beyond the first. */
    while (unnest->existence &&
           (right->kind == PLAN_SORT ||
            (right->kind == PLAN_LIMIT && keeps_one_row(right) && !join->predicates.count)))
        right = right->inputs[0];
    if (right->kind == PLAN_PROJECT) lift_columns(unnest, right, &moved);
    if (moved.ids.count > 0 && (join->join_type == JOIN_LEFT || join->join_type == JOIN_SINGLE))
        guard_columns(binder, right, &moved);
    if (!unnest_pull(unnest, &right, &conditions)) return false;
    join->inputs[1] = right;
    add_all(binder, &join->predicates, &conditions);
    rel_refresh_ids(binder, join);
    rel_note(binder, join, "unnested");
    if (moved.ids.count > 0) replace_everywhere(unnest, slot, &moved);
    return true;
}

/* Functions of the left side's columns are called on its rows. */
static bool call_on_left(Rel **slot) {
    Rel *join = *slot, *right = join->inputs[1];
    bool inner = join->join_type == JOIN_INNER || join->join_type == JOIN_CROSS;
    if (right->kind != PLAN_TABLE_FUNCTION || right->input_count > 0 || join->predicates.count > 0 ||
        !(inner || join->join_type == JOIN_LEFT))
        return false;
    right->inputs = join->inputs; /* the first is the left side */
    right->input_count = 1;
    right->keep_empty = !inner;
    *slot = right;
    return true;
}

static Status join_domain(Unnest *unnest, Rel *join, Error *err) {
    Binder *binder = unnest->binder;
    IdList keys = {0};
    TRY(unnest_attach_domain(unnest, &join->inputs[1], &keys, err));
    TRY(unnest_match(binder, unnest->outer, &keys, &join->predicates, err));
    rel_refresh_ids(binder, join);
    rel_note(binder, join, "unnested over outer values");
    return STATUS_OK;
}

/* ---- one join
 * ---------------------------------------------------------------------------------------------------- */

enum { MOST_COPIED_NODES = 10000 };

/* A subquery that reads no outer column: its errors wait for a row that meets the guard. */
static void guard_whole(Binder *binder, Rel *join, Expr *guard) {
    Rel *right = join->inputs[1];
    bool several = join->join_type == JOIN_SINGLE && !unnest_gives_one_row(right);
    bool raises = unnest_may_raise(right, false) || unnest_columns_may_raise(right, false);
    if (raises || several) right = unnest_guard_outside(binder, right, join->inputs[0], &guard);
    join->inputs[1] = several ? unnest_two_rows(binder, right) : right;
    join->guard = raises || several ? guard : NULL;
    rel_refresh_ids(binder, join);
}

/* The left side without what neither the guard nor the right side reads: guarded subqueries beside each other
 * would copy each other over and over. */
static Rel *where_guard_is_known(const Unnest *unnest, Rel *left, const Expr *guard) {
    Arena *arena = unnest->binder->arena;
    IdList read = {0}, needed = {0};
    expr_collect_ids(arena, guard, &read);
    for (int i = 0; i < read.count; i++)
        if (rel_produces(left, read.items[i])) id_list_add(arena, &needed, read.items[i]);
    for (int i = 0; i < unnest->outer->count; i++)
        id_list_add(arena, &needed, unnest->outer->items[i]);
    return unnest_without_values(left, &needed);
}

/* One that does is computed for the outer values of the rows it is for, or where it is read; where several
 * rows are all that could be wrong, they do not count for rows that do not meet the guard. */
static void keep_from_failing(Unnest *unnest, Rel *join, Expr *guard) {
    Binder *binder = unnest->binder;
    ExprList met = {0};
    Rel *right = join->inputs[1];
    bool several = guard && join->join_type == JOIN_SINGLE && !unnest_gives_one_row(right);
    bool columns = unnest_columns_may_raise(right, !guard);
    bool compared = join->join_type == JOIN_MARK && join->predicates.count > 0;
    unnest->exact = unnest_may_raise(right, !guard) || (compared && guard && columns);
    unnest->lazy = unnest->exact || several || columns;
    if (!guard || !unnest->lazy) return;
    expr_list_add(binder->arena, &met, guard);
    unnest->left = rel_filter(binder, where_guard_is_known(unnest, join->inputs[0], guard), &met);
    if (several && !unnest->exact) expr_list_add(binder->arena, &join->predicates, guard);
}

static Status make_by_domain_or_pull(Unnest *unnest, Rel **slot, Error *err) {
    Rel *join = *slot;
    bool done = false;
    TRY(join_aggregate(unnest, slot, &done, err));
    if (done || (!unnest->exact && pull_rows(unnest, slot))) return STATUS_OK;
    return join_domain(unnest, join, err);
}

static Status make_ordinary(Binder *binder, Rel **root, Rel **slot, Error *err) {
    Rel *join = *slot;
    IdList outer = {0};
    Expr *guard = join->guard;
    /* Each may compute its left side twice, with all that was copied there: nested ones double and double. */
    if (binder->copied_nodes > MOST_COPIED_NODES)
        return error_set(
            err, SQLSTATE_FEATURE_NOT_SUPPORTED,
            "so many correlated subqueries over each other are not available in the columnar engine");
    join->dependent = false;
    join->guard = NULL;
    rel_collect_reads(binder->arena, join->inputs[1], &join->inputs[0]->ids, &outer);
    if (outer.count == 0 && guard) guard_whole(binder, join, guard);
    if (outer.count == 0) return STATUS_OK;
    Unnest unnest = {.binder = binder,
                     .root = root,
                     .left = join->inputs[0],
                     .outer = &outer,
                     .existence = join->join_type == JOIN_SEMI || join->join_type == JOIN_ANTI ||
                                  join->join_type == JOIN_MARK};
    if (call_on_left(slot)) {
        rel_refresh_ids(binder, *slot);
        return STATUS_OK;
    }
    keep_from_failing(&unnest, join, guard);
    if (!unnest.exact || guard) return make_by_domain_or_pull(&unnest, slot, err);
    /* Where that cannot be, what it would fail on may be no row's. */
    Rel *right = rel_clone(binder, join->inputs[1]);
    Error declined = {0};
    if (make_by_domain_or_pull(&unnest, slot, &declined) == STATUS_OK) return STATUS_OK;
    unnest.exact = false;
    join->inputs[1] = right;
    return make_by_domain_or_pull(&unnest, slot, err);
}

static Status unnest_rel(Binder *binder, Rel **root, Rel **slot, Error *err) {
    Rel *rel = *slot;
    for (int i = 0; i < rel->input_count; i++)
        TRY(unnest_rel(binder, root, &rel->inputs[i], err));
    if (passes_ids(rel)) rel_refresh_ids(binder, rel);
    bool open = rel->kind == PLAN_JOIN && (rel->dependent || rel->guard);
    return open ? make_ordinary(binder, root, slot, err) : STATUS_OK;
}

Status rule_unnest(Binder *binder, Rel **root, Error *err) {
    if (!any_dependent(*root)) return STATUS_OK;
    *root = rule_pushdown(binder, *root); /* the outer values are those that other conditions leave */
    TRY(unnest_rel(binder, root, root, err));
    refresh(binder, *root);
    return STATUS_OK;
}
