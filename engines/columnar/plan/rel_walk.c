/* Over a whole tree: which columns it reads, copies of it, columns put in another's place. What a node holds
 * in expressions is known here alone (rel_each_expr): a node that gets a new list of them adds it there. */
#include "engines/columnar/plan/logical.h"

static void each_in_list(ExprList *list, ExprVisit visit, void *context) {
    for (int i = 0; i < list->count; i++)
        list->items[i] = visit(context, list->items[i]);
}

static void each_in_call(AggregateCall *call, ExprVisit visit, void *context) {
    for (int a = 0; a < call->arg_count; a++)
        call->args[a] = visit(context, call->args[a]);
    if (call->filter) call->filter = visit(context, call->filter);
}

void rel_each_expr(Rel *rel, ExprVisit visit, void *context) {
    each_in_list(&rel->predicates, visit, context);
    each_in_list(&rel->exprs, visit, context);
    for (int c = 0; c < rel->call_count; c++)
        each_in_call(&rel->calls[c], visit, context);
    for (int w = 0; w < rel->window_count; w++) {
        WindowFrame *frame = &rel->windows[w].frame;
        each_in_call(&rel->windows[w].call, visit, context);
        if (frame->start_offset) frame->start_offset = visit(context, frame->start_offset);
        if (frame->end_offset) frame->end_offset = visit(context, frame->end_offset);
    }
    for (int r = 0; r < rel->value_row_count; r++)
        for (int c = 0; c < rel->ids.count; c++)
            rel->value_rows[r][c] = visit(context, rel->value_rows[r][c]);
    for (int f = 0; f < rel->table_call_count; f++)
        for (int a = 0; a < rel->table_calls[f].arg_count; a++)
            rel->table_calls[f].args[a] = visit(context, rel->table_calls[f].args[a]);
    for (int k = 0; k < rel->sort_key_count; k++)
        rel->sort_keys[k].expr = visit(context, rel->sort_keys[k].expr);
    if (rel->limit) rel->limit = visit(context, rel->limit);
    if (rel->offset) rel->offset = visit(context, rel->offset);
    if (rel->guard) rel->guard = visit(context, rel->guard);
}

/* ---- what is read
 * ------------------------------------------------------------------------------------------------ */

typedef struct Search {
    const IdList *ids;
    IdList *found; /* NULL: one is enough */
    Arena *arena;
    bool any;
} Search;

static void search_expr(Search *search, const Expr *expr) {
    if (expr->kind == EXPR_COLUMN && id_list_has(search->ids, expr->column)) {
        search->any = true;
        if (search->found && !id_list_has(search->found, expr->column))
            id_list_add(search->arena, search->found, expr->column);
    }
    for (int i = 0; i < expr->arg_count; i++)
        search_expr(search, expr->args[i]);
}

static Expr *search_visit(void *context, Expr *expr) {
    search_expr(context, expr);
    return expr;
}

static void search_rel(Search *search, const Rel *rel) {
    rel_each_expr((Rel *)rel, search_visit, search); /* the visit changes nothing */
    for (int i = 0; i < rel->input_count && (search->found || !search->any); i++)
        search_rel(search, rel->inputs[i]);
}

bool expr_reads_any_of(const Expr *expr, const IdList *ids) {
    Search search = {.ids = ids};
    search_expr(&search, expr);
    return search.any;
}

bool rel_node_reads_any_of(const Rel *rel, const IdList *ids) {
    Search search = {.ids = ids};
    rel_each_expr((Rel *)rel, search_visit, &search);
    return search.any;
}

bool rel_reads_any_of(const Rel *rel, const IdList *ids) {
    Search search = {.ids = ids};
    search_rel(&search, rel);
    return search.any;
}

void rel_collect_reads(Arena *arena, const Rel *rel, const IdList *ids, IdList *found) {
    Search search = {.ids = ids, .found = found, .arena = arena};
    search_rel(&search, rel);
}

/* ---- copies
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Copying {
    Binder *binder;
    int *to; /* new number of each old column, -1 = none; NULL: columns keep their numbers */
    int count;
} Copying;

static Expr *copy_visit(void *context, Expr *expr) {
    Copying *copying = context;
    Expr *copy = arena_memdup(copying->binder->arena, expr, sizeof *expr);
    if (expr->kind == EXPR_COLUMN && copying->to && expr->column < copying->count &&
        copying->to[expr->column] >= 0)
        copy->column = copying->to[expr->column];
    if (expr->arg_count > 0) {
        copy->args = ARENA_NEW_ARRAY(copying->binder->arena, Expr *, expr->arg_count);
        for (int i = 0; i < expr->arg_count; i++)
            copy->args[i] = copy_visit(copying, expr->args[i]);
    }
    return copy;
}

static IdList copy_ids(Copying *copying, const IdList *ids) {
    IdList copy = {0};
    Binder *binder = copying->binder;
    for (int i = 0; i < ids->count; i++) {
        int id = ids->items[i];
        if (copying->to && copying->to[id] < 0) {
            ColumnInfo info = binder->columns[id];
            int fresh = binder_add_column(binder, info.name, info.type, info.nullable);
            binder->columns[fresh] = info;
            copying->to[id] = fresh;
        }
        id_list_add(binder->arena, &copy, copying->to ? copying->to[id] : id);
    }
    return copy;
}

