#include "fcgi/api/history.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "router/fingerprint.h"

enum {
    MOST_QUEUED = 8192,
    MOST_QUEUED_BYTES = 16 << 20,
    MOST_SQL_BYTES = 8192,
    BATCH_AT = 2000,
    WRITE_INTERVAL_MS = 1000,
    REGRET_INTERVAL_S = 15,
    SLOW_MS = 100
};

struct History {
    bool text, params;
    int rows_per_second;
    _Atomic int64_t full_second; /* in which as many are noted as may be */
    _Atomic uint64_t skipped;    /* without a lock */
    pthread_mutex_t store_lock;
    HistoryStore *store; /* the background's and the resources' */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    HistoryEntry *first, **last;
    int queued;
    int64_t queued_bytes;
    int64_t second; /* of the rate */
    int in_second;
    bool stopping;
    HistoryCounters counters;
    bool warned;
    unsigned long thread;
};

/* ---- noting
 * ---------------------------------------------------------------------------------------------- */

static const char *put(char **at, const char *text, size_t length) {
    if (!text) return NULL;
    char *start = *at;
    memcpy(start, text, length);
    start[length] = 0;
    *at = start + length + 1;
    return start;
}

static size_t bytes_of(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

/* One block: the entry and all its texts. */
static HistoryEntry *copy_entry(const HistoryEntry *entry, const char *params, size_t *bytes) {
    size_t sql_bytes = entry->sql ? strnlen(entry->sql, MOST_SQL_BYTES) : 0;
    while (entry->sql && sql_bytes && ((unsigned char)entry->sql[sql_bytes] & 0xC0) == 0x80)
        sql_bytes--; /* no half of a character */
    const char *const texts[] = {params,         entry->engine, entry->rule, entry->class_name,
                                 entry->origin,  entry->user,   entry->tag,  entry->request_id,
                                 entry->sqlstate};
    size_t total = sizeof *entry + sql_bytes + 1;
    for (int i = 0; i < 9; i++)
        total += bytes_of(texts[i]);
    HistoryEntry *copy = malloc(total);
    if (!copy) abort();
    *copy = *entry;
    char *at = (char *)(copy + 1);
    const char **targets[] = {&copy->params,     &copy->engine,     &copy->rule,
                              &copy->class_name, &copy->origin,     &copy->user,
                              &copy->tag,        &copy->request_id, &copy->sqlstate};
    for (int i = 0; i < 9; i++)
        *targets[i] = texts[i] ? put(&at, texts[i], strlen(texts[i])) : NULL;
    copy->sql = put(&at, entry->sql, sql_bytes);
    copy->next = NULL;
    *bytes = total;
    return copy;
}

static void append_param(StrBuf *out, const Param *param) {
    switch (param->kind) {
    case PARAM_NULL: strbuf_append_text(out, "null"); break;
    case PARAM_TEXT: strbuf_append_json(out, param->text, param->length); break;
    default: strbuf_append(out, param->text, param->length);
    }
}

void history_append_params(StrBuf *out, const Param *params, int param_count) {
    strbuf_append_char(out, '[');
    for (int i = 0; i < param_count; i++) {
        if (i) strbuf_append_char(out, ',');
        append_param(out, &params[i]);
    }
    strbuf_append_char(out, ']');
}

static bool is_special(int status, double taken_ms) {
    return status != 200 || taken_ms >= SLOW_MS;
}

bool history_skips(History *history, int status, double taken_ms, int64_t now_ns) {
    bool full = atomic_load_explicit(&history->full_second, memory_order_relaxed) == now_ns / 1000000000;
    if (!full || is_special(status, taken_ms)) return false;
    atomic_fetch_add_explicit(&history->skipped, 1, memory_order_relaxed);
    return true;
}

/* False: there are too many of them in this second, and this one is nothing special. The second is the one in
 * which it is noted: statements that ran long began in others. */
static bool admit(History *history, const HistoryEntry *entry) {
    int64_t second = clock_now_ns() / 1000000000;
    if (second != history->second) {
        history->second = second;
        history->in_second = 0;
    }
    bool special = is_special(entry->status, entry->taken_ms);
    bool room = history->queued < MOST_QUEUED && history->queued_bytes < MOST_QUEUED_BYTES;
    bool admitted = room && (special || history->in_second < history->rows_per_second);
    history->in_second += admitted;
    if (history->in_second >= history->rows_per_second)
        atomic_store_explicit(&history->full_second, second, memory_order_relaxed);
    history->counters.skipped += !admitted;
    return admitted;
}

void history_note(History *history, const HistoryEntry *entry, const Param *params, int param_count) {
    pthread_mutex_lock(&history->lock);
    bool admitted = admit(history, entry);
    pthread_mutex_unlock(&history->lock);
    if (!admitted) return;
    StrBuf text;
    strbuf_init(&text);
    if (history->params && param_count) history_append_params(&text, params, param_count);
    size_t bytes;
    bool kept = text.length && text.length <= MOST_SQL_BYTES; /* a part of them would be no JSON */
    HistoryEntry *copy = copy_entry(entry, kept ? text.data : NULL, &bytes);
    strbuf_deinit(&text);
    pthread_mutex_lock(&history->lock);
    *history->last = copy;
    history->last = &copy->next;
    history->queued_bytes += (int64_t)bytes;
    if (++history->queued == BATCH_AT) pthread_cond_signal(&history->changed);
    pthread_mutex_unlock(&history->lock);
}

/* ---- writing
 * --------------------------------------------------------------------------------------------- */

static HistoryEntry *take_all(History *history) {
    pthread_mutex_lock(&history->lock);
    HistoryEntry *entries = history->first;
    history->first = NULL;
    history->last = &history->first;
    history->queued = 0;
    history->queued_bytes = 0;
    pthread_mutex_unlock(&history->lock);
    return entries;
}

/* CREATE ROLE ... PASSWORD '...', OPTIONS (password '...'), dblink('... password=...'). */
static bool may_hold_a_secret(const char *sql) {
    return strcasestr(sql, "password") != NULL;
}

static bool hides(const History *history, const char *sql) {
    return !history->text || may_hold_a_secret(sql);
}

/* Shapes in place of texts; each in a buffer of its own until it is written. */
static StrBuf *hide_texts(const History *history, HistoryEntry *entries, int *count) {
    *count = 0;
    for (HistoryEntry *entry = entries; entry; entry = entry->next)
        ++*count;
    StrBuf *shapes = calloc((size_t)*count + 1, sizeof *shapes);
    if (!shapes) abort();
    int i = 0;
    for (HistoryEntry *entry = entries; entry; entry = entry->next, i++) {
        if (!entry->sql || !hides(history, entry->sql)) continue;
        (void)fingerprint_text(entry->sql, strlen(entry->sql), MOST_SQL_BYTES, &shapes[i]);
        entry->sql = strbuf_text(&shapes[i]);
    }
    return shapes;
}

static void note_written(History *history, uint64_t written, Status status, const Error *err) {
    pthread_mutex_lock(&history->lock);
    if (status == STATUS_OK)
        history->counters.written += written;
    else
        history->counters.failures++;
    bool warn = status != STATUS_OK && !history->warned;
    history->warned = status != STATUS_OK;
    pthread_mutex_unlock(&history->lock);
    if (warn) log_warn("history", "error=\"%s\" effect=\"statements are not noted\"", err->message);
}

static void write_queued(History *history) {
    HistoryEntry *entries = take_all(history);
    if (!entries) return;
    int count = 0;
    StrBuf *shapes = hide_texts(history, entries, &count);
    Error err = {0};
    Status status = history_store_write(history_lock(history), entries, &err);
    history_unlock(history);
    note_written(history, (uint64_t)count, status, &err);
    for (int i = 0; i < count; i++)
        strbuf_deinit(&shapes[i]);
    free(shapes);
    while (entries) {
        HistoryEntry *next = entries->next;
        free(entries);
        entries = next;
    }
}

Status history_add_difference(History *history, const HistoryDifference *difference, const Param *params,
                              int param_count, Error *err) {
    HistoryDifference kept = *difference;
    StrBuf shape, values;
    strbuf_init(&shape);
    strbuf_init(&values);
    if (hides(history, kept.sql)) {
        (void)fingerprint_text(kept.sql, strlen(kept.sql), MOST_SQL_BYTES, &shape);
        kept.sql = strbuf_text(&shape);
    }
    if (history->params && param_count) history_append_params(&values, params, param_count);
    kept.params = values.length ? strbuf_text(&values) : NULL;
    Status status = history_store_add_difference(history_lock(history), &kept, err);
    history_unlock(history);
    strbuf_deinit(&shape);
    strbuf_deinit(&values);
    return status;
}

static void measure_regret(History *history) {
    HistoryRegret regret = {.mean = 1};
    Error ignored;
    Status status = history_store_statistics(history_lock(history), 0, NULL, &regret, &ignored);
    history_unlock(history);
    pthread_mutex_lock(&history->lock);
    if (status == STATUS_OK) history->counters.regret = regret;
    pthread_mutex_unlock(&history->lock);
}

/* False once it should end. */
static bool wait_for_work(History *history) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WRITE_INTERVAL_MS / 1000;
    pthread_mutex_lock(&history->lock);
    int waited = 0;
    while (!history->stopping && history->queued < BATCH_AT && waited == 0)
        waited = pthread_cond_timedwait(&history->changed, &history->lock, &until);
    bool go_on = !history->stopping;
    pthread_mutex_unlock(&history->lock);
    return go_on;
}

