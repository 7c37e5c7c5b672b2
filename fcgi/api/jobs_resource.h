/* What the jobs' resources share. */
#pragma once

#include "fcgi/api/api_internal.h"
#include "fcgi/jobs/jobs.h"

/* False: 404 was replied. */
bool jobs_are_kept(Api *api, Exchange *exchange);
/* False: an answer was given. The job is in the exchange's arena. */
bool jobs_find(Api *api, Exchange *exchange, const char *id, Job *out);
/* As the proxy names them, "" = nobody in particular. In the exchange's arena. */
const char *jobs_user_of(Api *api, Exchange *exchange);
/* A problem document, with Retry-After when the queue is full. */
void jobs_reply_error(Api *api, Exchange *exchange, const Error *err);
/* 202 */
void jobs_reply_ticket(Exchange *exchange, const JobTicket *ticket);
/* What was asked for, 0 = nothing, within what there is. */
int64_t jobs_limited_ms(double wanted_seconds, int most_seconds);
