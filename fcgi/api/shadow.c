#include "fcgi/api/shadow.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "engines/base/log.h"
#include "fcgi/api/answers.h"

enum { MOST_QUEUED = 32, MOST_ROWS = 100000, RUNTIME_SECONDS = 60, NICE = 10, MOST_SQL_BYTES = 256 << 10 };

/* A read to be run again; owns its texts. */
typedef struct ShadowTask {
    struct ShadowTask *next;
    Arena arena;
    const char *sql;
    Param *params;
    int param_count;
    const char *source, *other; /* engines; no source: the other is tried alone, to learn what it takes */
    double limit_ms;            /* of a trial */
} ShadowTask;

struct Shadow {
    Api *api;
    uint64_t threshold;   /* of a hash of the request, so that the share is drawn without a lock */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    ShadowTask *first, **last;
    int queued;
    bool stopping;
    CancelToken *running;
    ShadowCounters counters;
    unsigned long thread;
};

/* ---- offering
 * -------------------------------------------------------------------------------------------- */

/* The next best engine, -1 = there is none. */
static int next_best(const Decision *decision) {
    int best = -1;
    for (int i = 0; i < decision->candidate_count; i++) {
        const Candidate *candidate = &decision->candidates[i];
        if (!candidate->verdict.eligible || candidate->chosen) continue;
        if (best < 0 ||
            candidate->verdict.estimate.cost_ms < decision->candidates[best].verdict.estimate.cost_ms)
            best = i;
    }
    return best;
}

static bool is_source(const Engine *engine) {
    return strcmp(engine->ops->kind, "columnar") != 0;
}

static ShadowTask *task_of(const QueryRun *run) {
    ShadowTask *task = calloc(1, sizeof *task);
    if (!task) abort();
    arena_init(&task->arena);
    task->sql = arena_strndup(&task->arena, run->body.sql, run->body.sql_bytes);
    task->params = ARENA_NEW_ARRAY(&task->arena, Param, run->body.param_count + 1);
    task->param_count = run->body.param_count;
    for (int i = 0; i < task->param_count; i++) {
        task->params[i] = run->body.params[i];
        task->params[i].text =
            arena_strndup(&task->arena, run->body.params[i].text, run->body.params[i].length);
    }
    return task;
}

static ShadowTask *comparison_of(const QueryRun *run, const Engine *other) {
    const Engine *chosen = run->decision->engine;
    bool chosen_is_source = is_source(chosen) || !is_source(other);
    ShadowTask *task = task_of(run);
    task->source = chosen_is_source ? chosen->name : other->name;
    task->other = chosen_is_source ? other->name : chosen->name;
    return task;
}

static void task_free(ShadowTask *task) {
    arena_deinit(&task->arena);
    free(task);
}

static void enqueue(Shadow *shadow, ShadowTask *task) {
    pthread_mutex_lock(&shadow->lock);
    bool room = shadow->queued < MOST_QUEUED && !shadow->stopping;
    if (room) {
        *shadow->last = task;
        shadow->last = &task->next;
        shadow->queued++;
        pthread_cond_signal(&shadow->changed);
    } else {
        shadow->counters.skipped++;
    }
    pthread_mutex_unlock(&shadow->lock);
    if (room) return;
    if (!task->source) router_explored(shadow->api->router, NULL, task->limit_ms, 0, false);
    task_free(task);
}

static void offer_trial(Shadow *shadow, const QueryRun *run) {
    double limit_ms;
    double taken_ms = (double)(clock_now_ns() - run->execute_started_ns - run->client_wait_ns) / 1e6;
    Engine *other =
        run->cut_short ? NULL : router_explore(shadow->api->router, run->decision, taken_ms, &limit_ms);
    if (!other) return;
    ShadowTask *task = task_of(run);
    task->other = other->name;
    task->limit_ms = limit_ms;
    enqueue(shadow, task);
}

