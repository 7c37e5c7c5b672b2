#include "engines/columnar/kernels/array_any.h"
#include "engines/columnar/plan/logical.h"

#include <stdio.h>
#include <string.h>

int binder_add_column(Binder *binder, const char *name, SqlType type, bool nullable) {
    if (binder->column_count == binder->column_capacity) {
        int capacity = binder->column_capacity ? binder->column_capacity * 2 : 64;
        ColumnInfo *grown = ARENA_NEW_ARRAY(binder->arena, ColumnInfo, capacity);
        if (binder->column_count)
            memcpy(grown, binder->columns, sizeof *grown * (size_t)binder->column_count);
        binder->columns = grown;
        binder->column_capacity = capacity;
    }
    binder->columns[binder->column_count] =
        (ColumnInfo){.name = name ? arena_strdup(binder->arena, name) : "",
                     .type = type,
                     .nullable = nullable,
                     .distinct = -1,
                     .overlap = -1,
                     .table_column = -1};
    return binder->column_count++;
}

void expr_list_add(Arena *arena, ExprList *list, Expr *expr) {
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 4;
        Expr **grown = ARENA_NEW_ARRAY(arena, Expr *, capacity);
        if (list->count) memcpy(grown, list->items, sizeof *grown * (size_t)list->count);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = expr;
}

void id_list_add(Arena *arena, IdList *list, int id) {
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 8;
        int *grown = ARENA_NEW_ARRAY(arena, int, capacity);
        if (list->count) memcpy(grown, list->items, sizeof *grown * (size_t)list->count);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = id;
}

bool id_list_has(const IdList *list, int id) {
    for (int i = 0; i < list->count; i++)
        if (list->items[i] == id) return true;
    return false;
}

/* ---- relations
 * --------------------------------------------------------------------------------------------- */

Rel *rel_new(Binder *binder, PlanKind kind, int input_count) {
    Rel *rel = ARENA_NEW(binder->arena, Rel);
    rel->kind = kind;
    rel->inputs = ARENA_NEW_ARRAY(binder->arena, Rel *, input_count > 0 ? input_count : 1);
    rel->input_count = input_count;
    rel->rows = -1;
    return rel;
}

Rel *rel_filter(Binder *binder, Rel *input, const ExprList *predicates) {
    if (predicates->count == 0) return input;
    Rel *rel = rel_new(binder, PLAN_FILTER, 1);
    rel->inputs[0] = input;
    for (int i = 0; i < predicates->count; i++)
        expr_list_add(binder->arena, &rel->predicates, predicates->items[i]);
    rel_refresh_ids(binder, rel);
    return rel;
}

Rel *rel_join(Binder *binder, JoinType type, Rel *left, Rel *right) {
    Rel *rel = rel_new(binder, PLAN_JOIN, 2);
    rel->join_type = type;
    rel->inputs[0] = left;
    rel->inputs[1] = right;
    if (type == JOIN_MARK) {
        rel_refresh_ids(binder, rel);
        id_list_add(binder->arena, &rel->ids, binder_add_column(binder, "mark", sqltype_of(SQL_BOOL), true));
    } else {
        rel_refresh_ids(binder, rel);
    }
    return rel;
}

void rel_refresh_ids(Binder *binder, Rel *rel) {
    int mark = rel->kind == PLAN_JOIN && rel->join_type == JOIN_MARK && rel->ids.count > 0
                   ? rel->ids.items[rel->ids.count - 1]
                   : -1;
    rel->ids = (IdList){0};
    bool left_only = rel->kind == PLAN_JOIN && (rel->join_type == JOIN_SEMI || rel->join_type == JOIN_ANTI ||
                                                rel->join_type == JOIN_MARK);
    int inputs = rel->kind == PLAN_JOIN && !left_only ? 2 : rel->input_count > 0 ? 1 : 0;
    for (int i = 0; i < inputs; i++)
        for (int c = 0; c < rel->inputs[i]->ids.count; c++)
            id_list_add(binder->arena, &rel->ids, rel->inputs[i]->ids.items[c]);
    if (mark >= 0) id_list_add(binder->arena, &rel->ids, mark);
    for (int c = 0; c < rel->own_ids.count; c++)
        id_list_add(binder->arena, &rel->ids, rel->own_ids.items[c]);
}

bool rel_produces(const Rel *rel, int id) {
    return id_list_has(&rel->ids, id);
}

/* ---- expressions
 * --------------------------------------------------------------------------------------------- */

