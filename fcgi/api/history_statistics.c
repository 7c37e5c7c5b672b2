/* Statistics by shape, and regret: how much longer statements took than on the best engine known for them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/api/history_internal.h"

enum { NEWEST = 50000, ENGINES = 8, ENGINE_BYTES = 64, SHAPES = 1000 };

/* One engine's runs of a shape, ascending by time in `times` from `first`. */
typedef struct EngineRuns {
    char engine[ENGINE_BYTES];
    int first, count;
    int asked; /* by users, not by shadow runs or comparisons */
} EngineRuns;

typedef struct Shape {
    uint64_t fingerprint;
    int asked;
    double total_ms, p50, p95, regret; /* regret < 0: one engine alone has run it */
    EngineRuns engines[ENGINES];
    double medians[ENGINES];
    int engine_count;
} Shape;

typedef struct Summary {
    Shape *shapes; /* at most SHAPES, those that took longest */
    int shape_count;
    double *times, *asked_times; /* of the shape being read */
    int time_count;
    bool *asked_flags;
    Shape current;
    double log_regret;
    HistoryRegret regret;
} Summary;

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(const double *sorted, int count, double share) {
    return count ? sorted[(int)(share * (double)(count - 1) + 0.5)] : 0;
}

static void keep_shape(Summary *summary) {
    Shape *shapes = summary->shapes, *slot;
    if (summary->shape_count < SHAPES) {
        slot = &shapes[summary->shape_count++];
    } else {
        slot = shapes;
        for (int i = 1; i < SHAPES; i++)
            if (shapes[i].total_ms < slot->total_ms) slot = &shapes[i];
        if (slot->total_ms >= summary->current.total_ms) return;
    }
    *slot = summary->current;
}

static void finish_shape(Summary *summary) {
    Shape *shape = &summary->current;
    int asked = 0;
    double best = INFINITY, log_sum = 0;
    for (int i = 0; i < shape->engine_count; i++) {
        shape->medians[i] = quantile(summary->times + shape->engines[i].first, shape->engines[i].count, 0.5);
        if (shape->medians[i] < best) best = shape->medians[i];
    }
    for (int i = 0; i < summary->time_count; i++) {
        if (!summary->asked_flags[i]) continue;
        double ratio = best > 0 ? summary->times[i] / best : 1;
        log_sum += ratio > 1 ? log(ratio) : 0;
        shape->total_ms += summary->times[i];
        summary->asked_times[asked++] = summary->times[i];
    }
    summary->regret.seen += asked;
    if (!asked) return;
    qsort(summary->asked_times, (size_t)asked, sizeof(double), compare_doubles);
    shape->asked = asked;
    shape->p50 = quantile(summary->asked_times, asked, 0.5);
    shape->p95 = quantile(summary->asked_times, asked, 0.95);
    shape->regret = shape->engine_count > 1 ? exp(log_sum / asked) : -1;
    if (shape->engine_count > 1) {
        summary->regret.compared += asked;
        summary->log_regret += log_sum;
    }
    keep_shape(summary);
}

static void add_run(Summary *summary, uint64_t fingerprint, const char *engine, double taken_ms, bool asked) {
    Shape *shape = &summary->current;
    if (shape->fingerprint != fingerprint || !shape->engine_count) {
        if (shape->engine_count) finish_shape(summary);
        *shape = (Shape){.fingerprint = fingerprint};
        summary->time_count = 0;
    }
    EngineRuns *runs = shape->engine_count ? &shape->engines[shape->engine_count - 1] : NULL;
    if (!runs || strcmp(runs->engine, engine) != 0) {
        if (shape->engine_count == ENGINES) return;
        runs = &shape->engines[shape->engine_count++];
        *runs = (EngineRuns){.first = summary->time_count};
        strncpy(runs->engine, engine, ENGINE_BYTES - 1);
    }
    summary->times[summary->time_count] = taken_ms;
    summary->asked_flags[summary->time_count++] = asked;
    runs->count++;
    runs->asked += asked;
}

