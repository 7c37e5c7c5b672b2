/* Rule: what is constant is computed now, and logic over constants is shortened. Arithmetic that fails fails
 * the statement, as in PostgreSQL, even where no row would reach it, unless a constant before it has decided
 * a CASE, COALESCE, AND or OR. Other calls that fail are left for run time. */
#include "engines/columnar/plan/logical.h"

typedef struct Folder {
    Binder *binder;
    Error failure; /* the first one */
    const bool *read;
} Folder;

static bool depends_on_now(const Expr *expr) {
    return expr->kind == EXPR_CALL &&
           (expr->arg_count == 0 || (expr->arg_count == 1 && strcmp(expr->function->name, "age") == 0));
}

static int truth(const Expr *expr) { /* 1, 0, or -1 for neither */
    if (!expr_is_constant(expr) || expr_is_null_constant(expr) || expr->type.id != SQL_BOOL) return -1;
    return *(const uint8_t *)expr->constant->values != 0;
}

/* AND drops true and ends at false; OR the other way round. Stands when the arguments are folded. */
static Expr *shorten_logic(Binder *binder, Expr *expr) {
    int absorbing = expr->kind == EXPR_AND ? 0 : 1, kept = 0;
    for (int i = 0; i < expr->arg_count; i++) {
        int value = truth(expr->args[i]);
        if (value == absorbing) return expr->args[i];
        if (value < 0) expr->args[kept++] = expr->args[i];
    }
    if (kept == 0) return expr_bool_constant(binder->arena, !absorbing);
    expr->arg_count = kept;
    return kept == 1 ? expr->args[0] : expr;
}

/* (k AND a) OR (k AND b) is k AND (a OR b): so join conditions inside ORs are found. */
static Expr *factor_or(Binder *binder, Expr *expr) {
    Arena *arena = binder->arena;
    ExprList common = {0};
    ExprList first = {0};
    expr_split_conjuncts(arena, expr->args[0], &first);
    for (int c = 0; c < first.count; c++) {
        bool everywhere = true;
        for (int i = 1; everywhere && i < expr->arg_count; i++) {
            ExprList branch = {0};
            bool found = false;
            expr_split_conjuncts(arena, expr->args[i], &branch);
            for (int b = 0; b < branch.count; b++)
                found = found || expr_equal(branch.items[b], first.items[c]);
            everywhere = found;
        }
        if (everywhere) expr_list_add(arena, &common, first.items[c]);
    }
    if (common.count == 0) return expr;
    Expr *rest = expr_new(arena, EXPR_OR, expr->type, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++) {
        ExprList branch = {0}, left = {0};
        expr_split_conjuncts(arena, expr->args[i], &branch);
        for (int b = 0; b < branch.count; b++) {
            bool shared = false;
            for (int c = 0; c < common.count; c++)
                shared = shared || expr_equal(branch.items[b], common.items[c]);
            if (!shared) expr_list_add(arena, &left, branch.items[b]);
        }
        rest->args[i] = left.count ? expr_and_all(arena, &left) : expr_bool_constant(arena, true);
    }
    expr_list_add(arena, &common, shorten_logic(binder, rest));
    return expr_and_all(arena, &common);
}

static Expr *fold(Folder *folder, Expr *expr);

/* What follows a constant that decides is not looked at. */
static Expr *fold_logic(Folder *folder, Expr *expr) {
    int absorbing = expr->kind == EXPR_AND ? 0 : 1;
    for (int i = 0; i < expr->arg_count; i++) {
        expr->args[i] = fold(folder, expr->args[i]);
        if (truth(expr->args[i]) == absorbing) return expr->args[i];
    }
    expr = shorten_logic(folder->binder, expr);
    return expr->kind == EXPR_OR ? factor_or(folder->binder, expr) : expr;
}

/* Branches whose condition is false go, and all after one that is true. */
static Expr *fold_case(Folder *folder, Expr *expr) {
    int kept = 0, last = expr->arg_count - 1;
    Expr *otherwise = NULL;
    for (int i = 0; i + 1 < expr->arg_count && !otherwise; i += 2) {
        Expr *when = fold(folder, expr->args[i]), *then = expr->args[i + 1];
        bool never = truth(when) == 0 || (expr_is_constant(when) && expr_is_null_constant(when));
        if (never) continue;
        then = fold(folder, then);
        if (truth(when) == 1) otherwise = then;
        if (otherwise) break;
        expr->args[kept] = when;
        expr->args[kept + 1] = then;
        kept += 2;
    }
    if (!otherwise) otherwise = fold(folder, expr->args[last]);
    expr->args[kept] = otherwise;
    expr->arg_count = kept + 1;
    if (kept > 0 || !sqltype_equals(otherwise->type, expr->type)) {
        if (kept > 0) return expr;
        /* the branch is held in another form than the CASE: it stays, for what converts it */
        expr->args[0] = expr_bool_constant(folder->binder->arena, true);
        expr->args[1] = expr->args[2] = otherwise;
        expr->arg_count = 3;
        return expr;
    }
    return otherwise;
}

static Expr *fold_coalesce(Folder *folder, Expr *expr) {
    for (int i = 0; i < expr->arg_count; i++) {
        expr->args[i] = fold(folder, expr->args[i]);
        if (expr_is_constant(expr->args[i]) && !expr_is_null_constant(expr->args[i])) expr->arg_count = i + 1;
    }
    return expr;
}

