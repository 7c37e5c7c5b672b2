/* The catalog in an SQLite file, shared by the processes of one machine. */
#include "engines/columnar/iceberg/catalog_db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT_MS = 20000, MAX_IDLE_CONNECTIONS = 32 };

typedef enum CatalogStatement {
    FIND_TABLE,
    INSERT_TABLE,
    INSERT_NAMESPACE,
    SWAP_LOCATION,
    RENAME_TABLE,
    DELETE_TABLE,
    LIST_TABLES,
    LIST_NAMESPACES,
    MAKE_NAMESPACE,
    DROP_NAMESPACE,
    LIST_DEFINITIONS,
    INSERT_DEFINITION,
    REPLACE_DEFINITION,
    DELETE_DEFINITION,
    STATEMENT_COUNT
} CatalogStatement;

static const char *const STATEMENTS[STATEMENT_COUNT] = {
    [FIND_TABLE] = "SELECT metadata_location FROM iceberg_tables"
                   " WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3",
    [INSERT_TABLE] =
        "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location,"
        " previous_metadata_location) VALUES (?1, ?2, ?3, ?4, NULL)",
    [INSERT_NAMESPACE] =
        "INSERT OR IGNORE INTO iceberg_namespace_properties"
        " (catalog_name, namespace, property_key, property_value) VALUES (?1, ?2, 'exists', 'true')",
    [SWAP_LOCATION] =
        "UPDATE iceberg_tables SET metadata_location = ?4, previous_metadata_location = ?5"
        " WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3 AND metadata_location = ?5",
    [RENAME_TABLE] = "UPDATE OR FAIL iceberg_tables SET table_name = ?4"
                     " WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3",
    [DELETE_TABLE] =
        "DELETE FROM iceberg_tables"
        " WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3 AND metadata_location = ?4",
    [LIST_NAMESPACES] =
        "SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = ?1"
        " UNION SELECT table_namespace FROM iceberg_tables WHERE catalog_name = ?1 ORDER BY 1",
    [MAKE_NAMESPACE] =
        "INSERT OR IGNORE INTO iceberg_namespace_properties"
        " (catalog_name, namespace, property_key, property_value) SELECT ?1, ?2, 'exists', 'true'"
        " WHERE NOT EXISTS (SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ?1"
        " AND namespace = ?2) AND NOT EXISTS (SELECT 1 FROM iceberg_tables WHERE catalog_name = ?1"
        " AND table_namespace = ?2)",
    [DROP_NAMESPACE] =
        "DELETE FROM iceberg_namespace_properties WHERE catalog_name = ?1 AND namespace = ?2"
        " AND NOT EXISTS (SELECT 1 FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2)",
    [LIST_DEFINITIONS] = "SELECT namespace, name, signature, definition FROM signalbox_definitions"
                         " WHERE kind = ?1 AND (?2 = '' OR name = ?2) ORDER BY 1, 2, 3",
    [INSERT_DEFINITION] = "INSERT OR IGNORE INTO signalbox_definitions (kind, namespace, name, signature,"
                          " definition) VALUES (?1, ?2, ?3, ?4, ?5)",
    [REPLACE_DEFINITION] = "INSERT OR REPLACE INTO signalbox_definitions (kind, namespace, name, signature,"
                           " definition) VALUES (?1, ?2, ?3, ?4, ?5)",
    [DELETE_DEFINITION] = "DELETE FROM signalbox_definitions"
                          " WHERE kind = ?1 AND namespace = ?2 AND name = ?3 AND signature = ?4",
    [LIST_TABLES] =
        "SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = ?1 ORDER BY 1, 2",
};