static ExprList own_list(Arena *arena, const ExprList *list) {
    ExprList own = {0};
    for (int i = 0; i < list->count; i++)
        expr_list_add(arena, &own, list->items[i]);
    return own;
}

/* Arrays of the node's own, still holding the same expressions. */
static void own_arrays(Arena *arena, Rel *rel) {
    rel->predicates = own_list(arena, &rel->predicates);
    rel->exprs = own_list(arena, &rel->exprs);
    if (rel->call_count)
        rel->calls = arena_memdup(arena, rel->calls, sizeof *rel->calls * (size_t)rel->call_count);
    for (int c = 0; c < rel->call_count; c++)
        if (rel->calls[c].arg_count)
            rel->calls[c].args =
                arena_memdup(arena, rel->calls[c].args, sizeof(Expr *) * (size_t)rel->calls[c].arg_count);
    if (rel->table_call_count)
        rel->table_calls =
            arena_memdup(arena, rel->table_calls, sizeof *rel->table_calls * (size_t)rel->table_call_count);
    for (int f = 0; f < rel->table_call_count; f++)
        if (rel->table_calls[f].arg_count)
            rel->table_calls[f].args = arena_memdup(arena, rel->table_calls[f].args,
                                                    sizeof(Expr *) * (size_t)rel->table_calls[f].arg_count);
    if (rel->window_count)
        rel->windows = arena_memdup(arena, rel->windows, sizeof *rel->windows * (size_t)rel->window_count);
    for (int w = 0; w < rel->window_count; w++) {
        AggregateCall *call = &rel->windows[w].call;
        if (call->arg_count)
            call->args = arena_memdup(arena, call->args, sizeof(Expr *) * (size_t)call->arg_count);
    }
    if (rel->sort_key_count)
        rel->sort_keys =
            arena_memdup(arena, rel->sort_keys, sizeof *rel->sort_keys * (size_t)rel->sort_key_count);
    if (!rel->value_row_count) return;
    Expr ***rows = ARENA_NEW_ARRAY(arena, Expr **, rel->value_row_count);
    for (int r = 0; r < rel->value_row_count; r++) {
        rows[r] = ARENA_NEW_ARRAY(arena, Expr *, rel->ids.count + 1);
        for (int c = 0; c < rel->ids.count; c++)
            rows[r][c] = rel->value_rows[r][c];
    }
    rel->value_rows = rows;
}

static Rel *copy_rel(Copying *copying, const Rel *rel) {
    Arena *arena = copying->binder->arena;
    Rel *copy = arena_memdup(arena, rel, sizeof *rel);
    if (copying->to) copying->binder->copied_nodes++;
    copy->inputs = ARENA_NEW_ARRAY(arena, Rel *, rel->input_count > 0 ? rel->input_count : 1);
    for (int i = 0; i < rel->input_count; i++)
        copy->inputs[i] = copy_rel(copying, rel->inputs[i]);
    copy->table_ids = copy_ids(copying, &rel->table_ids);
    copy->own_ids = copy_ids(copying, &rel->own_ids);
    copy->ids = copy_ids(copying, &rel->ids);
    own_arrays(arena, copy);
    rel_each_expr(copy, copy_visit, copying);
    return copy;
}

Rel *rel_clone(Binder *binder, const Rel *rel) {
    return copy_rel(&(Copying){.binder = binder}, rel);
}

Rel *rel_copy(Binder *binder, const Rel *rel, const IdList *ids, IdList *copies) {
    Copying copying = {.binder = binder, .count = binder->column_count};
    copying.to = ARENA_NEW_ARRAY(binder->arena, int, copying.count + 1);
    memset(copying.to, -1, sizeof(int) * ((size_t)copying.count + 1));
    Rel *copy = copy_rel(&copying, rel);
    for (int i = 0; i < ids->count; i++)
        id_list_add(binder->arena, copies, copying.to[ids->items[i]]);
    return copy;
}

/* ---- columns in another's place
 * ---------------------------------------------------------------------------------- */

typedef struct Replacing {
    Arena *arena;
    const ColumnMap *map;
} Replacing;

static Expr *replace_visit(void *context, Expr *expr) {
    Replacing *replacing = context;
    IdList from = {.items = (int *)replacing->map->from, .count = replacing->map->count};
    if (!expr_reads_any_of(expr, &from)) return expr;
    return expr_substitute(replacing->arena, expr_copy(replacing->arena, expr), replacing->map);
}

void rel_substitute_node(Binder *binder, Rel *rel, const ColumnMap *map) {
    rel_each_expr(rel, replace_visit, &(Replacing){.arena = binder->arena, .map = map});
}

void rel_substitute(Binder *binder, Rel *rel, const ColumnMap *map) {
    rel_substitute_node(binder, rel, map);
    for (int i = 0; i < rel->input_count; i++)
        rel_substitute(binder, rel->inputs[i], map);
}
