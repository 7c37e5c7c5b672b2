/* Catalogs of tests in PostgreSQL: a schema for each scratch directory, on the server that SIGNALBOX_TEST_PG
 * names. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool scratch_on_postgres;

/* False, and said so, when there is no server to test with. */
static inline bool scratch_use_postgres(void) {
    scratch_on_postgres = getenv("SIGNALBOX_TEST_PG") != NULL;
    if (!scratch_on_postgres)
        printf("[  SKIPPED ] the same with the catalog in PostgreSQL: SIGNALBOX_TEST_PG is not set\n");
    return scratch_on_postgres;
}

static inline void scratch_postgres_run(const char *sql) {
    PGconn *connection = PQconnectdb(getenv("SIGNALBOX_TEST_PG"));
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(connection));
        abort();
    }
    PQclear(result);
    PQfinish(connection);
}

/* /tmp/storage-test-AbC → storage-test-AbC, a name of the schema and of the connections. */
static inline const char *scratch_schema(const char *directory) {
    return strrchr(directory, '/') + 1;
}

static inline void scratch_schema_make(const char *directory) {
    char sql[128];
    snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", scratch_schema(directory));
    scratch_postgres_run(sql);
}

static inline void scratch_schema_drop(const char *directory) {
    char sql[160];
    snprintf(sql, sizeof sql, "SET client_min_messages = error; DROP SCHEMA \"%s\" CASCADE",
             scratch_schema(directory));
    scratch_postgres_run(sql);
}

static inline void scratch_conninfo(const char *directory, char text[512]) {
    snprintf(text, 512, "%s application_name=%s options='-csearch_path=\"%s\"'", getenv("SIGNALBOX_TEST_PG"),
             scratch_schema(directory), scratch_schema(directory));
}