static const char *const CREATE_TABLES =
    "CREATE TABLE IF NOT EXISTS iceberg_tables ("
    "catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT "
    "NULL, "
    "metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5), "
    "PRIMARY KEY (catalog_name, table_namespace, table_name));"
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties ("
    "catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT "
    "NULL, "
    "property_value VARCHAR(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, property_key));";

/* Ours alone, and made where the file can be written. */
static const char *const CREATE_DEFINITIONS =
    "CREATE TABLE IF NOT EXISTS signalbox_definitions ("
    "kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, signature TEXT NOT NULL, "
    "definition TEXT NOT NULL, PRIMARY KEY (kind, namespace, name, signature));";

typedef struct Connection {
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct Connection *next;
} Connection;

typedef struct CatalogFile {
    CatalogDb base;
    char *path;
    pthread_mutex_t lock; /* guards idle */
    Connection *idle;
    int idle_count;
    bool has_definitions;
} CatalogFile;

static Status db_error(const CatalogFile *db, sqlite3 *handle, const char *what, Error *err) {
    int code = handle ? sqlite3_extended_errcode(handle) : SQLITE_NOMEM;
    const char *text = handle ? sqlite3_errmsg(handle) : "out of memory";
    const char *state = SQLSTATE_IO_ERROR;
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: state = "55P03"; break;
    case SQLITE_FULL: state = SQLSTATE_DISK_FULL; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: state = SQLSTATE_DATA_CORRUPTED; break;
    case SQLITE_NOMEM: state = SQLSTATE_OUT_OF_MEMORY; break;
    case SQLITE_PERM:
    case SQLITE_READONLY: state = "25006"; break;
    default: break;
    }
    return error_set(err, state, "cannot %s the catalog \"%s\": %s", what, db->path, text);
}

static void connection_close(Connection *connection) {
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(connection->statements[i]);
    sqlite3_close(connection->handle);
    free(connection);
}

static Status connection_setup(CatalogFile *db, Connection *connection, Error *err) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(db->path, &connection->handle, flags, NULL) != SQLITE_OK)
        return db_error(db, connection->handle, "open", err);
    sqlite3_busy_timeout(connection->handle, BUSY_TIMEOUT_MS);
    /* FULL: a commit is in the write-ahead log and synced when it returns. */
    const char *settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
    if (sqlite3_exec(connection->handle, settings, NULL, NULL, NULL) != SQLITE_OK)
        return db_error(db, connection->handle, "open", err);
    return STATUS_OK;
}

static Status connection_open(CatalogFile *db, Connection **out, Error *err) {
    Connection *connection = calloc(1, sizeof *connection);
    if (!connection) abort();
    if (connection_setup(db, connection, err) != STATUS_OK) {
        connection_close(connection);
        return STATUS_ERROR;
    }
    *out = connection;
    return STATUS_OK;
}

static Connection *take_idle(CatalogFile *db) {
    pthread_mutex_lock(&db->lock);
    Connection *connection = db->idle;
    if (connection) {
        db->idle = connection->next;
        db->idle_count--;
    }
    pthread_mutex_unlock(&db->lock);
    return connection;
}

static Status take(CatalogFile *db, Connection **out, Error *err) {
    *out = take_idle(db);
    return *out ? STATUS_OK : connection_open(db, out, err);
}

static void give_back(CatalogFile *db, Connection *connection) {
    pthread_mutex_lock(&db->lock);
    bool keep = db->idle_count < MAX_IDLE_CONNECTIONS;
    if (keep) {
        connection->next = db->idle;
        db->idle = connection;
        db->idle_count++;
    }
    pthread_mutex_unlock(&db->lock);
    if (!keep) connection_close(connection);
}

static void file_close(CatalogDb *base) {
    CatalogFile *db = (CatalogFile *)base;
    while (db->idle) {
        Connection *connection = db->idle;
        db->idle = connection->next;
        connection_close(connection);
    }
    pthread_mutex_destroy(&db->lock);
    free(db->path);
    free(db);
}

/* The prepared statement with its text parameters bound from ?1 on. */
static Status bind(CatalogFile *db, Connection *connection, CatalogStatement which, const char *const *texts,
                   int count, sqlite3_stmt **out, Error *err) {
    sqlite3_stmt **slot = &connection->statements[which];
    if (!*slot && sqlite3_prepare_v3(connection->handle, STATEMENTS[which], -1, SQLITE_PREPARE_PERSISTENT,
                                     slot, NULL) != SQLITE_OK)
        return db_error(db, connection->handle, "read", err);
    for (int i = 0; i < count; i++)
        if (sqlite3_bind_text(*slot, i + 1, texts[i], -1, SQLITE_TRANSIENT) != SQLITE_OK)
            return db_error(db, connection->handle, "read", err);
    *out = *slot;
    return STATUS_OK;
}

/* Runs a statement that gives no rows; `changed` (may be NULL) receives the number of rows it touched. `code`
 * receives SQLite's extended result code on failure. */
