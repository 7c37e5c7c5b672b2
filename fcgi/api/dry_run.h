/* What a dry run finds out beyond the decision: whether names and types are right, by letting the engine
 * explain. */
#pragma once

#include "fcgi/api/query_answer.h"

/* Fails with the error that running the decided statement would begin with. Blocks (workers only); runs
 * nothing. */
Status dry_run_bind(QueryRun *run, Error *err);
