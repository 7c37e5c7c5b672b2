/* signalbox load: files into a columnar table. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/schema_text.h"
#include "fcgi/columnar_target.h"
#include "fcgi/load_engine.h"

enum { TABLE_NAME_BYTES = 512 };

static CancelToken interrupted;

static void on_interrupt(int signal) {
    cancel_request(&interrupted, CANCEL_BY_USER);
}

/* The first interrupt ends the load in order: nothing of it stays. A second one ends the program. */
static void watch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};
    cancel_init(&interrupted, 0);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void show_progress(void *context, int64_t rows, int64_t bytes, int64_t total_bytes) {
    progress_line_show(context, rows, bytes, total_bytes);
}

static void show_rejects(const IngestResult *result) {
    char count[32];
    if (result->rejected_count == 0) return;
    fprintf(stderr, "%s rows were left out:\n", text_with_commas(result->rejected_count, count));
    for (int i = 0; i < result->reject_count; i++) {
        const IngestReject *reject = &result->rejects[i];
        fprintf(stderr, "  \"%s\", row %lld%s%s%s: %s\n", reject->input, (long long)reject->row,
                reject->column ? ", column \"" : "", reject->column ? reject->column : "",
                reject->column ? "\"" : "", reject->reason);
    }
    if (result->rejected_count > result->reject_count) fprintf(stderr, "  ...\n");
}

static void show_changes(const IngestResult *result) {
    char from[SQLTYPE_NAME_BYTES], to[SQLTYPE_NAME_BYTES];
    for (int i = 0; i < result->change_count; i++) {
        const IngestSchemaChange *change = &result->changes[i];
        if (change->added)
            printf("column \"%s\" was added: %s\n", change->column, sqltype_name(change->to, true, to));
        else
            printf("column \"%s\" was widened: %s to %s\n", change->column,
                   sqltype_name(change->from, true, from), sqltype_name(change->to, true, to));
    }
}

static int load_files(const CommandLine *line, IngestOptions *options) {
    ProgressLine progress;
    IngestResult result;
    Error err = {0};
    TableCatalog *catalog = columnar_target_open(line);
    if (!catalog) return EXIT_FAILED;
    progress_line_start(&progress);
    progress.in_bytes = true;
    options->progress = show_progress;
    options->progress_context = &progress;
    watch_interrupts();
    options->cancel = &interrupted;
    Status status = ingest_load(catalog, options, &result, &err);
    progress_line_clear(&progress);
    table_catalog_close(catalog);
    show_rejects(&result);
    if (status == STATUS_OK) {
        char rows[32];
        show_changes(&result);
        printf("%s: %s rows in %.2f s\n", options->table, text_with_commas(result.row_count, rows),
               (double)(clock_now_ns() - progress.started_ns) / 1e9);
    }
    ingest_result_deinit(&result);
    return status == STATUS_OK ? EXIT_DONE : command_failed(&err, NULL);
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

/* The files named; "-" is the standard input. */
static int load_inputs(const CommandLine *line, IngestOptions *options, const char *schema) {
    Arena arena;
    arena_init(&arena);
    int count = line->argc - 1;
    IngestInput *inputs = ARENA_NEW_ARRAY(&arena, IngestInput, count);
    for (int i = 0; i < count; i++) {
        bool is_standard = strcmp(line->argv[i + 1], "-") == 0;
        inputs[i] =
            is_standard
                ? (IngestInput){.kind = INGEST_DESCRIPTOR, .name = "standard input", .fd = STDIN_FILENO}
                : (IngestInput){.kind = INGEST_PATH, .name = line->argv[i + 1]};
    }
    options->inputs = inputs;
    options->input_count = count;
    int code = run_load(line, options, schema);
    arena_deinit(&arena);
    return code;
}

/* Into a table of another engine: "[engine.][schema.]table". */
static int load_elsewhere(CommandLine *line, const char *engine, const IngestOptions *options,
                          const char *schema) {
    static const TableIntakeFormat formats[] = {[INGEST_AUTO] = TABLE_INTAKE_AUTO,
                                                [INGEST_CSV] = TABLE_INTAKE_CSV,
                                                [INGEST_JSON] = TABLE_INTAKE_JSON,
                                                [INGEST_PARQUET] = TABLE_INTAKE_PARQUET};
    if (schema || options->encoding)
        return command_usage_error("load", "--schema and --encoding are for columnar tables");
    char name[TABLE_NAME_BYTES];
    const char *table = line->argv[0];
    size_t length = strlen(engine);
    if (!strncmp(table, engine, length) && table[length] == '.') table += length + 1;
    if (strlen(table) >= sizeof name) return command_usage_error("load", "the table's name is too long");
    strcpy(name, table);
    char *dot = strchr(name, '.');
    if (dot) *dot = 0;
    TableIntake intake = {.schema = dot ? name : NULL,
                          .table = dot ? dot + 1 : name,
                          .format = formats[options->format],
                          .create = options->mode != INGEST_APPEND,
                          .must_be_new = options->mode == INGEST_CREATE,
                          .replace = options->mode == INGEST_REPLACE,
                          .skip_bad_rows = options->on_error == INGEST_SKIP,
                          .delimiter = options->delimiter,
                          .quote = options->quote,
                          .header = options->header,
                          .null_text = options->null_text,
                          .cancel = &interrupted};
    watch_interrupts();
    return load_engine_run(line, engine, &intake);
}

int command_load(CommandLine *line) {
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    const char *format, *delimiter, *quote, *schema, *on_error, *engine;
    char named[LOAD_ENGINE_NAME_BYTES];
    if (!command_take_option(line, "--format", &format) ||
        !command_take_option(line, "--delimiter", &delimiter) ||
        !command_take_option(line, "--quote", &quote) || !command_take_option(line, "--schema", &schema) ||
        !command_take_option(line, "--null", &options.null_text) ||
        !command_take_option(line, "--encoding", &options.encoding) ||
        !command_take_option(line, "--on-error", &on_error) ||
        !command_take_option(line, "--engine", &engine))
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
    if (on_error && strcmp(on_error, "skip") != 0 && strcmp(on_error, "fail") != 0)
        return command_usage_error("load", "--on-error takes fail or skip");
    options.on_error = on_error && strcmp(on_error, "skip") == 0 ? INGEST_SKIP : INGEST_FAIL;
    if (!one_character(delimiter, &options.delimiter) || !one_character(quote, &options.quote))
        return command_usage_error("load", "--delimiter and --quote take one character");
    if (format && strcmp(format, "tsv") == 0 && !options.delimiter) options.delimiter = '\t';
    if (line->argc < 2) return command_usage_error("load", "a table and at least one file (or -) are needed");
    options.mode = append ? INGEST_APPEND : replace ? INGEST_REPLACE : INGEST_CREATE;
    options.header = header ? 1 : no_header ? 0 : -1;
    if (!engine && load_engine_names(line, line->argv[0], named)) engine = named;
    if (engine && strcmp(engine, "columnar") != 0) return load_elsewhere(line, engine, &options, schema);
    split_name(line->argv[0], &options);
    return load_inputs(line, &options, schema);
}