static Status run(CatalogFile *db, Connection *connection, CatalogStatement which, const char *const *texts,
                  int count, int *changed, int *code, Error *err) {
    sqlite3_stmt *statement;
    TRY(bind(db, connection, which, texts, count, &statement, err));
    int result = sqlite3_step(statement);
    Status status = STATUS_OK;
    if (result != SQLITE_DONE) {
        *code = sqlite3_extended_errcode(connection->handle);
        status = db_error(db, connection->handle, "write", err);
    } else if (changed) {
        *changed = sqlite3_changes(connection->handle);
    }
    sqlite3_reset(statement);
    return status;
}

static Status find_with(CatalogFile *db, Connection *connection, const char *namespace_name, const char *name,
                        StrBuf *location, bool *found, Error *err) {
    const char *texts[] = {CATALOG_NAME, namespace_name, name};
    sqlite3_stmt *statement;
    TRY(bind(db, connection, FIND_TABLE, texts, 3, &statement, err));
    Status status = STATUS_OK;
    int result = sqlite3_step(statement);
    *found = result == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_TEXT;
    if (*found)
        strbuf_append(location, sqlite3_column_text(statement, 0),
                      (size_t)sqlite3_column_bytes(statement, 0));
    else if (result != SQLITE_DONE && result != SQLITE_ROW)
        status = db_error(db, connection->handle, "read", err);
    sqlite3_reset(statement);
    return status;
}

static Status file_find(CatalogDb *base, const char *namespace_name, const char *name, StrBuf *location,
                        bool *found, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    Status status = find_with(db, connection, namespace_name, name, location, found, err);
    give_back(db, connection);
    return status;
}

/* A reader of a write-ahead log waits for nobody, but for who repairs the log or has switched it off. */
static Status file_find_at_once(CatalogDb *base, const char *namespace_name, const char *name,
                                StrBuf *location, bool *found, bool *waits, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection = take_idle(db);
    *waits = !connection;
    if (!connection) return STATUS_OK;
    sqlite3_busy_timeout(connection->handle, 0);
    Status status = find_with(db, connection, namespace_name, name, location, found, err);
    int code = sqlite3_errcode(connection->handle) & 0xFF;
    sqlite3_busy_timeout(connection->handle, BUSY_TIMEOUT_MS);
    give_back(db, connection);
    *waits = status != STATUS_OK && (code == SQLITE_BUSY || code == SQLITE_LOCKED);
    return *waits ? STATUS_OK : status;
}

/* A transaction that failed in its last sync is in the log as a whole, though its writer has taken it back:
 * whoever opens the catalog anew after a crash would find it there. The next transaction of anyone takes its
 * place in the log; here it is one that changes nothing. */
static Status file_find_settled(CatalogDb *base, const char *namespace_name, const char *name,
                                StrBuf *location, bool *found, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    Status status = STATUS_OK;
    if (sqlite3_exec(connection->handle, "PRAGMA user_version = 0", NULL, NULL, NULL) != SQLITE_OK)
        status = db_error(db, connection->handle, "write", err);
    give_back(db, connection);
    TRY(status);
    return file_find(base, namespace_name, name, location, found, err);
}

static Status insert_both(CatalogFile *db, Connection *connection, const char *const *texts, Error *err) {
    int code = 0;
    if (run(db, connection, INSERT_TABLE, texts, 4, NULL, &code, err) != STATUS_OK) {
        if ((code & 0xFF) == SQLITE_CONSTRAINT)
            return error_set(err, SQLSTATE_DUPLICATE_TABLE, "table \"%s\" already exists", texts[2]);
        return STATUS_ERROR;
    }
    return run(db, connection, INSERT_NAMESPACE, texts, 2, NULL, &code, err);
}

