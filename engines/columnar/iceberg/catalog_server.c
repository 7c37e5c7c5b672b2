#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/catalog_postgres.h"

/* Another transaction that holds the row's lock and says nothing more is ended by the server before those
 * who wait for it give up. A commit is on disk when it returns, whatever the server's default. */
static const char *const SESSION = "SET lock_timeout = '20s'; SET statement_timeout = '60s';"
                                   "SET idle_in_transaction_session_timeout = '10s';"
                                   "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)"
                                   " WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";

static const char *const HAS_TABLES =
    "SELECT pg_catalog.to_regclass('iceberg_tables') IS NOT NULL"
    " AND pg_catalog.to_regclass('iceberg_namespace_properties') IS NOT NULL,"
    " pg_catalog.to_regclass('signalbox_definitions') IS NOT NULL";

/* Two processes that set up at once would fail each other, IF NOT EXISTS or not. */
#define ONE_AT_A_TIME "BEGIN; SELECT pg_catalog.pg_advisory_xact_lock(7310593858020254062);"

static const char *const CREATE_TABLES = ONE_AT_A_TIME
    "CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL,"
    " table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,"
    " metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),"
    " PRIMARY KEY (catalog_name, table_namespace, table_name));"
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL,"
    " namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL,"
    " property_value VARCHAR(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, "
    "property_key));" CATALOG_DEFAULT_NAMESPACE "; COMMIT";

/* Ours alone. */
static const char *const CREATE_DEFINITIONS = ONE_AT_A_TIME
    "CREATE TABLE IF NOT EXISTS signalbox_definitions (kind TEXT NOT NULL, namespace TEXT NOT NULL,"
    " name TEXT NOT NULL, signature TEXT NOT NULL, definition TEXT NOT NULL,"
    " PRIMARY KEY (kind, namespace, name, signature));"
    "COMMIT";

Status catalog_server_error(const CatalogServer *server, PGconn *connection, const PGresult *result,
                            Error *err) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!text || !text[0]) text = PQerrorMessage(connection);
    size_t length = strcspn(text, "\n");
    return error_set(err, state && state[0] ? state : SQLSTATE_CONNECTION_FAILURE, "the catalog in %s: %.*s",
                     server->label, (int)length, text[0] ? text : "out of memory");
}

static void ignore_notice(void *state, const PGresult *notice) {
    (void)state;
    (void)notice;
}

static Status set_up(CatalogServer *server, PGconn *connection, Error *err) {
    PGresult *result = PQexec(connection, HAS_TABLES);
    Status status = STATUS_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        status = catalog_server_error(server, connection, result, err);
        PQclear(result);
        return status;
    }
    bool tables = PQgetvalue(result, 0, 0)[0] == 't', definitions = PQgetvalue(result, 0, 1)[0] == 't';
    PQclear(result);
    if (!tables) {
        result = PQexec(connection, CREATE_TABLES);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            status = catalog_server_error(server, connection, result, err);
        PQclear(result);
    }
    /* Who may not create it can still read the tables. */
    if (status == STATUS_OK && !definitions) PQclear(PQexec(connection, CREATE_DEFINITIONS));
    if (PQtransactionStatus(connection) != PQTRANS_IDLE) PQclear(PQexec(connection, "ROLLBACK"));
    return status;
}

/* A peer that is gone without a word is noticed; the connection string may say otherwise. */
static PGconn *connect_with_defaults(const char *conninfo) {
    const char *const keywords[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                    "keepalives_count", "tcp_user_timeout", "fallback_application_name",
                                    "dbname",           "client_encoding",  NULL};
    const char *const values[] = {"10", "30", "10", "3", "30000", "signalbox", conninfo, "UTF8", NULL};
    return PQconnectdbParams(keywords, values, 1);
}