void shadow_offer(Shadow *shadow, const QueryRun *run) {
    const Decision *decision = run->decision;
    if (decision->forced || run->body.as_of || run->body.sql_bytes > MOST_SQL_BYTES) return;
    uint64_t draw = hash64_u64((uint64_t)run->exchange->received_ns);
    int other =
        shadow->threshold && draw <= shadow->threshold && decision->comparable ? next_best(decision) : -1;
    if (other >= 0)
        enqueue(shadow, comparison_of(run, decision->candidates[other].engine));
    else
        offer_trial(shadow, run);
}

/* ---- running
 * --------------------------------------------------------------------------------------------- */

typedef struct Pair {
    Shadow *shadow;
    const ShadowTask *task;
    CancelToken *cancel;
    Decision *decisions[2]; /* source, other */
} Pair;

static AnswerSource source_of(const Pair *pair, int which) {
    return (AnswerSource){.router = pair->shadow->api->router,
                          .decision = pair->decisions[which],
                          .params = pair->task->params,
                          .param_count = pair->task->param_count,
                          .cancel = pair->cancel,
                          .max_rows = MOST_ROWS};
}

static void note_run(const Pair *pair, int which, const Answer *answer) {
    const Decision *decision = pair->decisions[which];
    HistoryEntry entry = {.started_us = clock_wall_us() - (int64_t)(answer->taken_ms * 1000),
                          .fingerprint = decision->fingerprint,
                          .sql = pair->task->sql,
                          .engine = decision->engine->name,
                          .rule = decision->rule,
                          .class_name = statement_class_name(decision->class),
                          .origin = "shadow",
                          .status = 200,
                          .cost_ms = -1,
                          .taken_ms = answer->truncated ? -1 : answer->taken_ms,
                          .rows = answer->count,
                          .bytes = answer->bytes_scanned};
    history_note(pair->shadow->api->history, &entry, pair->task->params, pair->task->param_count);
}

static Status decide_pair(Pair *pair, Error *err) {
    const char *const engines[] = {pair->task->source, pair->task->other};
    for (int i = 0; i < 2; i++) {
        RouteRequest request = {.sql = pair->task->sql,
                                .sql_length = strlen(pair->task->sql),
                                .engine = engines[i],
                                .params = pair->task->params,
                                .param_count = pair->task->param_count,
                                .cancel = pair->cancel};
        TRY(router_decide(pair->shadow->api->router, &request, &pair->decisions[i], NULL, err));
    }
    return STATUS_OK;
}

/* An answer that is too long is not compared: which of its rows came first is nobody's promise. */
static Status compare_once(Pair *pair, AnswerDifference *out, Error *err) {
    Answer answers[2] = {0};
    *out = (AnswerDifference){.same_rows = true};
    Status status = STATUS_OK;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        AnswerSource source = source_of(pair, i);
        status = answer_read(&source, &answers[i], err);
        if (status == STATUS_OK) note_run(pair, i, &answers[i]);
    }
    if (status == STATUS_OK && !answers[0].truncated && !answers[1].truncated)
        answer_compare(&answers[0], &answers[1], false, out);
    answer_deinit(&answers[0]);
    answer_deinit(&answers[1]);
    return status;
}

static Status append_row(Pair *pair, int which, bool has, uint64_t row, StrBuf *out, Error *err) {
    const char *name = pair->decisions[which]->engine->name;
    AnswerSource source = source_of(pair, which);
    strbuf_append_char(out, ',');
    strbuf_append_json(out, name, strlen(name));
    strbuf_append_char(out, ':');
    if (has) return answer_find_row(&source, row, out, err);
    strbuf_append_text(out, "null");
    return STATUS_OK;
}