static Status file_insert(CatalogDb *base, const char *namespace_name, const char *name, const char *location,
                          Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME, namespace_name, name, location};
    Status status = STATUS_OK;
    if (sqlite3_exec(connection->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        status = db_error(db, connection->handle, "write", err);
    if (status == STATUS_OK) {
        status = insert_both(db, connection, texts, err);
        if (status == STATUS_OK && sqlite3_exec(connection->handle, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
            status = db_error(db, connection->handle, "write", err);
        if (status != STATUS_OK) sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    give_back(db, connection);
    return status;
}

static Status file_swap(CatalogDb *base, const char *namespace_name, const char *name,
                        const char *old_location, const char *new_location, bool *swapped, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME, namespace_name, name, new_location, old_location};
    int changed = 0, code = 0;
    Status status = run(db, connection, SWAP_LOCATION, texts, 5, &changed, &code, err);
    *swapped = changed == 1;
    give_back(db, connection);
    return status;
}

static Status file_rename(CatalogDb *base, const char *namespace_name, const char *name, const char *new_name,
                          bool *renamed, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME, namespace_name, name, new_name};
    int changed = 0, code = 0;
    Status status = run(db, connection, RENAME_TABLE, texts, 4, &changed, &code, err);
    *renamed = changed == 1;
    give_back(db, connection);
    if (status == STATUS_OK || (code & 0xFF) != SQLITE_CONSTRAINT) return status;
    return error_set(err, SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists", new_name);
}

static Status file_delete(CatalogDb *base, const char *namespace_name, const char *name, const char *location,
                          bool *deleted, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME, namespace_name, name, location};
    int changed = 0, code = 0;
    Status status = run(db, connection, DELETE_TABLE, texts, 4, &changed, &code, err);
    *deleted = changed == 1;
    give_back(db, connection);
    return status;
}

static const char *column_text(sqlite3_stmt *statement, int column, Arena *arena) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return arena_strdup(arena, text ? text : "");
}

static Status file_list(CatalogDb *base, Arena *arena, TableName **out, int *count, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME};
    sqlite3_stmt *statement;
    int capacity = 0, result = SQLITE_DONE;
    *count = 0;
    *out = NULL;
    Status status = bind(db, connection, LIST_TABLES, texts, 1, &statement, err);
    while (status == STATUS_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            TableName *grown = ARENA_NEW_ARRAY(arena, TableName, capacity);
            if (*count) memcpy(grown, *out, (size_t)*count * sizeof *grown);
            *out = grown;
        }
        (*out)[*count].namespace_name = column_text(statement, 0, arena);
        (*out)[(*count)++].name = column_text(statement, 1, arena);
    }
    if (status == STATUS_OK) {
        if (result != SQLITE_DONE) status = db_error(db, connection->handle, "read", err);
        sqlite3_reset(statement);
    }
    give_back(db, connection);
    return status;
}

/* ---- namespaces ------------------------------------------------------------------------------------------
 */

static Status file_namespaces(CatalogDb *base, Arena *arena, const char ***out, int *count, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    *count = 0;
    *out = NULL;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME};
    sqlite3_stmt *statement;
    int capacity = 0, result = SQLITE_DONE;
    Status status = bind(db, connection, LIST_NAMESPACES, texts, 1, &statement, err);
    while (status == STATUS_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            const char **grown = ARENA_NEW_ARRAY(arena, const char *, capacity);
            if (*count) memcpy(grown, *out, (size_t)*count * sizeof *grown);
            *out = grown;
        }
        (*out)[(*count)++] = column_text(statement, 0, arena);
    }
    if (status == STATUS_OK) {
        if (result != SQLITE_DONE) status = db_error(db, connection->handle, "read", err);
        sqlite3_reset(statement);
    }
    give_back(db, connection);
    return status;
}

static Status write_namespace(CatalogDb *base, CatalogStatement which, const char *name, bool *done,
                              Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {CATALOG_NAME, name};
    int changed = 0, code = 0;
    Status status = run(db, connection, which, texts, 2, &changed, &code, err);
    *done = changed > 0;
    give_back(db, connection);
    return status;
}

static Status file_create_namespace(CatalogDb *db, const char *name, bool *done, Error *err) {
    return write_namespace(db, MAKE_NAMESPACE, name, done, err);
}

static Status file_drop_namespace(CatalogDb *db, const char *name, bool *done, Error *err) {
    return write_namespace(db, DROP_NAMESPACE, name, done, err);
}

/* ---- views and functions ---------------------------------------------------------------------------------
 */

static const char *column_copy(sqlite3_stmt *statement, int column, Arena *arena) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? arena_strndup(arena, (const char *)text, (size_t)sqlite3_column_bytes(statement, column))
                : "";
}

