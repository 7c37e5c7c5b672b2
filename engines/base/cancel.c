#include "engines/base/cancel.h"

#include "engines/base/clock.h"

void cancel_init(CancelToken *token, int64_t deadline_ns) {
    atomic_init(&token->reason, CANCEL_NONE);
    atomic_init(&token->deadline_ns, deadline_ns);
    token->parent = NULL;
}

void cancel_lower_deadline(CancelToken *token, int64_t deadline_ns) {
    int64_t known_ns = atomic_load_explicit(&token->deadline_ns, memory_order_relaxed);
    while ((!known_ns || deadline_ns < known_ns) &&
           !atomic_compare_exchange_weak_explicit(&token->deadline_ns, &known_ns, deadline_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

int64_t cancel_deadline_ns(const CancelToken *token) {
    return atomic_load_explicit(&token->deadline_ns, memory_order_relaxed);
}

bool cancel_is_overdue(const CancelToken *token, int64_t now_ns) {
    int64_t deadline_ns = cancel_deadline_ns(token);
    return deadline_ns && now_ns >= deadline_ns;
}

void cancel_request(CancelToken *token, CancelReason reason) {
    int none = CANCEL_NONE;
    atomic_compare_exchange_strong(&token->reason, &none, reason);
}

bool cancel_is_requested(CancelToken *token) {
    if (!token) return false;
    if (atomic_load_explicit(&token->reason, memory_order_relaxed) != CANCEL_NONE) return true;
    if (token->parent && cancel_is_requested(token->parent)) {
        cancel_request(token, (CancelReason)atomic_load(&token->parent->reason));
        return true;
    }
    if (!cancel_deadline_ns(token) || !cancel_is_overdue(token, clock_now_ns())) return false;
    cancel_request(token, CANCEL_BY_DEADLINE);
    return true;
}

Status cancel_check(CancelToken *token, Error *err) {
    if (!cancel_is_requested(token)) return STATUS_OK;
    switch ((CancelReason)atomic_load(&token->reason)) {
    case CANCEL_BY_DEADLINE:
        return error_set(err, SQLSTATE_QUERY_CANCELED,
                         "the statement ran longer than its limit and was cancelled");
    case CANCEL_BY_CLIENT_GONE:
        return error_set(err, SQLSTATE_QUERY_CANCELED, "the client left and the statement was cancelled");
    case CANCEL_BY_ENGINE_LOST:
        return error_set(err, SQLSTATE_CONNECTION_FAILURE, "the engine does not answer any more");
    case CANCEL_BY_SHUTDOWN:
        return error_set(err, "57P01", "the server is shutting down and the statement was cancelled");
    default: return error_set(err, SQLSTATE_QUERY_CANCELED, "the statement was cancelled by request");
    }
}

static _Thread_local CancelToken *current_token;

CancelToken *cancel_swap_current(CancelToken *token) {
    CancelToken *before = current_token;
    current_token = token;
    return before;
}

CancelToken *cancel_current(void) {
    return current_token;
}
