#include "engines/columnar/maintain/background.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/log.h"
#include "engines/columnar/iceberg/maintenance_due.h"
#include "engines/columnar/iceberg/table_trash.h"
#include "engines/columnar/maintain/compaction_rows.h"

enum { BACKGROUND_NICE = 5, ORPHANS_EVERY_S = 6 * 3600, FORGET_AFTER_S = 3600 };

/* What was seen of a table, so that it is looked at again only when it changed. */
typedef struct SeenTable {
    char *name;     /* "namespace.table" */
    char *location; /* NULL: to be looked at, changed or not */
    time_t looked_at, orphans_at;
    struct SeenTable *next;
} SeenTable;

struct MaintenanceBackground {
    TableCatalog *catalog;
    int interval_ms;
    char *lease_path;
    int lease_fd; /* -1: another process has it */
    ThreadPool *workers;
    Budget budget;
    char *spill_directory;
    ExecutorResources resources;
    SeenTable *seen;
    CancelToken cancel;
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t changed;
    bool stopping;
};

static bool take_lease(MaintenanceBackground *background) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (background->lease_fd >= 0) return true;
    int fd = open(background->lease_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return false;
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        close(fd);
        return false;
    }
    background->lease_fd = fd;
    log_info("columnar.maintenance", "state=\"this process maintains the tables\"");
    return true;
}

static SeenTable *seen_table(MaintenanceBackground *background, const TableName *table) {
    char *name;
    if (asprintf(&name, "%s.%s", table->namespace_name, table->name) < 0) abort();
    for (SeenTable *seen = background->seen; seen; seen = seen->next) {
        if (strcmp(seen->name, name) != 0) continue;
        free(name);
        return seen;
    }
    SeenTable *seen = calloc(1, sizeof *seen);
    if (!seen) abort();
    seen->name = name;
    seen->orphans_at = time(NULL); /* not all of them at the start */
    seen->next = background->seen;
    background->seen = seen;
    return seen;
}

static void log_report(const char *name, const MaintenanceReport *report) {
    if (report->groups + report->snapshots_expired + report->metadata_removed + report->orphans_removed ==
            0 &&
        report->manifests_after >= report->manifests_before)
        return;
    log_info("columnar.maintenance",
             "table=%s files_compacted=%lld snapshots_expired=%lld files_removed=%lld manifests=%lld "
             "orphans=%lld conflicts=%lld",
             name, (long long)report->files_read, (long long)report->snapshots_expired,
             (long long)(report->files_removed + report->metadata_removed),
             (long long)report->manifests_after, (long long)report->orphans_removed,
             (long long)report->conflicts);
}

static void maintain_table(MaintenanceBackground *background, const TableName *table) {
    SeenTable *seen = seen_table(background, table);
    MaintenanceOptions options = maintenance_defaults();
    MaintenanceReport report = {0};
    MaintenanceDue due;
    Error err = {0};
    options.rewriter = compaction_rewriter(&background->resources);
    options.cancel = &background->cancel;
    if (time(NULL) - seen->looked_at > FORGET_AFTER_S) { /* snapshots grow old without a change */
        free(seen->location);
        seen->location = NULL;
        seen->looked_at = time(NULL);
    }
    Status status = maintenance_due(background->catalog, table->namespace_name, table->name, &options,
                                    seen->location ? seen->location : "", &due, &err);
    options.orphans = time(NULL) - seen->orphans_at > ORPHANS_EVERY_S;
    if (status == STATUS_OK && !due.off && (due.compact || due.expire || due.manifests || options.orphans)) {
        options.compact = due.compact;
        options.expire = due.expire;
        options.manifests = due.manifests;
        if (options.orphans) seen->orphans_at = time(NULL);
        status =
            maintenance_run(background->catalog, table->namespace_name, table->name, &options, &report, &err);
        log_report(seen->name, &report);
    }
    if (due.location) {
        free(seen->location);
        seen->location = due.location;
    }
    if (status != STATUS_OK && !cancel_is_requested(&background->cancel))
        log_warn("columnar.maintenance", "table=%s error=\"%s\"", seen->name, err.message);
}