Expr *expr_new(Arena *arena, ExprKind kind, SqlType type, int arg_count) {
    Expr *expr = ARENA_NEW(arena, Expr);
    expr->kind = kind;
    expr->type = type;
    expr->arg_count = arg_count;
    expr->args = arg_count > 0 ? ARENA_NEW_ARRAY(arena, Expr *, arg_count) : NULL;
    expr->column = expr->param = -1;
    return expr;
}

Expr *expr_column(Binder *binder, int id) {
    Expr *expr = expr_new(binder->arena, EXPR_COLUMN, binder->columns[id].type, 0);
    expr->declared = binder->columns[id].has_modifiers;
    expr->column = id;
    return expr;
}

Expr *expr_copy(Arena *arena, const Expr *expr) {
    Expr *copy = arena_memdup(arena, expr, sizeof *expr);
    if (expr->arg_count > 0) {
        copy->args = ARENA_NEW_ARRAY(arena, Expr *, expr->arg_count);
        for (int i = 0; i < expr->arg_count; i++)
            copy->args[i] = expr_copy(arena, expr->args[i]);
    }
    return copy;
}

Expr *expr_with_type(Arena *arena, const Expr *expr, SqlType type) {
    Expr *copy = arena_memdup(arena, expr, sizeof *expr);
    copy->type = type;
    if (expr->kind == EXPR_CONSTANT) {
        Vector *constant = arena_memdup(arena, expr->constant, sizeof *expr->constant);
        constant->type = type;
        copy->constant = constant;
    }
    return copy;
}

Expr *expr_bool_constant(Arena *arena, bool value) {
    Expr *expr = expr_new(arena, EXPR_CONSTANT, sqltype_of(SQL_BOOL), 0);
    Vector *constant = ARENA_NEW(arena, Vector);
    uint8_t byte = value;
    vector_init_constant(constant, expr->type, &byte, arena);
    expr->constant = constant;
    return expr;
}

Expr *expr_null(Arena *arena, SqlType type) {
    Expr *expr = expr_new(arena, EXPR_CONSTANT, type, 0);
    Vector *constant = ARENA_NEW(arena, Vector);
    vector_init_constant(constant, type, NULL, arena);
    expr->constant = constant;
    return expr;
}

static bool constant_equal(const Vector *a, const Vector *b) {
    bool null_a = vector_is_null(a, 0), null_b = vector_is_null(b, 0);
    if (null_a || null_b) return null_a && null_b;
    if (a->physical != b->physical) return false;
    if (a->physical == PHYS_STRING) return stringview_equals(a->values, b->values);
    return memcmp(a->values, b->values, physical_width(a->physical)) == 0;
}

/* x = ANY(y) and x < ANY(y) are calls of one kernel. */
static bool same_array_operator(const Expr *a, const Expr *b) {
    const char *name = a->function ? a->function->name : "";
    if (strcmp(name, "$any") != 0 && strcmp(name, "$all") != 0) return true;
    const ArrayOperator *left = a->bind_data, *right = b->bind_data;
    return left->function == right->function && left->bind_data == right->bind_data;
}

bool expr_equal(const Expr *a, const Expr *b) {
    if (a->kind != b->kind || !sqltype_equals(a->type, b->type) || a->arg_count != b->arg_count ||
        a->function != b->function || !same_array_operator(a, b) || a->column != b->column ||
        a->param != b->param)
        return false;
    if (a->kind == EXPR_CONSTANT && !constant_equal(a->constant, b->constant)) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

static bool marks_agree(const Expr *a, const Expr *b) {
    if (a->merged != b->merged) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!marks_agree(a->args[i], b->args[i])) return false;
    return true;
}

bool expr_written_alike(const Expr *a, const Expr *b) {
    return expr_equal(a, b) && marks_agree(a, b);
}

bool expr_is_constant(const Expr *expr) {
    return expr->kind == EXPR_CONSTANT;
}

bool expr_is_null_constant(const Expr *expr) {
    return expr->kind == EXPR_CONSTANT && vector_is_null(expr->constant, 0);
}

bool expr_is_unknown(const Expr *expr) {
    return expr->type.id == SQL_UNKNOWN && !expr->type.is_array;
}

void expr_collect_ids(Arena *arena, const Expr *expr, IdList *out) {
    if (expr->kind == EXPR_COLUMN && !id_list_has(out, expr->column)) id_list_add(arena, out, expr->column);
    for (int i = 0; i < expr->arg_count; i++)
        expr_collect_ids(arena, expr->args[i], out);
}

