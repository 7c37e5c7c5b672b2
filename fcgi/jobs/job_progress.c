/* How far jobs are: from work done against work planned, told twice a second at most. */
#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/jobs/jobs_internal.h"

enum { TELL_INTERVAL_MS = 500, MOST_TOLD = 64 };
/* Estimates are estimates: a job that runs is never told to be done. An ETA from less than this much of it
 * would be a guess. */
static const double MOST_SHARE = 0.99, LEAST_SHARE_FOR_ETA = 0.02;
static const int64_t LEAST_NS_FOR_ETA = 500000000;

static int64_t load(const _Atomic int64_t *value) {
    return atomic_load_explicit((_Atomic int64_t *)value, memory_order_relaxed);
}

static double share_of(int64_t done, int64_t planned) {
    if (planned <= 0) return 0;
    double share = (double)done / (double)planned;
    return share < MOST_SHARE ? share : MOST_SHARE;
}

/* Reading comes before rows; whichever says more. */
static JobProgress measure(JobRun *run, int64_t now_ns) {
    JobProgress progress = {.rows_scanned = load(&run->stats.rows_scanned),
                            .bytes_scanned = load(&run->stats.bytes_scanned),
                            .rows = load(&run->rows),
                            .eta_ms = -1};
    double scanned = share_of(progress.rows_scanned, load(&run->planned_rows_scanned));
    double received = share_of(progress.rows, load(&run->planned_rows));
    progress.share = scanned > received ? scanned : received;
    int64_t elapsed_ns = now_ns - run->started_ns;
    if (progress.share >= LEAST_SHARE_FOR_ETA && elapsed_ns >= LEAST_NS_FOR_ETA)
        progress.eta_ms = (int64_t)((double)elapsed_ns / 1e6 * (1 - progress.share) / progress.share);
    return progress;
}

typedef struct Told {
    int64_t number;
    JobProgress progress;
} Told;

/* Runs may end as soon as the lock is given back: what is told is copied. */
static int collect(Jobs *jobs, int64_t now_ns, Told out[MOST_TOLD]) {
    int count = 0;
    pthread_mutex_lock(&jobs->lock);
    for (JobRun *run = jobs->runs; run && count < MOST_TOLD; run = run->next) {
        if (now_ns - run->told_ns < (int64_t)TELL_INTERVAL_MS * 1000000) continue;
        JobProgress progress = measure(run, now_ns);
        bool same = progress.share <= run->told_share && progress.rows == run->told_rows &&
                    progress.rows_scanned == run->told_scanned;
        run->told_ns = now_ns;
        if (same) continue;
        run->told_share = progress.share;
        run->told_rows = progress.rows;
        run->told_scanned = progress.rows_scanned;
        out[count++] = (Told){run->claim.number, progress};
    }
    pthread_mutex_unlock(&jobs->lock);
    return count;
}

void job_progress_tell(Jobs *jobs, int64_t now_ns) {
    Told told[MOST_TOLD];
    int count = collect(jobs, now_ns, told);
    for (int i = 0; i < count; i++) {
        Error err = {0};
        if (job_note_progress(jobs->store, told[i].number, jobs->owner.name, &told[i].progress, &err) !=
            STATUS_OK)
            log_warn("jobs.progress", "error=\"%s\"", err.message);
    }
}
