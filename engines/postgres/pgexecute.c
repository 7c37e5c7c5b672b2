#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgsession.h"
#include "engines/postgres/pgstream.h"

enum { LONGEST_NAMED_BYTES = 16384 };

/* A statement is kept on the server when it is likely to come again: its literals are lifted, it has
 * parameters, or its very text came before. Not where the plan depends on their values: after five runs
 * PostgreSQL may settle for one that supposes ranges of some size. */
static bool worth_a_name(PgPlan *plan, const PgPiece *piece) {
    int earlier_runs = atomic_fetch_add(&plan->runs, 1);
    bool kind_repeats =
        plan->base.statement->kind == STATEMENT_READ || plan->base.statement->kind == STATEMENT_WRITE;
    bool reusable = plan->lifted_count > 0 || piece->param_count > 0 || earlier_runs > 0;
    return kind_repeats && !plan->session && !plan->planned_each_time && reusable &&
           strlen(piece->text.sql) <= LONGEST_NAMED_BYTES;
}

Status pgexecute_execute(Engine *base, EnginePlan *engine_plan, Execution *execution, ArrowArrayStream *out,
                         Error *err) {
    PgEngine *engine = pgengine_of(base);
    PgPlan *plan = pgplan_of(engine_plan);
    TRY(pgplan_check_params(plan, execution->params, execution->param_count, err));
    TRY(cancel_check(execution->cancel, err));
    if (plan->piece_count > 1) return pgsession_run(engine, plan, execution, out, err);
    const PgPiece *piece = &plan->pieces[0];
    const Param *few[32];
    int count = pgplan_param_count(plan, piece);
    const Param **params = count <= 32 ? few : malloc(sizeof *params * (size_t)count);
    if (!params) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for %d parameters", count);
    pgplan_params(plan, piece, execution->params, params);
    PgRun run = {.text = piece->text,
                 .params = params,
                 .param_count = count,
                 .named = worth_a_name(plan, piece),
                 .read_only = plan->read_only,
                 .session = plan->session,
                 .plan = plan,
                 .piece = piece};
    Status status = pgstream_start(engine, &run, execution, out, err);
    if (params != few) free(params);
    return status;
}
