/* Expressions at run time: compiled once per execution, evaluated batch by batch.
 *
 * program_compile casts parameters, folds constants and resolves which path each node takes; the Program is
 * then read-only and shared. Each worker has an Evaluator, which holds what depends on data it has seen:
 * results over dictionaries, and the observed cost and selectivity of conjuncts.
 *
 * Only selected rows are evaluated where a function can raise, so an error appears only for rows whose value
 * PostgreSQL would compute. Results at other rows are unspecified.
 */
#pragma once

#include "engines/columnar/exec/query.h"

typedef struct Program Program;
typedef struct DictionaryCache DictionaryCache;

typedef struct Evaluator {
    Query *query;
    DictionaryCache **caches; /* by cache slot, made when first needed */
    int cache_count;
} Evaluator;

/* Programs live in the query's arena. */
Status program_compile(Query *query, const Expr *expr, Program **out, Error *err);
Status programs_compile(Query *query, Expr *const *exprs, int count, Program ***out, Error *err);
/* Whoever reads the results takes numerics in whatever form their vectors have: arithmetic may then stay in
 * 64 bits where the declared precision would not. */
void program_narrow(Program *program);
SqlType program_type(const Program *program);
/* The constant a program folded to, or NULL. */
const Vector *program_constant(const Program *program);
/* The input column when the program is just that, else -1. */
int program_column(const Program *program);

void evaluator_init(Evaluator *evaluator, Query *query);
void evaluator_deinit(Evaluator *evaluator);

/* Values of the batch's selected rows; memory is the arena's or the batch's. Encodings FLAT, CONSTANT,
 * DICTIONARY. */
Status program_evaluate(Evaluator *evaluator, const Program *program, const Batch *batch, Arena *arena,
                        Vector *out, Error *err);
/* Rows of the selection (NULL = all) for which the program is true, ascending, into out_selection (room for
 * BATCH_ROWS); returns their number in *out_count. */
Status program_filter(Evaluator *evaluator, const Program *program, const Batch *batch,
                      const uint16_t *selection, int selected, Arena *arena, uint16_t *out_selection,
                      int *out_count, Error *err);
/* Evaluation can raise an error. */
bool program_may_raise(const Program *program);

/* A list of ANDed predicates, reordered as they prove cheap and selective; what can raise stays behind the
 * others. */
typedef struct ConjunctOrder {
    int count; /* of those kept in order; conjuncts beyond 64 follow as written */
    int total;
    int order[64];
    double cost_ns[64], pass_rate[64];
    int batches;
} ConjunctOrder;
void conjunct_order_init(ConjunctOrder *order, Program *const *programs, int count);
void conjunct_order_update(ConjunctOrder *order, Program *const *programs);
Status conjuncts_filter(Evaluator *evaluator, ConjunctOrder *order, Program *const *programs,
                        const Batch *batch, const uint16_t *selection, int selected, Arena *arena,
                        uint16_t *out, int *out_count, Error *err);

/* Rows of src at the selection as FLAT values at the same rows of `out` (room for `rows`). */
void vector_flatten_selected(const Vector *src, int rows, const uint16_t *selection, int selected,
                             Vector *out, Arena *arena);
/* out row k = src row rows[k]: DICTIONARY and CONSTANT stay what they are. */
void vector_gather(const Vector *src, const uint16_t *rows, int count, Vector *out, Arena *arena);