static Status read_runs(HistoryStore *store, Summary *summary, Error *err) {
    sqlite3_stmt *statement;
    TRY(history_prepare(store,
                        "SELECT fingerprint, engine, taken_ms, origin = 'query' FROM"
                        " (SELECT * FROM history WHERE status = 200 AND taken_ms IS NOT NULL AND engine"
                        " IS NOT NULL AND cut_short IS NOT 1 ORDER BY id DESC LIMIT ?1) ORDER BY "
                        "fingerprint, engine, taken_ms",
                        &statement, err));
    sqlite3_bind_int(statement, 1, NEWEST);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        add_run(summary, (uint64_t)sqlite3_column_int64(statement, 0),
                (const char *)sqlite3_column_text(statement, 1), sqlite3_column_double(statement, 2),
                sqlite3_column_int(statement, 3));
    sqlite3_finalize(statement);
    if (summary->current.engine_count) finish_shape(summary);
    if (code != SQLITE_DONE) return history_error(store, "read", err);
    HistoryRegret *regret = &summary->regret;
    regret->mean = regret->compared ? exp(summary->log_regret / (double)regret->compared) : 1;
    return STATUS_OK;
}

static int longer_first(const void *a, const void *b) {
    return compare_doubles(&((const Shape *)b)->total_ms, &((const Shape *)a)->total_ms);
}

static void append_sample(HistoryStore *store, uint64_t fingerprint, StrBuf *out) {
    sqlite3_stmt *statement;
    Error ignored;
    if (history_prepare(store, "SELECT sql FROM history WHERE fingerprint = ?1 ORDER BY id DESC LIMIT 1",
                        &statement, &ignored) != STATUS_OK) {
        strbuf_append_text(out, "null");
        return;
    }
    sqlite3_bind_int64(statement, 1, (int64_t)fingerprint);
    if (sqlite3_step(statement) == SQLITE_ROW)
        history_append_text(out, statement, 0);
    else
        strbuf_append_text(out, "null");
    sqlite3_finalize(statement);
}

static void append_engines(StrBuf *out, const Shape *shape) {
    strbuf_append_text(out, ",\"engines\":[");
    for (int i = 0; i < shape->engine_count; i++) {
        const EngineRuns *runs = &shape->engines[i];
        strbuf_append_text(out, i ? ",{\"engine\":" : "{\"engine\":");
        strbuf_append_json(out, runs->engine, strlen(runs->engine));
        strbuf_printf(out, ",\"count\":%d,\"share\":%.4g,\"runs\":%d,\"p50_ms\":%.6g}", runs->asked,
                      (double)runs->asked / shape->asked, runs->count, shape->medians[i]);
    }
    strbuf_append_char(out, ']');
}

static void append_summary(HistoryStore *store, Summary *summary, int64_t limit, StrBuf *out) {
    qsort(summary->shapes, (size_t)summary->shape_count, sizeof(Shape), longer_first);
    strbuf_append_text(out, "{\"fingerprints\":[");
    for (int i = 0; i < summary->shape_count && i < limit; i++) {
        const Shape *shape = &summary->shapes[i];
        strbuf_printf(out, "%s{\"fingerprint\":\"%016llx\",\"sql\":", i ? "," : "",
                      (unsigned long long)shape->fingerprint);
        append_sample(store, shape->fingerprint, out);
        strbuf_printf(out, ",\"count\":%d,\"total_ms\":%.6g,\"p50_ms\":%.6g,\"p95_ms\":%.6g", shape->asked,
                      shape->total_ms, shape->p50, shape->p95);
        append_engines(out, shape);
        if (shape->regret >= 0)
            strbuf_printf(out, ",\"regret\":%.6g}", shape->regret);
        else
            strbuf_append_text(out, ",\"regret\":null}");
    }
    strbuf_printf(out, "],\"regret\":{\"mean\":%.6g,\"compared\":%lld,\"seen\":%lld}}\n",
                  summary->regret.mean, (long long)summary->regret.compared, (long long)summary->regret.seen);
}

Status history_store_statistics(HistoryStore *store, int64_t limit, StrBuf *out, HistoryRegret *regret,
                                Error *err) {
    Summary summary = {.shapes = malloc(sizeof(Shape) * SHAPES),
                       .times = malloc(sizeof(double) * NEWEST),
                       .asked_times = malloc(sizeof(double) * NEWEST),
                       .asked_flags = malloc(sizeof(bool) * NEWEST)};
    if (!summary.shapes || !summary.times || !summary.asked_times || !summary.asked_flags) abort();
    Status status = read_runs(store, &summary, err);
    if (status == STATUS_OK && out) append_summary(store, &summary, limit, out);
    if (regret) *regret = summary.regret;
    free(summary.shapes);
    free(summary.times);
    free(summary.asked_times);
    free(summary.asked_flags);
    return status;
}
