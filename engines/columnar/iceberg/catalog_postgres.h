/* Connections to the PostgreSQL database of a catalog (catalog_server.c), and what runs on them
 * (catalog_postgres.c). */
#pragma once

#include <libpq-fe.h>
#include <pthread.h>

#include "engines/columnar/iceberg/catalog_db.h"

/* Of one process: a statement holds one for a moment, further ones wait. */
enum { CATALOG_CONNECTIONS = 4 };

typedef struct CatalogServer {
    CatalogDb base;
    char *conninfo;
    char *label; /* database and host, without the password */
    pthread_mutex_t lock;
    pthread_cond_t returned;
    PGconn *idle[CATALOG_CONNECTIONS];
    int idle_count, open_count;
    bool is_set_up; /* the tables are there */
} CatalogServer;

/* F0000 when the text cannot be understood; connects to nothing. `base.ops` is the caller's to set. */
Status catalog_server_open(const char *conninfo, CatalogServer **out, Error *err);
void catalog_server_close(CatalogDb *db);
/* A connection of the caller's own until it is given back; 08001 when the server cannot be reached. */
Status catalog_server_take(CatalogServer *server, PGconn **out, Error *err);
/* True when the connection turned out to be gone: the idle ones are given up with it. */
bool catalog_server_give_back(CatalogServer *server, PGconn *connection);
/* The server's error with its SQLSTATE, or 08006. Always STATUS_ERROR. */
Status catalog_server_error(const CatalogServer *server, PGconn *connection, const PGresult *result,
                            Error *err);
/* For tests: called before COMMIT is sent. NULL otherwise. */
extern void (*catalog_postgres_commit_hook)(PGconn *connection);
