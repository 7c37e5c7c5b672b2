/* The catalog in a PostgreSQL database, shared by whoever can connect to it.
 *
 * Reads are single statements and are tried again when the connection is gone. A write is BEGIN, statements,
 * COMMIT: whatever fails before COMMIT is sent has not happened. When COMMIT was sent and no answer came,
 * nobody knows (08007); the transaction then still holds its row's lock, so that catalog_db_find_settled,
 * which takes that lock, cannot read before it is decided. */
#include "engines/columnar/iceberg/catalog_postgres.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engines/base/clock.h"

/* A dropped connection is replaced this often before the error is shown. */
enum { ATTEMPTS = 3, SETTLE_MS = 20000, SETTLE_PAUSE_MS = 100 };

#define OF_TABLE      "catalog_name = $1 AND table_namespace = $2 AND table_name = $3"
#define OF_DEFINITION "kind = $1 AND namespace = $2 AND name = $3 AND signature = $4"

typedef struct Statement {
    const char *sql;
    int params;
} Statement;

static const Statement FIND_TABLE = {"SELECT metadata_location FROM iceberg_tables WHERE " OF_TABLE, 3};
static const Statement LOCK_TABLE = {
    "SELECT metadata_location FROM iceberg_tables WHERE " OF_TABLE " FOR UPDATE", 3};