static Status file_definitions(CatalogDb *base, DefinitionKind kind, const char *name, Arena *arena,
                               Definition **out, int *count, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    *count = 0;
    if (!db->has_definitions) return STATUS_OK;
    TRY(take(db, &connection, err));
    const char *texts[] = {catalog_db_kind_text(kind), name ? name : ""};
    sqlite3_stmt *statement;
    int capacity = 0, result = SQLITE_ROW;
    *out = NULL;
    *count = 0;
    Status status = bind(db, connection, LIST_DEFINITIONS, texts, 2, &statement, err);
    while (status == STATUS_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            Definition *grown = ARENA_NEW_ARRAY(arena, Definition, capacity);
            if (*count) memcpy(grown, *out, sizeof *grown * (size_t)*count);
            *out = grown;
        }
        (*out)[(*count)++] = (Definition){.kind = kind,
                                          .namespace_name = column_copy(statement, 0, arena),
                                          .name = column_copy(statement, 1, arena),
                                          .signature = column_copy(statement, 2, arena),
                                          .text = column_copy(statement, 3, arena)};
    }
    if (status == STATUS_OK && result != SQLITE_DONE) status = db_error(db, connection->handle, "read", err);
    if (connection->statements[LIST_DEFINITIONS]) sqlite3_reset(connection->statements[LIST_DEFINITIONS]);
    give_back(db, connection);
    return status;
}

static Status file_define(CatalogDb *base, const Definition *definition, bool replace, bool *done,
                          Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {catalog_db_kind_text(definition->kind), definition->namespace_name,
                           definition->name, definition->signature, definition->text};
    int changed = 0, code = 0;
    Status status =
        run(db, connection, replace ? REPLACE_DEFINITION : INSERT_DEFINITION, texts, 5, &changed, &code, err);
    *done = changed > 0;
    give_back(db, connection);
    return status;
}

static Status file_undefine(CatalogDb *base, const Definition *definition, bool *done, Error *err) {
    CatalogFile *db = (CatalogFile *)base;
    Connection *connection;
    TRY(take(db, &connection, err));
    const char *texts[] = {catalog_db_kind_text(definition->kind), definition->namespace_name,
                           definition->name, definition->signature};
    int changed = 0, code = 0;
    Status status = run(db, connection, DELETE_DEFINITION, texts, 4, &changed, &code, err);
    *done = changed > 0;
    give_back(db, connection);
    return status;
}

/* A statement that failed is over when it returns: there is nothing to wait for. */
static const CatalogDbOps SQLITE_OPS = {
    .kind = "SQLite",
    .close = file_close,
    .find = file_find,
    .find_settled = file_find_settled,
    .find_at_once = file_find_at_once,
    .insert = file_insert,
    .swap = file_swap,
    .rename = file_rename,
    .remove = file_delete,
    .list = file_list,
    .namespaces = file_namespaces,
    .create_namespace = file_create_namespace,
    .drop_namespace = file_drop_namespace,
    .definitions = file_definitions,
    .define = file_define,
    .undefine = file_undefine,
};

static bool set_up_tables(sqlite3 *handle) {
    bool is_new = sqlite3_table_column_metadata(handle, NULL, "iceberg_namespace_properties", NULL, NULL,
                                                NULL, NULL, NULL, NULL) != SQLITE_OK;
    return sqlite3_exec(handle, CREATE_TABLES, NULL, NULL, NULL) == SQLITE_OK &&
           (!is_new || sqlite3_exec(handle, CATALOG_DEFAULT_NAMESPACE, NULL, NULL, NULL) == SQLITE_OK);
}

Status catalog_sqlite_open(const char *path, CatalogDb **out, Error *err) {
    CatalogFile *db = calloc(1, sizeof *db);
    if (!db) abort();
    db->base.ops = &SQLITE_OPS;
    db->path = strdup(path);
    pthread_mutex_init(&db->lock, NULL);
    Connection *connection;
    if (connection_open(db, &connection, err) != STATUS_OK) {
        file_close(&db->base);
        return STATUS_ERROR;
    }
    db->has_definitions = sqlite3_exec(connection->handle, CREATE_DEFINITIONS, NULL, NULL, NULL) == SQLITE_OK;
    if (!set_up_tables(connection->handle)) {
        (void)db_error(db, connection->handle, "set up", err);
        connection_close(connection);
        file_close(&db->base);
        return STATUS_ERROR;
    }
    give_back(db, connection);
    *out = &db->base;
    return STATUS_OK;
}
