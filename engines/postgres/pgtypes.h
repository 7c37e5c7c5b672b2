/* The server's type catalog as far as results need it: names of enums, ranges, domains and arrays of them.
 * Filled by describe() and by statements that meet an OID not seen before; entries are never taken back, so a
 * type that was dropped and its OID are harmless. Thread-safe. */
#pragma once

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engines/base/sqltype.h"

typedef struct PgType {
    uint32_t oid;
    char name[64];
    char kind;        /* pg_type.typtype: b, c, d, e, p, r, m */
    uint32_t element; /* of a true array, else 0 */
    uint32_t base;    /* of a domain, else 0 */
    int32_t base_typmod;
} PgType;

typedef struct PgTypes {
    pthread_rwlock_t lock;
    PgType *rows; /* ascending by oid */
    int count;
    int capacity;
} PgTypes;

/* What to ask the server; one row per PgType in its order. Types of table rows are left out: databases have
 * thousands and columns of them are rare. The second form asks for given OIDs ($1 oid[]). */
extern const char pgtypes_query_all[];
extern const char pgtypes_query_some[];

PgType pgtypes_from_row(const PGresult *result, int row); /* text form */

void pgtypes_init(PgTypes *types);
void pgtypes_deinit(PgTypes *types);
void pgtypes_put(PgTypes *types, const PgType *type);
bool pgtypes_get(PgTypes *types, uint32_t oid, PgType *out);

/* The SQL type of a column declared with this OID: domains become their base type, enums, ranges and what
 * else is not known SQL_OTHER. `name` receives the short name ("int4", "mood", "mood[]", "int4range"). False
 * when the OID is neither built in nor known yet (the name is then "unknown"). */
bool pgtypes_resolve(PgTypes *types, uint32_t oid, int32_t typmod, SqlType *type,
                     char name[SQLTYPE_NAME_BYTES]);