/* Waits for another transaction that inserts this row. */
static const Statement CLAIM_TABLE = {"INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name)"
                                      " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                                      3};
static const Statement INSERT_TABLE = {
    "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location,"
    " previous_metadata_location) VALUES ($1, $2, $3, $4, NULL)",
    4};
static const Statement INSERT_NAMESPACE = {
    "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value)"
    " VALUES ($1, $2, 'exists', 'true') ON CONFLICT DO NOTHING",
    2};
static const Statement SWAP_LOCATION = {
    "UPDATE iceberg_tables SET metadata_location = $4, previous_metadata_location = $5"
    " WHERE " OF_TABLE " AND metadata_location = $5",
    5};
static const Statement RENAME_TABLE = {"UPDATE iceberg_tables SET table_name = $4 WHERE " OF_TABLE, 4};
static const Statement DELETE_TABLE = {
    "DELETE FROM iceberg_tables WHERE " OF_TABLE " AND metadata_location = $4", 4};
static const Statement LIST_TABLES = {"SELECT table_namespace, table_name FROM iceberg_tables"
                                      " WHERE catalog_name = $1"
                                      " ORDER BY table_namespace COLLATE \"C\", table_name COLLATE \"C\"",
                                      1};
static const Statement LIST_NAMESPACES = {
    "SELECT name FROM (SELECT namespace AS name FROM iceberg_namespace_properties WHERE catalog_name = $1"
    " UNION SELECT table_namespace FROM iceberg_tables WHERE catalog_name = $1) n ORDER BY name COLLATE "
    "\"C\"",
    1};
static const Statement MAKE_NAMESPACE = {
    "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value)"
    " SELECT $1::varchar, $2::varchar, 'exists', 'true' WHERE NOT EXISTS (SELECT 1 FROM "
    "iceberg_namespace_properties"
    " WHERE catalog_name = $1 AND namespace = $2) AND NOT EXISTS (SELECT 1 FROM iceberg_tables"
    " WHERE catalog_name = $1 AND table_namespace = $2) ON CONFLICT DO NOTHING",
    2};
static const Statement DROP_NAMESPACE = {
    "DELETE FROM iceberg_namespace_properties WHERE catalog_name = $1 AND namespace = $2 AND NOT EXISTS"
    " (SELECT 1 FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2)",
    2};
static const Statement LIST_DEFINITIONS = {
    "SELECT namespace, name, signature, definition FROM signalbox_definitions"
    " WHERE kind = $1 AND ($2::text = '' OR name = $2::text)"
    " ORDER BY namespace COLLATE \"C\", name COLLATE \"C\", signature COLLATE \"C\"",
    2};
static const Statement INSERT_DEFINITION = {
    "INSERT INTO signalbox_definitions (kind, namespace, name, signature, definition)"
    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    5};
static const Statement REPLACE_DEFINITION = {
    "INSERT INTO signalbox_definitions (kind, namespace, name, signature, definition)"
    " VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (kind, namespace, name, signature) DO UPDATE SET definition = excluded.definition",
    5};
static const Statement DELETE_DEFINITION = {"DELETE FROM signalbox_definitions WHERE " OF_DEFINITION, 4};

/* ---- running statements ----------------------------------------------------------------------------------
 */

/* Runs one statement; NULL with `err` set when it failed. */
static PGresult *run(CatalogServer *server, PGconn *connection, const Statement *statement,
                     const char *const *texts, Error *err) {
    PGresult *result =
        PQexecParams(connection, statement->sql, statement->params, NULL, texts, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return result;
    (void)catalog_server_error(server, connection, result, err);
    PQclear(result);
    return NULL;
}

static Status read_rows(CatalogServer *server, const Statement *statement, const char *const *texts,
                        PGresult **out, Error *err) {
    for (int attempt = 1;; attempt++) {
        PGconn *connection;
        TRY(catalog_server_take(server, &connection, err));
        *out = run(server, connection, statement, texts, err);
        bool lost = catalog_server_give_back(server, connection);
        if (*out) return STATUS_OK;
        if (!lost || attempt == ATTEMPTS) return STATUS_ERROR;
    }
}

static bool run_plain(CatalogServer *server, PGconn *connection, const char *sql, Error *err) {
    const Statement statement = {sql, 0};
    PGresult *result = run(server, connection, &statement, NULL, err);
    PQclear(result);
    return result != NULL;
}

/* READ COMMITTED: an UPDATE that waited for another one looks at the row again. */
static bool begin(CatalogServer *server, PGconn *connection, Error *err) {
    return run_plain(server, connection, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);
}

/* Lets the connection be used again after a statement of a transaction was refused. */
static void roll_back(PGconn *connection) {
    if (PQstatus(connection) == CONNECTION_OK) PQclear(PQexec(connection, "ROLLBACK"));
}

/* What COMMIT says decides; an answer that never comes leaves it open. */
static Status commit(CatalogServer *server, PGconn *connection, Error *err) {
    Error refused;
    PGresult *result = PQexec(connection, "COMMIT");
    bool committed = PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    if (!committed) (void)catalog_server_error(server, connection, result, &refused);
    PQclear(result);
    if (committed) return STATUS_OK;
    if (PQstatus(connection) == CONNECTION_OK) {
        if (err) *err = refused;
        return STATUS_ERROR;
    }
    return error_set(err, SQLSTATE_RESOLUTION_UNKNOWN, "the connection was lost during a commit: %s",
                     refused.message);
}

/* One transaction; `changed` receives the number of rows that its first statement touched. `began_commit`
 * false with an error: nothing has happened. */
static Status write_once(CatalogServer *server, PGconn *connection, const Statement *const *statements,
                         int count, const char *const *texts, int *changed, bool *began_commit, Error *err) {
    if (!begin(server, connection, err)) return STATUS_ERROR;
    for (int i = 0; i < count; i++) {
        PGresult *result = run(server, connection, statements[i], texts, err);
        if (!result) {
            roll_back(connection);
            return STATUS_ERROR;
        }
        if (i == 0) *changed = atoi(PQcmdTuples(result));
        PQclear(result);
    }
    if (catalog_postgres_commit_hook) catalog_postgres_commit_hook(connection);
    *began_commit = true;
    return commit(server, connection, err);
}

static Status write_rows(CatalogServer *server, const Statement *const *statements, int count,
                         const char *const *texts, int *changed, Error *err) {
    for (int attempt = 1;; attempt++) {
        PGconn *connection;
        bool began_commit = false;
        *changed = 0;
        TRY(catalog_server_take(server, &connection, err));
        Status status = write_once(server, connection, statements, count, texts, changed, &began_commit, err);
        bool lost = catalog_server_give_back(server, connection);
        if (status == STATUS_OK || !lost || began_commit || attempt == ATTEMPTS) return status;
    }
}

static Status write_one(CatalogDb *db, const Statement *statement, const char *const *texts, bool *done,
                        Error *err) {
    int changed;
    Status status = write_rows((CatalogServer *)db, &statement, 1, texts, &changed, err);
    *done = status == STATUS_OK && changed > 0;
    return status;
}

static bool name_is_taken(const Error *err) {
    return err && strcmp(err->sqlstate, "23505") == 0;
}

/* ---- tables ----------------------------------------------------------------------------------------------
 */

static void take_location(const PGresult *result, StrBuf *location, bool *found) {
    *found = PQntuples(result) == 1 && !PQgetisnull(result, 0, 0);
    if (*found) strbuf_append(location, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
}

static Status server_find(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                          bool *found, Error *err) {
    PGresult *result;
    const char *texts[] = {CATALOG_NAME, namespace_name, name};
    TRY(read_rows((CatalogServer *)db, &FIND_TABLE, texts, &result, err));
    take_location(result, location, found);
    PQclear(result);
    return STATUS_OK;
}

/* Takes the row's lock, or the place of a row that is not there, for a moment. */
static Status settle_once(CatalogServer *server, PGconn *connection, const char *const *texts,
                          StrBuf *location, bool *found, Error *err) {
    if (!begin(server, connection, err)) return STATUS_ERROR;
    PGresult *claimed = run(server, connection, &CLAIM_TABLE, texts, err);
    PGresult *locked = claimed ? run(server, connection, &LOCK_TABLE, texts, err) : NULL;
    if (locked) take_location(locked, location, found);
    PQclear(claimed);
    PQclear(locked);
    roll_back(connection);
    return locked ? STATUS_OK : STATUS_ERROR;
}

/* A server that restarts is waited for. */
static Status server_find_settled(CatalogDb *db, const char *namespace_name, const char *name,
                                  StrBuf *location, bool *found, Error *err) {
    CatalogServer *server = (CatalogServer *)db;
    const char *texts[] = {CATALOG_NAME, namespace_name, name};
    struct timespec pause = {.tv_nsec = SETTLE_PAUSE_MS * 1000000L};
    int64_t until_ns = clock_now_ns() + (int64_t)SETTLE_MS * 1000000;
    for (;;) {
        PGconn *connection;
        bool lost = true;
        Status status = catalog_server_take(server, &connection, err);
        if (status == STATUS_OK) {
            status = settle_once(server, connection, texts, location, found, err);
            lost = catalog_server_give_back(server, connection);
        }
        if (status == STATUS_OK || !lost || clock_now_ns() > until_ns) return status;
        nanosleep(&pause, NULL);
    }
}

static Status server_insert(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                            Error *err) {
    Error failure = {0};
    int changed;
    const Statement *const statements[] = {&INSERT_TABLE, &INSERT_NAMESPACE};
    const char *texts[] = {CATALOG_NAME, namespace_name, name, location};
    Status status = write_rows((CatalogServer *)db, statements, 2, texts, &changed, &failure);
    if (status == STATUS_OK) return STATUS_OK;
    if (name_is_taken(&failure))
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%s\" already exists", name);
    if (err) *err = failure;
    return STATUS_ERROR;
}

static Status server_swap(CatalogDb *db, const char *namespace_name, const char *name,
                          const char *old_location, const char *new_location, bool *swapped, Error *err) {
    const char *texts[] = {CATALOG_NAME, namespace_name, name, new_location, old_location};
    return write_one(db, &SWAP_LOCATION, texts, swapped, err);
}

static Status server_rename(CatalogDb *db, const char *namespace_name, const char *name, const char *new_name,
                            bool *renamed, Error *err) {
    Error failure = {0};
    const char *texts[] = {CATALOG_NAME, namespace_name, name, new_name};
    if (write_one(db, &RENAME_TABLE, texts, renamed, &failure) == STATUS_OK) return STATUS_OK;
    if (name_is_taken(&failure))
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists", new_name);
    if (err) *err = failure;
    return STATUS_ERROR;
}

static Status server_delete(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                            bool *deleted, Error *err) {
    const char *texts[] = {CATALOG_NAME, namespace_name, name, location};
    return write_one(db, &DELETE_TABLE, texts, deleted, err);
}

static const char *column_copy(const PGresult *result, int row, int column, Arena *arena) {
    return arena_strndup(arena, PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

static Status server_list(CatalogDb *db, Arena *arena, TableName **out, int *count, Error *err) {
    PGresult *result;
    const char *texts[] = {CATALOG_NAME};
    *count = 0;
    *out = NULL;
    TRY(read_rows((CatalogServer *)db, &LIST_TABLES, texts, &result, err));
    *count = PQntuples(result);
    *out = ARENA_NEW_ARRAY(arena, TableName, *count + 1);
    for (int i = 0; i < *count; i++)
        (*out)[i] = (TableName){.namespace_name = column_copy(result, i, 0, arena),
                                .name = column_copy(result, i, 1, arena)};
    PQclear(result);
    return STATUS_OK;
}

/* ---- namespaces ------------------------------------------------------------------------------------------
 */

static Status server_namespaces(CatalogDb *db, Arena *arena, const char ***out, int *count, Error *err) {
    PGresult *result;
    const char *texts[] = {CATALOG_NAME};
    *count = 0;
    *out = NULL;
    TRY(read_rows((CatalogServer *)db, &LIST_NAMESPACES, texts, &result, err));
    *count = PQntuples(result);
    *out = ARENA_NEW_ARRAY(arena, const char *, *count + 1);
    for (int i = 0; i < *count; i++)
        (*out)[i] = column_copy(result, i, 0, arena);
    PQclear(result);
    return STATUS_OK;
}

static Status server_create_namespace(CatalogDb *db, const char *name, bool *done, Error *err) {
    const char *texts[] = {CATALOG_NAME, name};
    return write_one(db, &MAKE_NAMESPACE, texts, done, err);
}

static Status server_drop_namespace(CatalogDb *db, const char *name, bool *done, Error *err) {
    const char *texts[] = {CATALOG_NAME, name};
    return write_one(db, &DROP_NAMESPACE, texts, done, err);
}

/* ---- views and functions ---------------------------------------------------------------------------------
 */

static Status server_definitions(CatalogDb *db, DefinitionKind kind, const char *name, Arena *arena,
                                 Definition **out, int *count, Error *err) {
    PGresult *result;
    Error failure = {0};
    const char *texts[] = {catalog_db_kind_text(kind), name ? name : ""};
    *count = 0;
    *out = NULL;
    if (read_rows((CatalogServer *)db, &LIST_DEFINITIONS, texts, &result, &failure) != STATUS_OK) {
        /* A catalog that may only be read, and that none of ours ever wrote to. */
        if (strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) return STATUS_OK;
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    *count = PQntuples(result);
    *out = ARENA_NEW_ARRAY(arena, Definition, *count + 1);
    for (int i = 0; i < *count; i++)
        (*out)[i] = (Definition){.kind = kind,
                                 .namespace_name = column_copy(result, i, 0, arena),
                                 .name = column_copy(result, i, 1, arena),
                                 .signature = column_copy(result, i, 2, arena),
                                 .text = column_copy(result, i, 3, arena)};
    PQclear(result);
    return STATUS_OK;
}

static Status server_define(CatalogDb *db, const Definition *definition, bool replace, bool *done,
                            Error *err) {
    const char *texts[] = {catalog_db_kind_text(definition->kind), definition->namespace_name,
                           definition->name, definition->signature, definition->text};
    return write_one(db, replace ? &REPLACE_DEFINITION : &INSERT_DEFINITION, texts, done, err);
}

static Status server_undefine(CatalogDb *db, const Definition *definition, bool *done, Error *err) {
    const char *texts[] = {catalog_db_kind_text(definition->kind), definition->namespace_name,
                           definition->name, definition->signature};
    return write_one(db, &DELETE_DEFINITION, texts, done, err);
}

void (*catalog_postgres_commit_hook)(PGconn *connection);

static const CatalogDbOps POSTGRES_OPS = {
    .kind = "PostgreSQL",
    .close = catalog_server_close,
    .find = server_find,
    .find_settled = server_find_settled,
    .insert = server_insert,
    .swap = server_swap,
    .rename = server_rename,
    .remove = server_delete,
    .list = server_list,
    .namespaces = server_namespaces,
    .create_namespace = server_create_namespace,
    .drop_namespace = server_drop_namespace,
    .definitions = server_definitions,
    .define = server_define,
    .undefine = server_undefine,
};

Status catalog_postgres_open(const char *conninfo, CatalogDb **out, Error *err) {
    CatalogServer *server;
    TRY(catalog_server_open(conninfo, &server, err));
    server->base.ops = &POSTGRES_OPS;
    *out = &server->base;
    return STATUS_OK;
}
