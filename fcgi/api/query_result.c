#include "fcgi/api/query_result.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "fcgi/api/decision_json.h"
#include "router/result_key.h"

enum {
    MOST_ENTERS = 3,
    LOOP_BYTES = 256 << 10, /* of an answer that a loop unpacks */
    MOST_CLIENT_WAIT_MS = 50
};

/* Of one statement that may be kept. */
typedef struct QueryResult {
    ResultCache *cache;
    const Decision *decision;
    StrBuf key;
    StrBuf before, after, read; /* markers */
    size_t own_bytes;           /* of the chosen engine's in `before` */
    ResultAnswer answer;        /* what goes out */
    ResultFlight *flight;
    bool taking, whole;
    bool kept;
} QueryResult;

static void count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- which statement -------------------------------------------------------------------------------------
 */

static bool params_are_fixed(const QueryBody *body) {
    for (int i = 0; i < body->param_count; i++)
        if (body->params[i].kind == PARAM_TEXT &&
            result_key_names_clock(body->params[i].text, body->params[i].length))
            return false;
    return true;
}

static void append_text(StrBuf *out, const char *text) {
    strbuf_append(out, text, strlen(text) + 1);
}

static void append_key(const QueryRun *run, const ResultCache *cache, StrBuf *out) {
    const Decision *decision = run->decision;
    uint64_t build = result_cache_build(cache);
    strbuf_append(out, &build, sizeof build);
    strbuf_append_char(out, (char)run->format);
    strbuf_append_char(out, (char)run->body.big_numbers_as_strings);
    const char *accept = exchange_parameter(run->exchange, "HTTP_ACCEPT");
    append_text(out, run->exchange->query); /* what else they say of the format */
    append_text(out, accept ? accept : "");
    append_text(out, decision->engine->name);
    uint32_t param_count = (uint32_t)run->body.param_count;
    strbuf_append(out, &param_count, sizeof param_count);
    for (int i = 0; i < run->body.param_count; i++) {
        const Param *param = &run->body.params[i];
        uint64_t length = param->kind == PARAM_NULL ? 0 : param->length;
        strbuf_append_char(out, (char)param->kind);
        strbuf_append(out, &length, sizeof length);
        if (length) strbuf_append(out, param->text, length);
    }
    strbuf_append(out, decision->result_key, decision->result_key_bytes);
}

/* Short statements of the fast lane take no longer than looking. */
static QueryResult *result_of(QueryRun *run) {
    ResultCache *cache = run->api->results;
    const Decision *decision = run->decision;
    if (run->result) return run->result;
    bool wanted = cache && run->body.cache && !run->body.dry_run;
    if (!wanted || !decision->result_key || decision->plan->fast_lane || !params_are_fixed(&run->body))
        return NULL;
    QueryResult *result = calloc(1, sizeof *result);
    if (!result) abort();
    result->cache = cache;
    result->decision = decision;
    append_key(run, cache, &result->key);
    run->result = result;
    return result;
}

void query_result_end(QueryRun *run) {
    QueryResult *result = run->result;
    if (!result) return;
    run->result = NULL;
    if (result->flight) result_flight_leave(result->flight, result->kept);
    result_answer_deinit(&result->answer);
    strbuf_deinit(&result->key);
    strbuf_deinit(&result->before);
    strbuf_deinit(&result->after);
    strbuf_deinit(&result->read);
    free(result);
}

/* ---- hits ------------------------------------------------------------------------------------------------
 */

/* What the request's max_rows would cut is no hit: the rest of the document would say otherwise. */
static bool find(QueryRun *run, QueryResult *result, size_t most_bytes, StrBuf *body) {
    ResultAnswer answer;
    bool found = result_cache_find(result->cache, &result->key, &result->before, most_bytes, &answer) &&
                 answer.rows <= run->max_rows;
    if (found) {
        run->from_cache = true;
        run->kept_rows = answer.rows;
        strbuf_reset(body);
        strbuf_append(body, answer.head.data, answer.head.length);
        if (run->format == ROWFORMAT_JSON || run->format == ROWFORMAT_COMPACT)
            query_answer_append_tail(body, run);
        strbuf_append(body, answer.tail.data, answer.tail.length);
        count(&result_cache_counters(result->cache)->hits);
    }
    result_answer_deinit(&answer);
    return found;
}

bool query_result_at_once(QueryRun *run, StrBuf *body) {
    QueryResult *result = result_of(run);
    if (!result) return false;
    MarkerAnswer marker =
        decision_read_marker(result->decision, false, false, NULL, &result->before, &result->own_bytes);
    bool found = marker == MARKER_KNOWN && find(run, result, LOOP_BYTES, body);
    if (found || marker == MARKER_NONE) query_result_end(run);
    return found;
}

/* Asking a server what it has changed takes a round trip, twice. */
static bool read_marker_before(const QueryRun *run, QueryResult *result) {
    CancelToken *cancel = &run->exchange->cancel;
    MarkerAnswer marker =
        decision_read_marker(result->decision, false, false, cancel, &result->before, &result->own_bytes);
    if (marker != MARKER_WAITS) return marker == MARKER_KNOWN;
    double cost_ms = decision_estimate(run->decision)->cost_ms;
    if (cost_ms < result_cache_options(result->cache)->min_wait_cost_ms) return false;
    return decision_read_marker(result->decision, true, false, cancel, &result->before, &result->own_bytes) ==
           MARKER_KNOWN;
}

