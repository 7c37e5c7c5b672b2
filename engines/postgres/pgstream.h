/* Runs one statement on a pooled connection and streams its rows, in bounded memory. */
#pragma once

#include "engines/postgres/pgplan.h"

typedef struct PgRun {
    PgText text;
    const Param *const *params;
    int param_count;
    bool named;           /* worth a prepared statement that stays */
    bool read_only;       /* may be sent again after a lost connection, and stopped before its end */
    bool session;         /* the connection must be reset afterwards */
    bool part_of_another; /* a scan: the execution's row limit and statistics are not about it */
    PgPlan *plan;         /* NULL for statements of our own; retained by the stream */
    const PgPiece *piece;
} PgRun;

/* Returns once the first row is here, or for statements without rows once they are done. */
Status pgstream_start(PgEngine *engine, const PgRun *run, Execution *execution, ArrowArrayStream *out,
                      Error *err);

/* "INSERT 0 5" → command "INSERT", rows_affected 5; "SELECT 3" of rows that were streamed: -1. */
void pgstream_note_command(ExecutionStats *stats, PGresult *result, bool has_rows);
/* A lost connection while a write was under way: nobody knows whether it happened. */
Status pgstream_fail_unknown(Error *err);

enum { PGSTREAM_BATCH_ROWS = 2048, PGSTREAM_BATCH_BYTES = 1 << 20 };