static Status record(Pair *pair, const AnswerDifference *found, Error *err) {
    StrBuf detail;
    strbuf_init(&detail);
    strbuf_printf(&detail, "{\"row\":%lld", (long long)found->at + 1);
    Status status = append_row(pair, 0, found->left_has, found->left_row, &detail, err);
    if (status == STATUS_OK) status = append_row(pair, 1, found->right_has, found->right_row, &detail, err);
    strbuf_append_char(&detail, '}');
    HistoryDifference difference = {.fingerprint = pair->decisions[0]->fingerprint,
                                    .sql = pair->task->sql,
                                    .source = pair->task->source,
                                    .other = pair->task->other,
                                    .detail = strbuf_text(&detail)};
    if (status == STATUS_OK)
        status = history_add_difference(pair->shadow->api->history, &difference, pair->task->params,
                                        pair->task->param_count, err);
    if (status == STATUS_OK)
        log_warn("shadow.difference", "fingerprint=%016llx source=%s other=%s",
                 (unsigned long long)difference.fingerprint, difference.source, difference.other);
    strbuf_deinit(&detail);
    return status;
}

static Status run_pair(Pair *pair, bool *differs, Error *err) {
    AnswerDifference found;
    TRY(decide_pair(pair, err));
    TRY(compare_once(pair, &found, err));
    if (found.same_rows) return STATUS_OK;
    TRY(compare_once(pair, &found, err));
    if (found.same_rows) return STATUS_OK;
    *differs = true;
    return record(pair, &found, err);
}

static void count(Shadow *shadow, uint64_t *counter) {
    pthread_mutex_lock(&shadow->lock);
    ++*counter;
    pthread_mutex_unlock(&shadow->lock);
}

static void set_running(Shadow *shadow, CancelToken *cancel) {
    pthread_mutex_lock(&shadow->lock);
    shadow->running = cancel;
    if (cancel && shadow->stopping) cancel_request(cancel, CANCEL_BY_SHUTDOWN);
    pthread_mutex_unlock(&shadow->lock);
}

static void run_task(Shadow *shadow, const ShadowTask *task) {
    CancelToken cancel;
    cancel_init(&cancel, clock_now_ns() + (int64_t)RUNTIME_SECONDS * 1000000000);
    Pair pair = {.shadow = shadow, .task = task, .cancel = &cancel};
    bool differs = false;
    Error err = {0};
    set_running(shadow, &cancel);
    Status status = run_pair(&pair, &differs, &err);
    set_running(shadow, NULL);
    for (int i = 0; i < 2; i++)
        if (pair.decisions[i]) decision_release(pair.decisions[i]);
    count(shadow, status == STATUS_OK ? &shadow->counters.runs : &shadow->counters.skipped);
    if (status != STATUS_OK) log_debug("shadow", "sqlstate=%s error=\"%s\"", err.sqlstate, err.message);
    if (!differs) return;
    count(shadow, &shadow->counters.differences);
    shadow_take_quarantine(shadow->api);
}

/* What it takes, stopped where it is no better than what was chosen. */
static void run_trial(Shadow *shadow, const ShadowTask *task) {
    CancelToken cancel;
    Answer answer = {0};
    Decision *decision = NULL;
    Error err = {0};
    cancel_init(&cancel, clock_now_ns() + (int64_t)RUNTIME_SECONDS * 1000000000);
    set_running(shadow, &cancel);
    RouteRequest request = {.sql = task->sql,
                            .sql_length = strlen(task->sql),
                            .engine = task->other,
                            .params = task->params,
                            .param_count = task->param_count,
                            .cancel = &cancel};
    Status status = router_decide(shadow->api->router, &request, &decision, NULL, &err);
    int64_t start_ns = clock_now_ns();
    cancel_lower_deadline(&cancel, start_ns + (int64_t)(task->limit_ms * 1e6));
    AnswerSource source = {.router = shadow->api->router,
                           .decision = decision,
                           .params = task->params,
                           .param_count = task->param_count,
                           .cancel = &cancel,
                           .max_rows = MOST_ROWS};
    if (status == STATUS_OK) status = answer_read(&source, &answer, &err);
    double spent_ms = (double)(clock_now_ns() - start_ns) / 1e6;
    set_running(shadow, NULL);
    router_explored(shadow->api->router, decision, task->limit_ms, spent_ms,
                    status != STATUS_OK && spent_ms >= task->limit_ms);
    answer_deinit(&answer);
    if (decision) decision_release(decision);
    count(shadow, &shadow->counters.trials);
}

