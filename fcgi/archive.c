/* signalbox archive: old rows out of a table, by whole files; in a table partitioned by time, its old
 * partitions. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/clock.h"
#include "engines/columnar/table_archive.h"
#include "fcgi/columnar_target.h"

static const int64_t SECOND_US = 1000000;

/* "90d", "12h", "8w": before now. */
static bool read_age(const char *text, int64_t *out) {
    char unit = 0, rest = 0;
    int64_t count, seconds, micros;
    if (sscanf(text, "%" SCNd64 "%c%c", &count, &unit, &rest) != 2 || count < 0) return false;
    seconds = unit == 'h' ? 3600 : unit == 'd' ? 86400 : unit == 'w' ? 7 * 86400 : 0;
    if (!seconds || __builtin_mul_overflow(count, seconds * SECOND_US, &micros)) return false;
    return !__builtin_sub_overflow(clock_wall_us(), micros, out);
}

/* "2024-03-01" or "2024-03-01 12:30:00", UTC. */
static bool read_date(const char *text, int64_t *out) {
    int year, month, day, hour = 0, minute = 0, second = 0, used = 0;
    char between;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3) return false;
    if (text[used]) {
        int more = 0;
        if (sscanf(text + used, "%c%2d:%2d:%2d%n", &between, &hour, &minute, &second, &more) != 4 ||
            (between != ' ' && between != 'T'))
            return false;
        used += more;
        used += text[used] == 'Z';
    }
    if (text[used] || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    int64_t days = calendar_days_of(year, month, day), back_year;
    int back_month, back_day;
    calendar_date_of(days, &back_year, &back_month, &back_day);
    *out = (days * 86400 + hour * 3600 + minute * 60 + second) * SECOND_US;
    return back_month == month && back_day == day;
}

static int report(const ArchiveOptions *options, const ArchiveResult *result) {
    char files[32], rows[32], bytes[32];
    const char *done = options->dry_run ? "would leave" : "left";
    printf("%s: %s files with %s rows, %s bytes %s (by %s)\n", options->table,
           text_with_commas(result->files, files), text_with_commas(result->rows, rows),
           text_with_commas(result->bytes, bytes), done, result->column);
    if (result->kept_files) printf("%s: kept in %s\n", options->table, options->directory);
    if (result->straddling_files)
        printf("%s: %" PRId64 " files hold older and newer rows and stay\n", options->table,
               result->straddling_files);
    return EXIT_DONE;
}

static int run(const CommandLine *line, const ArchiveOptions *options) {
    Arena arena;
    ArchiveResult result;
    Error err = {0};
    TableCatalog *catalog = columnar_target_open(line);
    if (!catalog) return EXIT_FAILED;
    arena_init(&arena);
    Status status = table_archive(catalog, options, &arena, &result, &err);
    int code = status == STATUS_OK ? report(options, &result) : command_failed(&err, NULL);
    arena_deinit(&arena);
    table_catalog_close(catalog);
    return code;
}

int command_archive(CommandLine *line) {
    ArchiveOptions options = {0};
    const char *older_than;
    if (!command_take_option(line, "--older-than", &older_than) ||
        !command_take_option(line, "--column", &options.column) ||
        !command_take_option(line, "--to", &options.directory))
        return command_usage_error("archive", "an option needs a value");
    bool drop = command_take_flag(line, "--drop");
    options.dry_run = command_take_flag(line, "--dry-run");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("archive", "there is no option %s", unknown);
    if (line->argc != 1) return command_usage_error("archive", "one table is needed");
    if (!older_than ||
        (!read_age(older_than, &options.cutoff_us) && !read_date(older_than, &options.cutoff_us)))
        return command_usage_error("archive",
                                   "--older-than takes 2024-03-01, \"2024-03-01 12:00:00\", 90d, 12h or 8w");
    if (drop == (options.directory != NULL) && !options.dry_run)
        return command_usage_error("archive", "either --to DIRECTORY or --drop is needed");
    options.table = line->argv[0];
    char *dot = strchr(line->argv[0], '.');
    if (dot) {
        *dot = 0;
        options.namespace_name = line->argv[0];
        options.table = dot + 1;
    }
    return run(line, &options);
}
