/* Dependent joins made ordinary: what unnest.c (one join at a time, from the inside out), unnest_pull.c and
 * unnest_domain.c share.
 *
 * Two ways. Pulling up moves the conditions that read outer columns out of the right side into the join;
 * an aggregate on the way groups by what the condition compares. Where that is not possible the right side is
 * computed for the distinct values of the outer columns it reads (the domain, a second computation of the
 * left side), and joined by them: Neumann and Kemper, "Unnesting Arbitrary Queries". Neither computes
 * anything once per outer row.
 */
#pragma once

#include "engines/columnar/plan/logical.h"

enum { MOST_SET_GROUPS = 64 }; /* groups of GROUPING SETS: bits of a word */

typedef struct Unnest {
    Binder *binder;
    Rel **root; /* of the statement */
    Rel *left;
    const IdList *outer; /* columns of the left side that the right side reads */
    bool existence;      /* duplicates of the right side change nothing */
    bool lazy;           /* expressions that may fail are computed where the value is read */
    bool exact;          /* the right side may fail: it is computed for outer values of the left side alone */
} Unnest;

/* A comparison of a guarded, dependent right side with a constant would sink to rows that are of no outer
 * value: the guard keeps it at the join. */
void unnest_keep_comparisons(Binder *binder, Rel *join, const Expr *guard);

/* unnest_domain.c: the rows of `left` without joined columns that `ids` do not need; duplicates may go. */
Rel *unnest_without_values(Rel *left, const IdList *ids);

/* unnest_guard.c: whether computing the right side could fail, but for the expressions that give its columns
 * (those go where they are read), or `often` does; whether these could; whether it gives a row at most. */
bool unnest_may_raise(const Rel *right, bool often);
bool unnest_columns_may_raise(const Rel *right, bool often);
bool unnest_gives_one_row(const Rel *right);
/* Where the right side reads columns from further outside than `left`: what the guard says of such columns
 * becomes a condition of its rows, for it is computed for all values of them at once. *guard is the rest. */
Rel *unnest_guard_outside(Binder *binder, Rel *right, const Rel *left, Expr **guard);
/* The rows so far, or two: more are not needed to know that there are several. */
Rel *unnest_two_rows(Binder *binder, Rel *right);

/* False where the tree has a shape that conditions cannot leave; *rel is then spoiled (work on a clone). */
bool unnest_pull(Unnest *unnest, Rel **rel, ExprList *conditions);
/* inner = outer, the inner side reading columns of `rel` alone and the outer side none. *inner is its index.
 */
bool unnest_is_key(const Expr *condition, const Rel *rel, int *inner);
/* Groups `aggregate` by the inner sides too and has the conditions compare the groups; false when one is no
 * key. */
bool unnest_group_by_keys(Binder *binder, Rel *aggregate, ExprList *conditions);

/* Groups were added to every grouping set: `shift` of them in front, and the bits of all that are new. */
void unnest_widen_sets(Binder *binder, Rel *aggregate, int shift, uint64_t added);
/* Gives a row also where there are none. */
bool unnest_has_empty_set(const Rel *aggregate);

/* LIMIT and the ORDER BY below it, for every combination of `partition`'s values: rows are numbered there.
 * NULL where that cannot be written. */
Rel *unnest_limit_by(Binder *binder, const Rel *limit, const ExprList *partition);

/* *rel with a column for each of unnest->outer, in their place wherever they were read: `keys`. */
Status unnest_attach_domain(Unnest *unnest, Rel **rel, IdList *keys, Error *err);
/* An aggregate over rows that now carry `keys`: they become groups, and are what it read outer columns for.
 * *keys are then the groups' columns. */
void unnest_aggregate_by_domain(Unnest *unnest, Rel *aggregate, IdList *keys);
/* outer[i] IS NOT DISTINCT FROM keys[i] for all. */
Status unnest_match(Binder *binder, const IdList *outer, const IdList *keys, ExprList *out, Error *err);
/* What a call gives over no rows at all, where that is not NULL; else NULL. */
Expr *unnest_empty_value(Binder *binder, const AggregateCall *call, int id);