static void *history_main(void *argument) {
    History *history = argument;
    pthread_setname_np(pthread_self(), "history");
    int64_t measured_ns = 0;
    bool go_on;
    do {
        go_on = wait_for_work(history);
        write_queued(history);
        int64_t now_ns = clock_now_ns();
        if (go_on && now_ns - measured_ns > (int64_t)REGRET_INTERVAL_S * 1000000000) {
            measure_regret(history);
            measured_ns = now_ns;
        }
    } while (go_on);
    return NULL;
}

/* ---- life
 * ------------------------------------------------------------------------------------------------ */

Status history_open(const HistoryOptions *options, History **out, Error *err) {
    HistoryStore *store;
    TRY(history_store_open(options->path, options->max_rows, options->max_bytes, &store, err));
    History *history = calloc(1, sizeof *history);
    if (!history) abort();
    history->text = options->text;
    history->params = options->params;
    history->rows_per_second = options->rows_per_second;
    history->store = store;
    history->last = &history->first;
    history->counters.regret.mean = 1;
    pthread_mutex_init(&history->store_lock, NULL);
    pthread_mutex_init(&history->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&history->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (thread_start(&history->thread, history_main, history, err) != STATUS_OK) {
        history_store_close(store);
        free(history);
        return STATUS_ERROR;
    }
    *out = history;
    return STATUS_OK;
}

void history_close(History *history) {
    if (!history) return;
    pthread_mutex_lock(&history->lock);
    history->stopping = true;
    pthread_cond_broadcast(&history->changed);
    pthread_mutex_unlock(&history->lock);
    pthread_join(history->thread, NULL);
    history_store_close(history->store);
    pthread_cond_destroy(&history->changed);
    pthread_mutex_destroy(&history->lock);
    pthread_mutex_destroy(&history->store_lock);
    free(history);
}

HistoryStore *history_lock(History *history) {
    pthread_mutex_lock(&history->store_lock);
    return history->store;
}

void history_unlock(History *history) {
    pthread_mutex_unlock(&history->store_lock);
}

void history_counters(History *history, HistoryCounters *out) {
    pthread_mutex_lock(&history->lock);
    *out = history->counters;
    out->skipped += atomic_load_explicit(&history->skipped, memory_order_relaxed);
    pthread_mutex_unlock(&history->lock);
}
