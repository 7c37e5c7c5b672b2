/* signalbox check --tables: every columnar table, one line each; what is wrong below it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/table_check.h"
#include "engines/columnar/iceberg/table_trash.h"
#include "fcgi/ages.h"
#include "fcgi/check_tables.h"
#include "fcgi/columnar_target.h"

typedef struct TablesCheck {
    TableCatalog *catalog;
    TableCheckOptions options;
    bool repair;
    int failures;
    int64_t orphans, orphan_bytes, removed;
} TablesCheck;

static void handle_orphans(TablesCheck *check, const OrphanList *orphans, const char *where) {
    Error err = {0};
    int removed = 0;
    char bytes[32];
    if (orphans->unsure) printf("       %s: somebody reads or writes; files were not looked for\n", where);
    if (orphans->count == 0) return;
    check->orphans += orphans->count;
    check->orphan_bytes += orphans->total_bytes;
    printf("       %s: %d files that nothing refers to, %s bytes\n", where, orphans->count,
           text_with_commas(orphans->total_bytes, bytes));
    if (check->repair && table_orphans_remove(orphans, &removed, &err) != STATUS_OK) {
        printf("       %s\n", err.message);
        check->failures++;
    }
    check->removed += removed;
}

static void check_one(TablesCheck *check, const TableName *table) {
    Arena arena;
    Error err = {0};
    TableCheck found;
    char name[256], rows[32], files[32];
    arena_init(&arena);
    snprintf(name, sizeof name, "%s.%s", table->namespace_name, table->name);
    Status status = table_check(check->catalog, table->namespace_name, table->name, &check->options, &arena,
                                &found, &err);
    bool good = status == STATUS_OK && found.problems == 0;
    check->failures += !good;
    if (status != STATUS_OK) {
        printf("failed %-30s %s\n", name, err.message);
    } else {
        printf("%-6s %-30s %lld snapshots, %s files, %s rows\n", good ? "ok" : "failed", name,
               (long long)found.snapshots, text_with_commas(found.files, files),
               text_with_commas(found.rows, rows));
        for (int i = 0; i < found.problems && i < TABLE_CHECK_MESSAGES; i++)
            printf("       %s\n", found.messages[i]);
        if (found.problems > TABLE_CHECK_MESSAGES)
            printf("       and %d more\n", found.problems - TABLE_CHECK_MESSAGES);
        handle_orphans(check, &found.orphans, name);
    }
    fflush(stdout);
    arena_deinit(&arena);
}

static Status check_all(TablesCheck *check, Error *err) {
    Arena arena;
    TableName *names;
    OrphanList strays = {0};
    int count = 0;
    arena_init(&arena);
    Status status = table_catalog_list(check->catalog, &arena, &names, &count, err);
    for (int i = 0; i < count && status == STATUS_OK; i++)
        check_one(check, &names[i]);
    int waiting = check->repair ? table_trash_empty(check->catalog) : 0;
    if (waiting) printf("       %d dropped tables are still being read\n", waiting);
    if (status == STATUS_OK)
        status =
            table_orphans_find_strays(check->catalog, check->options.orphan_min_age_ms, &arena, &strays, err);
    if (status == STATUS_OK) handle_orphans(check, &strays, "of no table");
    arena_deinit(&arena);
    return status;
}

int command_check_tables(CommandLine *line) {
    const char *age;
    TablesCheck check = {.options = {.orphan_min_age_ms = 3600 * 1000}};
    Error err = {0};
    char bytes[32];
    check.options.deep = command_take_flag(line, "--deep");
    check.repair = command_take_flag(line, "--repair");
    if (!command_take_option(line, "--older-than", &age) ||
        (age && !parse_age(age, &check.options.orphan_min_age_ms)))
        return command_usage_error("check", "--older-than needs a time such as 0, 30m, 12h or 3d");
    if (line->argc) return command_usage_error("check", "\"%s\" was not expected", line->argv[0]);
    check.catalog = columnar_target_open(line);
    if (!check.catalog) return EXIT_FAILED;
    Status status = check_all(&check, &err);
    table_catalog_close(check.catalog);
    if (status != STATUS_OK) return command_failed(&err, NULL);
    printf("orphans: %lld files, %s bytes, %lld removed\n", (long long)check.orphans,
           text_with_commas(check.orphan_bytes, bytes), (long long)check.removed);
    return check.failures ? EXIT_FAILED : EXIT_DONE;
}