/* PostgreSQL computes what is immutable; what depends on the session's time zone is not. */
static bool is_arithmetic(const Expr *expr) {
    if (!sqltype_is_number(expr->type)) return false;
    for (int i = 0; i < expr->arg_count; i++)
        if (!sqltype_is_number(expr->args[i]->type)) return false;
    return true;
}

static void note_failure(Folder *folder, const Expr *expr, const Error *failure) {
    bool decided = strcmp(failure->sqlstate, SQLSTATE_DIVISION_BY_ZERO) == 0 ||
                   strcmp(failure->sqlstate, SQLSTATE_NUMERIC_OUT_OF_RANGE) == 0;
    if (!decided || !is_arithmetic(expr) || folder->failure.sqlstate[0]) return;
    folder->failure = *failure;
    if (folder->failure.position == 0) folder->failure.position = expr->position;
}

static Expr *fold(Folder *folder, Expr *expr) {
    Binder *binder = folder->binder;
    if (expr->kind == EXPR_OR || expr->kind == EXPR_AND) return fold_logic(folder, expr);
    if (expr->kind == EXPR_CASE) return fold_case(folder, expr);
    if (expr->kind == EXPR_COALESCE) return fold_coalesce(folder, expr);
    for (int i = 0; i < expr->arg_count; i++)
        expr->args[i] = fold(folder, expr->args[i]);
    if (expr->kind == EXPR_NOT && truth(expr->args[0]) >= 0)
        return expr_bool_constant(binder->arena, !truth(expr->args[0]));
    if ((expr->kind == EXPR_IS_NULL || expr->kind == EXPR_IS_NOT_NULL) && expr_is_constant(expr->args[0]))
        return expr_bool_constant(binder->arena,
                                  expr_is_null_constant(expr->args[0]) == (expr->kind == EXPR_IS_NULL));
    if ((expr->kind == EXPR_CALL || expr->kind == EXPR_CAST) && expr->arg_count > 0 &&
        !depends_on_now(expr)) {
        Expr *folded = NULL;
        Error failure = {0};
        if (constant_fold(binder->arena, expr, &folded, &failure) != STATUS_OK)
            note_failure(folder, expr, &failure);
        else if (folded)
            return folded;
    }
    return rule_narrow(binder, expr);
}

/* True conjuncts vanish; ANDs that folding made are split again. */
static void fold_conjuncts(Folder *folder, ExprList *list) {
    ExprList kept = {0};
    for (int i = 0; i < list->count; i++) {
        list->items[i] = fold(folder, list->items[i]);
        if (truth(list->items[i]) != 0) continue;
        list->items[0] = list->items[i]; /* false decides, and nothing after it is looked at */
        list->count = 1;
    }
    for (int i = 0; i < list->count; i++) {
        ExprList parts = {0};
        expr_split_conjuncts(folder->binder->arena, list->items[i], &parts);
        for (int p = 0; p < parts.count; p++)
            if (truth(parts.items[p]) != 1) expr_list_add(folder->binder->arena, &kept, parts.items[p]);
    }
    *list = kept;
}

static void fold_call(Folder *folder, AggregateCall *call) {
    for (int a = 0; a < call->arg_count; a++)
        call->args[a] = fold(folder, call->args[a]);
    if (call->filter) call->filter = fold(folder, call->filter);
}

static void fold_window(Folder *folder, Rel *rel) {
    for (int w = 0; w < rel->window_count; w++) {
        WindowFrame *frame = &rel->windows[w].frame;
        if (!folder->read[rel->own_ids.items[w]]) continue;
        fold_call(folder, &rel->windows[w].call);
        if (frame->start_offset) frame->start_offset = fold(folder, frame->start_offset);
        if (frame->end_offset) frame->end_offset = fold(folder, frame->end_offset);
    }
    for (int k = 0; k < rel->sort_key_count; k++)
        rel->sort_keys[k].expr = fold(folder, rel->sort_keys[k].expr);
}

static void fold_rel(Folder *folder, Rel *rel) {
    const bool *read = folder->read;
    fold_conjuncts(folder, &rel->predicates);
    for (int i = 0; i < rel->exprs.count; i++)
        if (rel->kind != PLAN_PROJECT || read[rel->ids.items[i]])
            rel->exprs.items[i] = fold(folder, rel->exprs.items[i]);
    for (int c = 0; c < rel->call_count; c++)
        if (read[rel->ids.items[rel->exprs.count + c]]) fold_call(folder, &rel->calls[c]);
    if (rel->kind == PLAN_WINDOW) fold_window(folder, rel);
    for (int r = 0; r < rel->value_row_count; r++)
        for (int c = 0; c < rel->ids.count; c++)
            if (read[rel->ids.items[c]]) rel->value_rows[r][c] = fold(folder, rel->value_rows[r][c]);
    for (int f = 0; f < rel->table_call_count; f++)
        for (int a = 0; a < rel->table_calls[f].arg_count; a++)
            rel->table_calls[f].args[a] = fold(folder, rel->table_calls[f].args[a]);
    if (rel->limit) rel->limit = fold(folder, rel->limit);
    if (rel->offset) rel->offset = fold(folder, rel->offset);
    for (int i = 0; i < rel->input_count; i++)
        fold_rel(folder, rel->inputs[i]);
}

Status rule_fold(Binder *binder, Rel **root, const IdList *output, Error *err) {
    Folder folder = {.binder = binder, .read = columns_read(binder, root, output)};
    fold_rel(&folder, *root);
    if (!folder.failure.sqlstate[0]) return STATUS_OK;
    if (err) *err = folder.failure;
    return STATUS_ERROR;
}
