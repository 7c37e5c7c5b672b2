/* What the files of the evaluator share: compiled nodes and the context of one evaluation. */
#pragma once

#include "engines/columnar/exec/expression.h"
#include "engines/columnar/exec/rows.h"

typedef enum CompareOp {
    COMPARE_NONE,
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
} CompareOp;

/* The constants of an IN list. */
typedef struct InSet {
    KeyLayout layout;
    uint64_t *keys;
    uint32_t *slots; /* key number + 1, 0 = free */
    uint32_t mask;
    bool has_null;
} InSet;

typedef struct ExprNode {
    ExprKind kind;
    SqlType type;
    int position;
    struct ExprNode **args;
    int arg_count;
    int column;
    bool is_constant;
    Vector constant;
    const ScalarFunction *function;
    const void *bind_data;
    int cache_slot;
    bool may_raise;
    bool narrow;     /* whoever reads the result takes it in any numeric form */
    uint8_t compare; /* CompareOp: args[0] against the constant args[1], natively */
    int64_t compare_i64;
    double compare_f64;
    InSet *set;
} ExprNode;

struct Program {
    ExprNode *root;
};

typedef struct EvalContext {
    Evaluator *evaluator;
    const Batch *batch;
    Arena *arena;
} EvalContext;

/* Results over dictionaries, the last few. */
enum { DICTIONARY_CACHE_ENTRIES = 4, DICTIONARY_LIFT_LIMIT = 65536 };
typedef struct DictionaryResult {
    uint64_t dictionary_id;
    uint64_t result_id;
    Vector result; /* FLAT */
    Arena arena;
} DictionaryResult;
struct DictionaryCache {
    DictionaryResult entries[DICTIONARY_CACHE_ENTRIES];
    int next;
};

Status expr_evaluate(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                     Vector *out, Error *err);
Status expr_filter(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                   uint16_t *out, int *count, Error *err);
/* expr_lazy.c: AND, OR, CASE, COALESCE, NULLIF and the tests for NULL and truth. */
Status expr_evaluate_lazy(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                          Vector *out, Error *err);
Status in_set_build(Query *query, const ExprNode *node, InSet **out, Error *err);
Status in_set_evaluate(const ExprNode *node, const Vector *arg, int rows, const uint16_t *selection,
                       int selected, Vector *out, Arena *arena);
/* filter_compare.c: false when this shape has no fast path. */
bool compare_filter(const ExprNode *node, const Vector *arg, const uint16_t *selection, int selected,
                    uint16_t *out, int *count);
void compare_resolve(ExprNode *node);

static inline int selection_row(const uint16_t *selection, int k) {
    return selection ? selection[k] : k;
}
static inline bool vector_bool_is_true(const Vector *vector, int row) {
    if (vector_is_null(vector, row)) return false;
    return ((const uint8_t *)vector->values)[vector->encoding == VECTOR_CONSTANT ? 0 : row];
}
