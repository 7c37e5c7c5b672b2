/* GET /api/v1/history, .../statistics, .../differences; POST .../differences/{id}/resolve. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/api_internal.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"

enum { DEFAULT_LIMIT = 100, MOST_ENTRIES = 1000 };

static bool is_kept(Api *api, Exchange *exchange) {
    if (api->history) return true;
    problem_reply_text(exchange, 404,
                       "no history is kept: history.enabled is false, or its file cannot be opened");
    return false;
}

/* False: a problem was replied. `fallback` when it is not given. */
static bool read_number(Exchange *exchange, const char *name, int64_t fallback, int64_t most, int64_t *out) {
    const char *text = exchange_query_value(exchange, name);
    char *end;
    *out = fallback;
    if (!text) return true;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (text[0] && !*end && !errno && *out >= 0 && *out <= most) return true;
    Error err = {0};
    (void)!error_set(&err, SQLSTATE_INVALID_PARAMETER, "%s must be a whole number from 0 to %lld", name,
                     (long long)most);
    problem_reply(exchange, 400, &err);
    return false;
}

static bool read_fingerprint(Exchange *exchange, HistoryFilter *filter) {
    const char *text = exchange_query_value(exchange, "fingerprint");
    if (!text) return true;
    filter->by_fingerprint = true;
    filter->fingerprint = strtoull(text, NULL, 16);
    if (strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16) return true;
    Error err = {0};
    (void)!error_set(&err, SQLSTATE_INVALID_PARAMETER, "a fingerprint has 16 hexadecimal digits");
    problem_reply(exchange, 400, &err);
    return false;
}

/* Ends the exchange with what was read, or why not. */
static void reply(Exchange *exchange, Status status, StrBuf *out, const Error *err) {
    if (status == STATUS_OK) {
        api_reply_json(exchange, 200, out);
        return;
    }
    strbuf_deinit(out);
    problem_reply(exchange, 0, err);
}

void history_handle(Api *api, Exchange *exchange, char *const *arguments) {
    HistoryFilter filter = {.engine = exchange_query_value(exchange, "engine"),
                            .user = exchange_query_value(exchange, "user"),
                            .text = exchange_query_value(exchange, "q"),
                            .since = exchange_query_value(exchange, "since")};
    int64_t status_asked;
    if (!is_kept(api, exchange) || !read_fingerprint(exchange, &filter) ||
        !read_number(exchange, "limit", DEFAULT_LIMIT, MOST_ENTRIES, &filter.limit) ||
        !read_number(exchange, "offset", 0, INT32_MAX, &filter.offset) ||
        !read_number(exchange, "status", -1, 599, &status_asked))
        return;
    filter.status = (int)status_asked;
    StrBuf out;
    strbuf_init(&out);
    Error err = {0};
    Status status = history_store_list(history_lock(api->history), &filter, &out, &err);
    history_unlock(api->history);
    reply(exchange, status, &out, &err);
}

void history_statistics_handle(Api *api, Exchange *exchange, char *const *arguments) {
    int64_t limit;
    if (!is_kept(api, exchange) || !read_number(exchange, "limit", DEFAULT_LIMIT, MOST_ENTRIES, &limit))
        return;
    StrBuf out;
    strbuf_init(&out);
    Error err = {0};
    Status status = history_store_statistics(history_lock(api->history), limit, &out, NULL, &err);
    history_unlock(api->history);
    reply(exchange, status, &out, &err);
}

void history_differences_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (!is_kept(api, exchange)) return;
    const char *all = exchange_query_value(exchange, "all");
    StrBuf out;
    strbuf_init(&out);
    Error err = {0};
    bool unresolved_only = !all || strcmp(all, "true") != 0;
    Status status = history_store_list_differences(history_lock(api->history), unresolved_only, &out, &err);
    history_unlock(api->history);
    reply(exchange, status, &out, &err);
}

void history_resolve_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (!query_request_is_json(exchange) || !is_kept(api, exchange)) return;
    char *end;
    int64_t id = strtoll(arguments[0], &end, 10);
    bool found = false;
    Error err = {0};
    const char *user = api->user_parameter[0] ? exchange_parameter(exchange, api->user_parameter) : NULL;
    Status status = STATUS_OK;
    if (arguments[0][0] && !*end) {
        status = history_store_resolve(history_lock(api->history), id, user, &found, &err);
        history_unlock(api->history);
    }
    if (status == STATUS_OK && !found) {
        problem_reply_text(exchange, 404, "there is no unresolved difference of this number");
        return;
    }
    StrBuf out;
    strbuf_init(&out);
    if (status == STATUS_OK) strbuf_printf(&out, "{\"id\":%lld,\"resolved\":true}\n", (long long)id);
    reply(exchange, status, &out, &err);
}