static void look_once(MaintenanceBackground *background) {
    Arena arena;
    TableName *names = NULL;
    int count = 0;
    Error err = {0};
    arena_init(&arena);
    if (table_catalog_list(background->catalog, &arena, &names, &count, &err) != STATUS_OK)
        log_warn("columnar.maintenance", "error=\"%s\"", err.message);
    for (int i = 0; i < count && !cancel_is_requested(&background->cancel); i++)
        maintain_table(background, &names[i]);
    (void)table_trash_empty(background->catalog);
    arena_deinit(&arena);
}

/* False when the thread should end. */
static bool wait_interval(MaintenanceBackground *background) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)(background->interval_ms % 1000) * 1000000;
    until.tv_sec += background->interval_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&background->lock);
    int waited = 0;
    while (!background->stopping && waited == 0)
        waited = pthread_cond_timedwait(&background->changed, &background->lock, &until);
    bool go_on = !background->stopping;
    pthread_mutex_unlock(&background->lock);
    return go_on;
}

static void *background_main(void *argument) {
    MaintenanceBackground *background = argument;
    Error err = {0};
    pthread_setname_np(pthread_self(), "maintenance");
    /* Inherited by the worker, which is started here for that reason. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), BACKGROUND_NICE);
    if (threadpool_create(&background->workers, "maintain", 1, &err) != STATUS_OK) {
        log_warn("columnar.maintenance", "error=\"%s\"", err.message);
        return NULL;
    }
    background->resources.workers = background->workers;
    while (wait_interval(background))
        if (take_lease(background)) look_once(background);
    return NULL;
}

static void background_free(MaintenanceBackground *background) {
    if (background->workers) threadpool_destroy(background->workers);
    if (background->lease_fd >= 0) close(background->lease_fd);
    while (background->seen) {
        SeenTable *seen = background->seen;
        background->seen = seen->next;
        free(seen->name);
        free(seen->location);
        free(seen);
    }
    budget_deinit(&background->budget);
    pthread_mutex_destroy(&background->lock);
    pthread_cond_destroy(&background->changed);
    free(background->lease_path);
    free(background->spill_directory);
    free(background);
}

Status maintenance_background_start(TableCatalog *catalog, const MaintenanceBackgroundOptions *options,
                                    MaintenanceBackground **out, Error *err) {
    MaintenanceBackground *background = calloc(1, sizeof *background);
    if (!background) abort();
    background->catalog = catalog;
    background->interval_ms = options->interval_ms;
    background->lease_fd = -1;
    if (asprintf(&background->lease_path, "%s/.signalbox/maintenance", options->warehouse) < 0) abort();
    if (options->spill_directory) background->spill_directory = strdup(options->spill_directory);
    budget_init(&background->budget, NULL, options->memory_bytes);
    background->resources = (ExecutorResources){.budget = &background->budget,
                                                .spill_directory = background->spill_directory,
                                                .query_memory_bytes = options->memory_bytes};
    cancel_init(&background->cancel, 0);
    pthread_mutex_init(&background->lock, NULL);
    pthread_cond_init(&background->changed, NULL);
    int failed = pthread_create(&background->thread, NULL, background_main, background);
    if (failed) {
        background_free(background);
        return error_set_errno(err, failed, "cannot start the maintenance thread");
    }
    *out = background;
    return STATUS_OK;
}

void maintenance_background_stop(MaintenanceBackground *background) {
    if (!background) return;
    cancel_request(&background->cancel, CANCEL_BY_SHUTDOWN);
    pthread_mutex_lock(&background->lock);
    background->stopping = true;
    pthread_cond_broadcast(&background->changed);
    pthread_mutex_unlock(&background->lock);
    pthread_join(background->thread, NULL);
    background_free(background);
}