static bool is_loaded(const Shadow *shadow) {
    ServerCounters counters = {0};
    if (!shadow->api->server) return false;
    server_counters(shadow->api->server, &counters);
    return counters.tasks_queued > 0 || counters.workers_busy * 2 > counters.workers;
}

/* NULL when it should end. */
static ShadowTask *await_task(Shadow *shadow) {
    pthread_mutex_lock(&shadow->lock);
    while (!shadow->first && !shadow->stopping)
        pthread_cond_wait(&shadow->changed, &shadow->lock);
    ShadowTask *task = shadow->stopping ? NULL : shadow->first;
    if (task) {
        shadow->first = task->next;
        if (!shadow->first) shadow->last = &shadow->first;
        shadow->queued--;
    }
    pthread_mutex_unlock(&shadow->lock);
    return task;
}

static void *shadow_main(void *argument) {
    Shadow *shadow = argument;
    pthread_setname_np(pthread_self(), "shadow");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    for (ShadowTask *task; (task = await_task(shadow)); task_free(task)) {
        if (is_loaded(shadow)) {
            count(shadow, &shadow->counters.skipped);
            if (!task->source) router_explored(shadow->api->router, NULL, task->limit_ms, 0, false);
        } else if (task->source) {
            run_task(shadow, task);
        } else {
            run_trial(shadow, task);
        }
    }
    return NULL;
}

/* ---- life
 * ------------------------------------------------------------------------------------------------ */

Status shadow_open(Api *api, double share, Shadow **out, Error *err) {
    Shadow *shadow = calloc(1, sizeof *shadow);
    if (!shadow) abort();
    shadow->api = api;
    shadow->threshold = share <= 0 ? 0 : share >= 1 ? UINT64_MAX : (uint64_t)(share * 18446744073709551615.0);
    shadow->last = &shadow->first;
    pthread_mutex_init(&shadow->lock, NULL);
    pthread_cond_init(&shadow->changed, NULL);
    if (thread_start(&shadow->thread, shadow_main, shadow, err) != STATUS_OK) {
        free(shadow);
        return STATUS_ERROR;
    }
    *out = shadow;
    return STATUS_OK;
}

void shadow_close(Shadow *shadow) {
    if (!shadow) return;
    pthread_mutex_lock(&shadow->lock);
    shadow->stopping = true;
    if (shadow->running) cancel_request(shadow->running, CANCEL_BY_SHUTDOWN);
    pthread_cond_broadcast(&shadow->changed);
    pthread_mutex_unlock(&shadow->lock);
    pthread_join(shadow->thread, NULL);
    while (shadow->first) {
        ShadowTask *next = shadow->first->next;
        task_free(shadow->first);
        shadow->first = next;
    }
    pthread_cond_destroy(&shadow->changed);
    pthread_mutex_destroy(&shadow->lock);
    free(shadow);
}

void shadow_counters(Shadow *shadow, ShadowCounters *out) {
    pthread_mutex_lock(&shadow->lock);
    *out = shadow->counters;
    pthread_mutex_unlock(&shadow->lock);
}

void shadow_take_quarantine(Api *api) {
    if (!api->history) return;
    uint64_t *fingerprints;
    int count_of_shapes;
    Error err;
    Status status =
        history_store_quarantined(history_lock(api->history), &fingerprints, &count_of_shapes, &err);
    history_unlock(api->history);
    if (status == STATUS_OK) router_set_quarantine(api->router, fingerprints, count_of_shapes);
    free(fingerprints);
}
