/* signalbox load into a table of an engine that reads no files itself: the columnar engine reads them for it.
 */
#include "fcgi/load_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/columnar_target.h"

static void show_progress(void *context, int64_t rows, int64_t bytes, int64_t total_bytes) {
    progress_line_show(context, rows, bytes, total_bytes);
}

bool load_engine_names(const CommandLine *line, const char *table, char name[LOAD_ENGINE_NAME_BYTES]) {
    Config config;
    bool found = false;
    if (runtime_load_config(&config, line->config_path, NULL) == STATUS_OK)
        for (int i = 0; i < config.engine_count && !found; i++) {
            const EngineConfig *engine = &config.engines[i];
            size_t length = strlen(engine->name);
            found = engine->enabled && strcmp(engine->kind, "columnar") != 0 &&
                    length < LOAD_ENGINE_NAME_BYTES && !strncmp(table, engine->name, length) &&
                    table[length] == '.';
            if (found) strcpy(name, engine->name);
        }
    config_deinit(&config);
    return found;
}

static void show_rejects(const TableIntakeResult *result) {
    char count[32];
    if (result->rejected_count == 0) return;
    fprintf(stderr, "%s rows were left out:\n", text_with_commas(result->rejected_count, count));
    for (int i = 0; i < result->reject_count; i++) {
        const TableIntakeReject *reject = &result->rejects[i];
        fprintf(stderr, "  \"%s\", row %lld%s%s%s: %s\n", reject->source, (long long)reject->row,
                reject->column ? ", column \"" : "", reject->column ? reject->column : "",
                reject->column ? "\"" : "", reject->reason);
    }
    if (result->rejected_count > result->reject_count) fprintf(stderr, "  ...\n");
}

static Status open_files(const CommandLine *line, TableIntakeSource *sources, int *count, Error *err) {
    for (int i = 1; i < line->argc; i++) {
        bool is_standard = strcmp(line->argv[i], "-") == 0;
        int fd = is_standard ? dup(STDIN_FILENO) : open(line->argv[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", line->argv[i]);
        sources[(*count)++] =
            (TableIntakeSource){.name = is_standard ? "standard input" : line->argv[i], .fd = fd};
    }
    return STATUS_OK;
}

typedef struct EngineLoad {
    CommandLine *line;
    const char *engine;
    TableIntake *intake;
} EngineLoad;

static Status run_intake(Runtime *runtime, const EngineLoad *load, TableIntakeResult *result, Error *err) {
    Engine *engine = router_engine_by_name(runtime->router, load->engine);
    if (!engine)
        return error_set(err, SQLSTATE_UNKNOWN_ENGINE, "there is no engine \"%.100s\"", load->engine);
    if (!engine->ops->intake)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "engine \"%.100s\" takes no files",
                         load->engine);
    load->intake->reader = router_file_reader(runtime->router);
    return engine->ops->intake(engine, load->intake, result, err);
}

static int work(Runtime *runtime, void *argument) {
    EngineLoad *load = argument;
    ProgressLine progress;
    TableIntakeResult result = {0};
    Error err = {0};
    Arena arena;
    int count = 0;
    arena_init(&arena);
    TableIntakeSource *sources = ARENA_NEW_ARRAY(&arena, TableIntakeSource, load->line->argc);
    progress_line_start(&progress);
    progress.in_bytes = true;
    load->intake->arena = &arena;
    load->intake->sources = sources;
    load->intake->progress = show_progress;
    load->intake->progress_context = &progress;
    Status status = open_files(load->line, sources, &count, &err);
    load->intake->source_count = count;
    if (status == STATUS_OK) status = run_intake(runtime, load, &result, &err);
    progress_line_clear(&progress);
    if (status == STATUS_OK) {
        char rows[32];
        show_rejects(&result);
        printf("%s: %s rows in %.2f s\n", load->intake->table, text_with_commas(result.row_count, rows),
               (double)(clock_now_ns() - progress.started_ns) / 1e9);
    }
    while (count > 0)
        close(sources[--count].fd);
    arena_deinit(&arena);
    return status == STATUS_OK ? EXIT_DONE : command_failed(&err, NULL);
}

int load_engine_run(CommandLine *line, const char *engine, TableIntake *intake) {
    EngineLoad load = {.line = line, .engine = engine, .intake = intake};
    return command_with_runtime(line, work, &load);
}
