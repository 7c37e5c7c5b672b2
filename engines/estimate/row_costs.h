/* What a statement will cost a row store: a server that keeps rows in pages and finds them by B-trees. Rough,
 * but of the right size, so that the router can tell a lookup from a scan, and a short range from a long one.
 *
 * An engine fills RowCosts with what things take on its server and calls row_cost_estimate.
 */
#pragma once

#include <pg_query/pg_query.pb-c.h>

#include "engines/engine.h"

/* In milliseconds, with warm caches. */
typedef struct RowCosts {
    double latency;     /* a round trip that does nothing */
    double planning;    /* per table, of what is not prepared for good */
    double scanned_row; /* of a scan from end to end; */
    double condition;   /* more for each condition it is held against */
    double page;
    double descent;     /* of an index, to the first entry */
    double index_row;   /* an entry, and its row on a page that is at hand */
    double random_page; /* met through an index */
    double hashed_row, probed_row, sorted_row, grouped_row, summed_row;
    double sent_row, sent_byte;
    double page_bytes;
    double parallel_pages, workers_start, workers_share; /* tables of so many pages are scanned by several
                                                            processes: how long they take to begin, and how
                                                            many times faster they are. 0 = never */
} RowCosts;

/* How a statement's tables are reached, from keys and conditions. */
typedef struct RowWork {
    bool unique_lookup;   /* at most one row per table key: one table, a unique key held equal to constants */
    bool plain;           /* no function that may wait, no sub-select, no lock: its time is its rows' */
    double inserted_rows; /* of INSERT ... VALUES, 0 = it is none */
    bool joins_ranges;    /* several tables and a range: how long that is decides how they are best joined */
    EngineEstimate estimate;
} RowWork;

/* Of the statement's own tree: `root` is what it does. */
RowWork row_cost_estimate(const Statement *statement, const PgQuery__Node *root, const RowCosts *costs);
