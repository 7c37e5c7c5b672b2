/* The right to stop a statement: one token per statement, shared by whoever may stop it (the client that
 * leaves, a deadline, DELETE on a job) and everything that works for it. Reading is one relaxed load, cheap
 * enough for every morsel. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engines/base/error.h"

typedef enum CancelReason {
    CANCEL_NONE,
    CANCEL_BY_USER,
    CANCEL_BY_CLIENT_GONE,
    CANCEL_BY_SHUTDOWN,
    CANCEL_BY_DEADLINE,
    CANCEL_BY_ENGINE_LOST /* what runs it does not answer any more: another engine may */
} CancelReason;

typedef struct CancelToken {
    _Atomic int reason;
    _Atomic int64_t deadline_ns; /* clock_now_ns() time, 0 = none */
    struct CancelToken *parent;  /* its cancellation is this one's, too; may be NULL, outlives this one */
} CancelToken;

void cancel_init(CancelToken *token, int64_t deadline_ns);
/* Brings the deadline forward, never back; from any thread. */
void cancel_lower_deadline(CancelToken *token, int64_t deadline_ns);
int64_t cancel_deadline_ns(const CancelToken *token);
bool cancel_is_overdue(const CancelToken *token, int64_t now_ns);
/* From any thread, any number of times; the first reason stays. */
void cancel_request(CancelToken *token, CancelReason reason);
/* True once cancelled or past the deadline. `token` may be NULL (never cancelled). */
bool cancel_is_requested(CancelToken *token);
/* STATUS_ERROR with 57014 (and a message that names the reason) once cancelled. */
Status cancel_check(CancelToken *token, Error *err);

/* The token of what this thread works on, for calls that are handed none: planning. Gives back the one
 * before, to be put back. */
CancelToken *cancel_swap_current(CancelToken *token);
CancelToken *cancel_current(void); /* may be NULL */
