/* signalbox maintain: maintenance of columnar tables, one line each. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/exec/spill.h"
#include "engines/columnar/iceberg/table_trash.h"
#include "engines/columnar/maintain/compaction_rows.h"
#include "fcgi/ages.h"
#include "fcgi/columnar_target.h"

typedef struct Maintain {
    TableCatalog *catalog;
    MaintenanceOptions options;
    ExecutorResources resources;
    Budget budget;
    char spill_directory[4096];
    ProgressLine progress;
    int failures;
} Maintain;

static CancelToken interrupted;

static void interrupt(int signal_number) {
    cancel_request(&interrupted, CANCEL_BY_USER);
}

static void show_progress(void *context, const char *step, int64_t done, int64_t total) {
    progress_line_show(context, done, done, total);
}

static void print_report(const Maintain *maintain, const char *name, const MaintenanceReport *report) {
    char read[32], written[32], freed[32];
    const char *would = maintain->options.dry_run ? "would " : "";
    printf("%-30s %scompact %lld files (%s bytes), expire %lld snapshots, remove %lld files (%s bytes), "
           "%lld metadata files, %lld orphans; manifests %lld",
           name, would, (long long)report->files_read, text_with_commas(report->bytes_read, read),
           (long long)report->snapshots_expired, (long long)report->files_removed,
           text_with_commas(report->bytes_removed, freed), (long long)report->metadata_removed,
           (long long)report->orphans_removed, (long long)report->manifests_before);
    if (!maintain->options.dry_run)
        printf(" -> %lld; %lld files written (%s bytes)", (long long)report->manifests_after,
               (long long)report->files_written, text_with_commas(report->bytes_written, written));
    if (report->conflicts) printf("; %lld left to others' commits", (long long)report->conflicts);
    if (report->orphans_unsure) printf("; orphans were not looked for: somebody reads or writes");
    printf("\n");
    fflush(stdout);
}

static void maintain_one(Maintain *maintain, const char *namespace_name, const char *name) {
    MaintenanceReport report;
    Error err = {0};
    char full[256];
    snprintf(full, sizeof full, "%s.%s", namespace_name, name);
    progress_line_start(&maintain->progress);
    Status status =
        maintenance_run(maintain->catalog, namespace_name, name, &maintain->options, &report, &err);
    progress_line_clear(&maintain->progress);
    print_report(maintain, full, &report);
    if (status == STATUS_OK) return;
    maintain->failures++;
    fprintf(stderr, "signalbox maintain: %s: %s (%s)\n", full, err.message, err.sqlstate);
}

static Status maintain_all(Maintain *maintain, Error *err) {
    Arena arena;
    TableName *names;
    int count = 0;
    arena_init(&arena);
    Status status = table_catalog_list(maintain->catalog, &arena, &names, &count, err);
    for (int i = 0; i < count && status == STATUS_OK && !cancel_is_requested(&interrupted); i++)
        maintain_one(maintain, names[i].namespace_name, names[i].name);
    int waiting = maintain->options.dry_run ? 0 : table_trash_empty(maintain->catalog);
    if (waiting) printf("%d dropped tables are still being read\n", waiting);
    arena_deinit(&arena);
    return status;
}

static void maintain_named(Maintain *maintain, char *text) {
    char *dot = strchr(text, '.');
    if (dot) *dot = 0;
    maintain_one(maintain, dot ? text : "default", dot ? dot + 1 : text);
}

static int run_maintain(CommandLine *line, Maintain *maintain) {
    Error err = {0};
    struct sigaction action = {.sa_handler = interrupt};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    maintain->catalog = columnar_target_open(line);
    if (!maintain->catalog) return EXIT_FAILED;
    cancel_init(&interrupted, 0);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    snprintf(maintain->spill_directory, sizeof maintain->spill_directory, "%s/spill",
             table_catalog_warehouse(maintain->catalog));
    maintain->resources = (ExecutorResources){.budget = &maintain->budget,
                                              .spill_directory = maintain->spill_directory,
                                              .query_memory_bytes = maintain->budget.limit_bytes};
    Status status = spill_directory_prepare(maintain->spill_directory, &err);
    if (status == STATUS_OK)
        status =
            threadpool_create(&maintain->resources.workers, "maintain", cores > 0 ? (int)cores : 1, &err);
    if (status == STATUS_OK) {
        maintain->options.rewriter = compaction_rewriter(&maintain->resources);
        maintain->options.cancel = &interrupted;
        maintain->options.progress = show_progress;
        maintain->options.progress_context = &maintain->progress;
        for (int i = 0; i < line->argc && !cancel_is_requested(&interrupted); i++)
            maintain_named(maintain, line->argv[i]);
        if (line->argc == 0) status = maintain_all(maintain, &err);
        threadpool_destroy(maintain->resources.workers);
    }
    table_catalog_close(maintain->catalog);
    if (status != STATUS_OK) return command_failed(&err, NULL);
    return maintain->failures || cancel_is_requested(&interrupted) ? EXIT_FAILED : EXIT_DONE;
}

static bool choose_steps(char *text, MaintenanceOptions *options) {
    options->compact = options->manifests = options->expire = options->orphans = false;
    char *state = NULL;
    for (char *step = strtok_r(text, ",", &state); step; step = strtok_r(NULL, ",", &state)) {
        bool *chosen = !strcmp(step, "compact")     ? &options->compact
                       : !strcmp(step, "manifests") ? &options->manifests
                       : !strcmp(step, "expire")    ? &options->expire
                       : !strcmp(step, "orphans")   ? &options->orphans
                                                    : NULL;
        if (!chosen) return false;
        *chosen = true;
    }
    return true;
}

int command_maintain(CommandLine *line) {
    static Maintain maintain;
    const char *only, *target, *keep, *max_age, *orphan_age, *memory;
    int64_t keep_count = 0, memory_bytes = 1000000000;
    MaintenanceOptions *options = &maintain.options;
    *options = maintenance_defaults();
    options->thorough = true;
    if (!command_take_option(line, "--only", &only) ||
        !command_take_option(line, "--target-bytes", &target) ||
        !command_take_option(line, "--keep", &keep) || !command_take_option(line, "--max-age", &max_age) ||
        !command_take_option(line, "--orphan-age", &orphan_age) ||
        !command_take_option(line, "--memory", &memory))
        return command_usage_error("maintain", "an option needs a value");
    options->dry_run = command_take_flag(line, "--dry-run");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("maintain", "there is no option %s", unknown);
    if (only && !choose_steps((char *)only, options))
        return command_usage_error("maintain", "--only takes compact, manifests, expire, orphans");
    if ((max_age && !parse_age(max_age, &options->max_snapshot_age_ms)) ||
        (orphan_age && !parse_age(orphan_age, &options->orphan_min_age_ms)))
        return command_usage_error("maintain",
                                   "--max-age and --orphan-age take a time such as 0, 30m, 12h, 3d");
    if ((target && (!parse_count(target, &options->target_file_bytes) || options->target_file_bytes < 1)) ||
        (keep && (!parse_count(keep, &keep_count) || keep_count < 1 || keep_count > INT32_MAX)) ||
        (memory && (!parse_count(memory, &memory_bytes) || memory_bytes < 32000000)))
        return command_usage_error("maintain", "--target-bytes, --keep and --memory take a number");
    if (keep) options->max_snapshots = (int)keep_count;
    budget_init(&maintain.budget, NULL, memory_bytes);
    int code = run_maintain(line, &maintain);
    budget_deinit(&maintain.budget);
    return code;
}
