/* Whose turn it is.
 *
 * Jobs of one user and one priority form a line, served in order. Of the lines the one with the highest level
 * goes first: its priority (5 before 1), one more for each `aging_us` that its head has waited since it came,
 * or since this line was last served, so that a line that is served does not age and no line starves. Among
 * lines of one level the user with the fewest running jobs goes first, then the one served longest ago. */
#pragma once

#include "fcgi/jobs/job_store.h"

/* Inside a transaction. 0 = nothing is queued. */
Status job_queue_next(JobStore *store, int64_t now_us, int64_t aging_us, int64_t *number, Error *err);
/* Notes that a line was served. */
Status job_queue_note_turn(JobStore *store, const char *user, int priority, int64_t now_us, Error *err);
/* Where a queued job stands among all by priority and age alone, 1 = first. Between lock and unlock. */
Status job_queue_position(JobStore *store, int64_t number, int priority, int64_t *out, Error *err);
Status job_queue_length(JobStore *store, int64_t *out, Error *err);
