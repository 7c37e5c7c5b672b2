/* signalbox generate: example data into a file, the standard output or a columnar table. */
#include <stdio.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/columnar/ingest/generate.h"
#include "fcgi/columnar_target.h"

typedef struct GenerateProgress {
    ProgressLine line;
    int64_t total;
} GenerateProgress;

static void show_progress(void *context, int64_t rows) {
    GenerateProgress *progress = context;
    progress_line_show(&progress->line, rows, rows, progress->total);
}

static bool format_of(const char *path, GenerateFormat *format) {
    const char *dot = strrchr(path, '.');
    *format = GENERATE_CSV;
    if (strcmp(path, "-") == 0) return true;
    if (!dot) return false;
    if (strcmp(dot, ".ndjson") == 0 || strcmp(dot, ".jsonl") == 0)
        *format = GENERATE_NDJSON;
    else if (strcmp(dot, ".parquet") == 0)
        *format = GENERATE_PARQUET;
    else
        return strcmp(dot, ".csv") == 0;
    return true;
}

static Status write_rows(const CommandLine *line, const GenerateOptions *options, const char *table,
                         bool replace, const char *output, bool *told, Error *err) {
    GenerateFormat format;
    if (output) {
        if (!format_of(output, &format))
            return error_set(err, SQLSTATE_INVALID_PARAMETER,
                             "\"%s\": the file's name must end in .csv, .ndjson, .jsonl or .parquet", output);
        return generate_to_file(options, format, output, err);
    }
    TableCatalog *catalog = columnar_target_open(line);
    *told = !catalog;
    if (!catalog) return STATUS_ERROR;
    Status status = generate_to_table(options, catalog, table, replace, err);
    table_catalog_close(catalog);
    return status;
}

static int run_generate(const CommandLine *line, GenerateOptions *options, const char *table, bool replace,
                        const char *output) {
    GenerateProgress progress = {.total = options->count};
    Error err = {0};
    bool told = false;
    progress_line_start(&progress.line);
    options->progress = show_progress;
    options->progress_context = &progress;
    Status status = write_rows(line, options, table, replace, output, &told, &err);
    progress_line_clear(&progress.line);
    if (status != STATUS_OK) return told ? EXIT_FAILED : command_failed(&err, NULL);
    char rows[32];
    if (!output || strcmp(output, "-") != 0)
        printf("%s: %s rows in %.2f s\n", output ? output : table, text_with_commas(options->count, rows),
               (double)(clock_now_ns() - progress.line.started_ns) / 1e9);
    return EXIT_DONE;
}

int command_generate(CommandLine *line) {
    GenerateOptions options = {.count = -1, .seed = GENERATE_DEFAULT_SEED, .users = GENERATE_DEFAULT_USERS};
    const char *count, *seed, *users, *table, *output;
    int64_t seed_number = GENERATE_DEFAULT_SEED;
    if (!command_take_option(line, "--count", &count) || !command_take_option(line, "--seed", &seed) ||
        !command_take_option(line, "--users", &users) || !command_take_option(line, "--table", &table) ||
        !command_take_option(line, "--output", &output))
        return command_usage_error("generate", "an option needs a value");
    bool replace = command_take_flag(line, "--replace");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("generate", "there is no option %s", unknown);
    int kind = line->argc == 1 ? generate_kind_from_name(line->argv[0]) : -1;
    if (kind < 0)
        return command_usage_error("generate",
                                   "one of users, transactions, events, products, sensors is needed");
    if (!count || !parse_count(count, &options.count) || options.count < 0)
        return command_usage_error("generate", "--count is needed: a number of rows, such as 100000 or 2m");
    if ((seed && !parse_count(seed, &seed_number)) ||
        (users && (!parse_count(users, &options.users) || options.users < 1)))
        return command_usage_error("generate", "--seed and --users take numbers");
    if (table && output)
        return command_usage_error("generate", "--table and --output cannot be given together");
    options.kind = (GenerateKind)kind;
    options.seed = (uint64_t)seed_number;
    return run_generate(line, &options, table, replace, table ? NULL : output ? output : "-");
}
