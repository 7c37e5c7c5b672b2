/* Several statements in one text: one connection from first to last, which is reset before anyone else gets
 * it. Without BEGIN or COMMIT of its own the text is one transaction, as when psql -c sends it. The rows are
 * those of the last statement that has any; they are held in memory until the last statement is done, because
 * only then is it known that they hold. */
#pragma once

#include "engines/postgres/pgstream.h"

Status pgsession_run(PgEngine *engine, PgPlan *plan, Execution *execution, ArrowArrayStream *out, Error *err);