/* False: no marker tells, so the answer is not kept either. */
static bool look(QueryRun *run, QueryResult *result, StrBuf *body, bool *found) {
    *found = false;
    if (!read_marker_before(run, result)) return false;
    *found = find(run, result, SIZE_MAX, body);
    return true;
}

static Status take_off(QueryRun *run, QueryResult *result, FlightRole *role, Error *err) {
    uint64_t hash = hash64_bytes(result->key.data, result->key.length, 0);
    TRY(result_flights_enter(result_cache_flights(result->cache), hash, &run->exchange->cancel,
                             &result->flight, role, err));
    if (*role != FLIGHT_LEADS) count(&result_cache_counters(result->cache)->joined);
    return STATUS_OK;
}

Status query_result_serve(QueryRun *run, StrBuf *body, bool *found, Error *err) {
    QueryResult *result = result_of(run);
    *found = false;
    if (!result) return STATUS_OK;
    if (!look(run, result, body, found)) {
        query_result_end(run);
        return STATUS_OK;
    }
    for (int i = 0; i < MOST_ENTERS && !*found && !result->flight; i++) {
        FlightRole role;
        TRY(take_off(run, result, &role, err));
        if (role == FLIGHT_LEADS || role == FLIGHT_LOST) break;
        if (!look(run, result, body, found)) break;
        if (result->flight && !*found) result_flight_let_others(result->flight);
    }
    result->kept = *found;
    if (*found) {
        query_result_end(run);
        return STATUS_OK;
    }
    count(&result_cache_counters(result->cache)->misses);
    result->taking = true;
    return STATUS_OK;
}

/* ---- keeping ---------------------------------------------------------------------------------------------
 */

StrBuf *query_result_marker(QueryRun *run) {
    QueryResult *result = run->result;
    if (!result || !result->taking) return NULL;
    strbuf_reset(&result->read); /* the run begins anew, and so does what goes out */
    strbuf_reset(&result->answer.head);
    strbuf_reset(&result->answer.tail);
    result->whole = false;
    return &result->read;
}

static bool take_bytes(QueryResult *result, const char *data, size_t bytes) {
    StrBuf *head = &result->answer.head;
    size_t most = (size_t)result_cache_options(result->cache)->max_entry_bytes;
    if (bytes > most || head->length > most - bytes) {
        strbuf_deinit(head);
        result->taking = false;
        return false;
    }
    strbuf_append(head, data, bytes);
    return true;
}

void query_result_take(QueryRun *run, const StrBuf *piece) {
    QueryResult *result = run->result;
    if (!result) return;
    if (result->taking && !result->whole) (void)take_bytes(result, piece->data, piece->length);
    if (result->flight && run->client_wait_ns > (int64_t)MOST_CLIENT_WAIT_MS * 1000000) {
        result_flight_leave(result->flight, false); /* nobody waits for a slow client of another */
        result->flight = NULL;
    }
}

void query_result_take_end(QueryRun *run, const StrBuf *buf, size_t end_at, const StrBuf *members) {
    QueryResult *result = run->result;
    if (!result || !result->taking) return;
    size_t split = buf->length;
    size_t member_bytes = members ? members->length : 0;
    if (member_bytes) {
        const char *found = memmem(buf->data + end_at, buf->length - end_at, members->data, members->length);
        if (!found) {
            result->taking = false;
            return;
        }
        split = (size_t)(found - buf->data);
    }
    if (!take_bytes(result, buf->data, split)) return;
    size_t after = split + member_bytes;
    strbuf_append(&result->answer.tail, buf->data + after, buf->length - after);
    result->whole = true;
}

/* The run read what was asked for before it, and nothing has changed since. */
static bool is_unchanged(QueryRun *run, QueryResult *result) {
    size_t own_bytes;
    if (result->read.length) {
        const char *name_end = memchr(result->before.data, 0, result->before.length);
        size_t name_bytes = name_end ? (size_t)(name_end - result->before.data) + 1 : 0;
        if (result->own_bytes - name_bytes != result->read.length ||
            memcmp(result->before.data + name_bytes, result->read.data, result->read.length) != 0)
            return false;
    }
    return decision_read_marker(result->decision, true, true, &run->exchange->cancel, &result->after,
                                &own_bytes) == MARKER_KNOWN &&
           result->after.length == result->before.length &&
           memcmp(result->after.data, result->before.data, result->after.length) == 0;
}

void query_result_keep(QueryRun *run, int64_t rows) {
    QueryResult *result = run->result;
    if (!result || !result->taking || !result->whole || run->cut_short || run->is_write) return;
    if (!is_unchanged(run, result)) return;
    result->answer.rows = rows;
    result->kept = result_cache_keep(result->cache, &result->key, &result->before, &result->answer);
}

/* ---- for people ------------------------------------------------------------------------------------------
 */

void query_result_append_status(StrBuf *out, Api *api) {
    if (!api->results) {
        strbuf_append_text(out, "null");
        return;
    }
    ResultStoreUse use;
    result_cache_use(api->results, &use);
    const ResultCounters *counters = result_cache_counters(api->results);
    strbuf_printf(out,
                  "{\"hits\":%llu,\"misses\":%llu,\"stale\":%llu,\"stored\":%llu,\"joined\":%llu,"
                  "\"entries\":%lld,\"bytes\":%lld,\"capacity\":%lld}",
                  (unsigned long long)counters->hits, (unsigned long long)counters->misses,
                  (unsigned long long)counters->stale, (unsigned long long)counters->stored,
                  (unsigned long long)counters->joined, (long long)use.entries, (long long)use.bytes,
                  (long long)use.capacity);
}
