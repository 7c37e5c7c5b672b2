/* signalbox load: files into a columnar table. */
#include <stdio.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/schema_text.h"
#include "fcgi/columnar_target.h"

static void show_progress(void *context, int64_t rows, int64_t bytes, int64_t total_bytes) {
    progress_line_show(context, rows, bytes, total_bytes);
}

static int load_files(const CommandLine *line, IngestOptions *options) {
    ProgressLine progress;
    IngestResult result;
    Error err = {0};
    TableCatalog *catalog = columnar_target_open(line);
    if (!catalog) return EXIT_FAILED;
    progress_line_start(&progress);
    options->progress = show_progress;
    options->progress_context = &progress;
    Status status = ingest_load(catalog, options, &result, &err);
    progress_line_clear(&progress);
    table_catalog_close(catalog);
    int64_t row_count = result.row_count;
    ingest_result_deinit(&result);
    if (status != STATUS_OK) return command_failed(&err, NULL);
    char rows[32];
    printf("%s: %s rows in %.2f s\n", options->table, text_with_commas(row_count, rows),
           (double)(clock_now_ns() - progress.started_ns) / 1e9);
    return EXIT_DONE;
}

static int run_load(const CommandLine *line, IngestOptions *options, const char *schema) {
    Arena arena;
    Error err = {0};
    TableColumn *columns;
    arena_init(&arena);
    int code = EXIT_FAILED;
    if (schema && schema_text_parse(schema, &arena, &columns, &options->column_count, &err) != STATUS_OK) {
        command_failed(&err, schema);
    } else {
        if (schema) options->columns = columns;
        code = load_files(line, options);
    }
    arena_deinit(&arena);
    return code;
}

/* "schema.table" → namespace and table; the text is cut in place. */
static void split_name(char *text, IngestOptions *options) {
    char *dot = strchr(text, '.');
    options->table = text;
    if (dot) {
        *dot = 0;
        options->namespace_name = text;
        options->table = dot + 1;
    }
}

static bool one_character(const char *text, char *out) {
    if (text && strcmp(text, "\\t") == 0) text = "\t";
    *out = text ? text[0] : 0;
    return !text || (text[0] && !text[1] && !strchr("\r\n", text[0]));
}

int command_load(CommandLine *line) {
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    const char *format, *delimiter, *quote, *schema;
    if (!command_take_option(line, "--format", &format) ||
        !command_take_option(line, "--delimiter", &delimiter) ||
        !command_take_option(line, "--quote", &quote) || !command_take_option(line, "--schema", &schema) ||
        !command_take_option(line, "--null", &options.null_text))
        return command_usage_error("load", "an option needs a value");
    bool create = command_take_flag(line, "--create"), append = command_take_flag(line, "--append");
    bool replace = command_take_flag(line, "--replace");
    bool header = command_take_flag(line, "--header"), no_header = command_take_flag(line, "--no-header");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("load", "there is no option %s", unknown);
    if (create + append + replace > 1 || header + no_header > 1)
        return command_usage_error(
            "load",
            "of --create, --append and --replace only one can be given, and of --header and --no-header");
    if (format && (options.format = ingest_format_from_name(format)) == INGEST_AUTO)
        return command_usage_error(
            "load", "there is no format \"%s\"; csv, tsv, json, ndjson and parquet are", format);
    if (!one_character(delimiter, &options.delimiter) || !one_character(quote, &options.quote))
        return command_usage_error("load", "--delimiter and --quote take one character");
    if (format && strcmp(format, "tsv") == 0 && !options.delimiter) options.delimiter = '\t';
    if (line->argc < 2) return command_usage_error("load", "a table and at least one file are needed");
    options.mode = append ? INGEST_APPEND : replace ? INGEST_REPLACE : INGEST_CREATE;
    options.header = header ? 1 : no_header ? 0 : -1;
    split_name(line->argv[0], &options);
    options.files = (const char *const *)(line->argv + 1);
    options.file_count = line->argc - 1;
    return run_load(line, &options, schema);
}