bool expr_reads_only(const Expr *expr, const Rel *rel) {
    if (expr->kind == EXPR_COLUMN) return rel_produces(rel, expr->column);
    for (int i = 0; i < expr->arg_count; i++)
        if (!expr_reads_only(expr->args[i], rel)) return false;
    return true;
}

bool expr_reads_any(const Expr *expr, const Rel *rel) {
    if (expr->kind == EXPR_COLUMN) return rel_produces(rel, expr->column);
    for (int i = 0; i < expr->arg_count; i++)
        if (expr_reads_any(expr->args[i], rel)) return true;
    return false;
}

bool expr_reads_nothing(const Expr *expr) {
    if (expr->kind == EXPR_COLUMN) return false;
    for (int i = 0; i < expr->arg_count; i++)
        if (!expr_reads_nothing(expr->args[i])) return false;
    return true;
}

bool expr_may_raise(const Expr *expr) {
    if ((expr->kind == EXPR_CALL || expr->kind == EXPR_CAST) && expr->function &&
        !expr->function->null_on_error) {
        /* Comparisons cannot fail whatever their flag says. */
        static const char *const SAFE[] = {"=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*"};
        bool safe = false;
        for (size_t i = 0; i < sizeof SAFE / sizeof SAFE[0]; i++)
            safe = safe || (expr->function->name && strcmp(expr->function->name, SAFE[i]) == 0);
        if (!safe) return true;
    }
    for (int i = 0; i < expr->arg_count; i++)
        if (expr_may_raise(expr->args[i])) return true;
    return false;
}

Expr *expr_substitute(Arena *arena, Expr *expr, const ColumnMap *map) {
    if (expr->kind == EXPR_COLUMN) {
        for (int i = 0; i < map->count; i++)
            if (map->from[i] == expr->column) return expr_copy(arena, map->to[i]);
        return expr;
    }
    for (int i = 0; i < expr->arg_count; i++)
        expr->args[i] = expr_substitute(arena, expr->args[i], map);
    return expr;
}

int expr_substituted_size(const Expr *expr, const ColumnMap *map) {
    int size = 1;
    for (int i = 0; map && expr->kind == EXPR_COLUMN && i < map->count; i++)
        if (map->from[i] == expr->column) return expr_substituted_size(map->to[i], NULL);
    for (int i = 0; i < expr->arg_count && size < MOST_SUBSTITUTED; i++)
        size += expr_substituted_size(expr->args[i], map);
    return size;
}

void expr_split_conjuncts(Arena *arena, Expr *expr, ExprList *out) {
    if (expr->kind != EXPR_AND) {
        expr_list_add(arena, out, expr);
        return;
    }
    for (int i = 0; i < expr->arg_count; i++)
        expr_split_conjuncts(arena, expr->args[i], out);
}

Expr *expr_and_all(Arena *arena, const ExprList *conjuncts) {
    if (conjuncts->count == 0) return NULL;
    if (conjuncts->count == 1) return conjuncts->items[0];
    Expr *expr = expr_new(arena, EXPR_AND, sqltype_of(SQL_BOOL), conjuncts->count);
    for (int i = 0; i < conjuncts->count; i++)
        expr->args[i] = conjuncts->items[i];
    return expr;
}

bool expr_is_equality(const Expr *expr) {
    return expr->kind == EXPR_CALL && expr->arg_count == 2 && expr->function->name &&
           strcmp(expr->function->name, "=") == 0;
}

/* ---- messages
 * ------------------------------------------------------------------------------------------------- */

int binder_position(const Binder *binder, int byte_offset) {
    const char *sql = binder->statement->sql;
    if (byte_offset < 0 || !sql) return 0;
    int characters = 0;
    for (size_t i = 0; i < (size_t)byte_offset && i < binder->statement->sql_length; i++)
        characters += ((unsigned char)sql[i] & 0xC0) != 0x80;
    return characters + 1;
}

Status binder_unsupported(const Binder *binder, int location, Error *err, const char *format, ...) {
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, binder_position(binder, location),
                        "%s is not available in the columnar engine", what);
}

void rel_note(Binder *binder, Rel *rel, const char *note) {
    if (rel->note && strstr(rel->note, note)) return;
    rel->note = rel->note ? arena_printf(binder->arena, "%s, %s", rel->note, note) : note;
}
