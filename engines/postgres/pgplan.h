/* A statement made ready for PostgreSQL: its text with literals lifted, or its texts when it is several
 * statements.
 *
 * Const once planned (but for `runs`), shared by every execution of the same user text.
 */
#pragma once

#include "engines/estimate/row_costs.h"
#include "engines/postgres/pgengine.h"
#include "engines/postgres/pglift.h"

typedef struct PgPiece {
    PgText text;
    size_t source_start; /* byte offset in the user's text */
    const PgSplice *splices;
    int splice_count;
    const int
        *param_numbers; /* 1-based numbers of the user's parameters this piece takes, in its own order */
    int param_count;
} PgPiece;

typedef struct PgPlan {
    EnginePlan base;
    Arena arena;
    const PgPiece *pieces;
    int piece_count;
    const Param *lifted; /* after the user's parameters; only with one piece */
    int lifted_count;
    bool session;   /* may change the session's state: never on a shared connection, reset afterwards */
    bool read_only; /* may be sent twice, and stopped before its end */
    bool planned_each_time; /* by the values of this run */
    _Atomic int runs;
} PgPlan;

static inline PgPlan *pgplan_of(EnginePlan *plan) {
    return (PgPlan *)plan;
}

/* The parameters of a piece: the request's, then the lifted ones. `out` has room for pgplan_param_count(). */
static inline int pgplan_param_count(const PgPlan *plan, const PgPiece *piece) {
    return piece->param_count + plan->lifted_count;
}
void pgplan_params(const PgPlan *plan, const PgPiece *piece, const Param *given, const Param **out);
/* The request gave as many parameters as the statement has, none with a NUL character. */
Status pgplan_check_params(const PgPlan *plan, const Param *params, int param_count, Error *err);
/* Moves err->position from the piece's text to the user's. */
void pgplan_map_position(const PgPlan *plan, const PgPiece *piece, Error *err);