static Status connection_open(CatalogServer *server, PGconn **out, Error *err) {
    PGconn *connection = connect_with_defaults(server->conninfo);
    if (!connection) abort();
    PQsetNoticeReceiver(connection, ignore_notice, NULL);
    Status status = STATUS_OK;
    if (PQstatus(connection) != CONNECTION_OK) {
        const char *text = PQerrorMessage(connection);
        status = error_set(err, SQLSTATE_CANNOT_CONNECT, "cannot connect to the catalog in %s: %.*s",
                           server->label, (int)strcspn(text, "\n"), text);
    } else {
        PGresult *result = PQexec(connection, SESSION);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            status = catalog_server_error(server, connection, result, err);
        PQclear(result);
    }
    pthread_mutex_lock(&server->lock);
    bool is_set_up = server->is_set_up;
    pthread_mutex_unlock(&server->lock);
    if (status == STATUS_OK && !is_set_up) {
        status = set_up(server, connection, err);
        pthread_mutex_lock(&server->lock);
        server->is_set_up = server->is_set_up || status == STATUS_OK;
        pthread_mutex_unlock(&server->lock);
    }
    if (status != STATUS_OK)
        PQfinish(connection);
    else
        *out = connection;
    return status;
}

static void connection_gone(CatalogServer *server) {
    pthread_mutex_lock(&server->lock);
    server->open_count--;
    pthread_cond_signal(&server->returned);
    pthread_mutex_unlock(&server->lock);
}

Status catalog_server_take(CatalogServer *server, PGconn **out, Error *err) {
    *out = NULL;
    pthread_mutex_lock(&server->lock);
    while (server->idle_count == 0 && server->open_count == CATALOG_CONNECTIONS)
        pthread_cond_wait(&server->returned, &server->lock);
    if (server->idle_count > 0)
        *out = server->idle[--server->idle_count];
    else
        server->open_count++;
    pthread_mutex_unlock(&server->lock);
    if (*out || connection_open(server, out, err) == STATUS_OK) return STATUS_OK;
    connection_gone(server);
    return STATUS_ERROR;
}

bool catalog_server_give_back(CatalogServer *server, PGconn *connection) {
    bool lost = PQstatus(connection) != CONNECTION_OK;
    PGconn *closed[CATALOG_CONNECTIONS + 1];
    int closed_count = 0;
    if (lost || PQtransactionStatus(connection) != PQTRANS_IDLE) closed[closed_count++] = connection;
    pthread_mutex_lock(&server->lock);
    if (closed_count == 0) server->idle[server->idle_count++] = connection;
    while (lost && server->idle_count > 0)
        closed[closed_count++] = server->idle[--server->idle_count];
    server->open_count -= closed_count;
    pthread_cond_broadcast(&server->returned);
    pthread_mutex_unlock(&server->lock);
    for (int i = 0; i < closed_count; i++)
        PQfinish(closed[i]);
    return lost;
}

/* "database "x" at host" of a connection string; what it does not say is libpq's default. */
static char *label_of(const PQconninfoOption *options) {
    const char *database = "", *host = "";
    char *label;
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val) continue;
        if (strcmp(option->keyword, "dbname") == 0) database = option->val;
        if (strcmp(option->keyword, "host") == 0) host = option->val;
    }
    if (asprintf(&label, "PostgreSQL database \"%s\"%s%s", database, host[0] ? " at " : "", host) < 0)
        abort();
    return label;
}

Status catalog_server_open(const char *conninfo, CatalogServer **out, Error *err) {
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &problem);
    if (!options) {
        /* libpq's words may hold a piece of the password. */
        PQfreemem(problem);
        return error_set(err, SQLSTATE_CONFIG,
                         "the setting \"catalog\" begins like a connection string of PostgreSQL but is none; "
                         "the path of a file can be written ./NAME");
    }
    CatalogServer *server = calloc(1, sizeof *server);
    if (!server) abort();
    server->conninfo = strdup(conninfo);
    server->label = label_of(options);
    PQconninfoFree(options);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->returned, NULL);
    *out = server;
    return STATUS_OK;
}

void catalog_server_close(CatalogDb *db) {
    CatalogServer *server = (CatalogServer *)db;
    while (server->idle_count > 0)
        PQfinish(server->idle[--server->idle_count]);
    pthread_cond_destroy(&server->returned);
    pthread_mutex_destroy(&server->lock);
    free(server->conninfo);
    free(server->label);
    free(server);
}
