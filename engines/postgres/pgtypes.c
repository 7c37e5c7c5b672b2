#include "engines/postgres/pgtypes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PGTYPES_COLUMNS                                                                                      \
    "SELECT t.oid, t.typname, t.typtype, CASE WHEN t.typlen = -1 AND t.typelem <> 0 THEN t.typelem ELSE 0 "  \
    "END, "                                                                                                  \
    "t.typbasetype, t.typtypmod FROM pg_catalog.pg_type t "

const char pgtypes_query_all[] = PGTYPES_COLUMNS "LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem WHERE "
                                                 "t.typrelid = 0 AND COALESCE(e.typrelid, 0) = 0";
const char pgtypes_query_some[] = PGTYPES_COLUMNS "WHERE t.oid = ANY ($1::oid[])";

PgType pgtypes_from_row(const PGresult *result, int row) {
    PgType type = {.oid = (uint32_t)strtoul(PQgetvalue(result, row, 0), NULL, 10),
                   .kind = PQgetvalue(result, row, 2)[0],
                   .element = (uint32_t)strtoul(PQgetvalue(result, row, 3), NULL, 10),
                   .base = (uint32_t)strtoul(PQgetvalue(result, row, 4), NULL, 10),
                   .base_typmod = atoi(PQgetvalue(result, row, 5))};
    snprintf(type.name, sizeof type.name, "%s", PQgetvalue(result, row, 1));
    return type;
}

void pgtypes_init(PgTypes *types) {
    memset(types, 0, sizeof *types);
    pthread_rwlock_init(&types->lock, NULL);
}

void pgtypes_deinit(PgTypes *types) {
    pthread_rwlock_destroy(&types->lock);
    free(types->rows);
}

static int lower_bound(const PgTypes *types, uint32_t oid) {
    int low = 0, high = types->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (types->rows[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void pgtypes_put(PgTypes *types, const PgType *type) {
    pthread_rwlock_wrlock(&types->lock);
    int at = lower_bound(types, type->oid);
    if (at == types->count || types->rows[at].oid != type->oid) {
        if (types->count == types->capacity) {
            types->capacity = types->capacity ? types->capacity * 2 : 512;
            types->rows = realloc(types->rows, sizeof *types->rows * (size_t)types->capacity);
            if (!types->rows) abort();
        }
        memmove(&types->rows[at + 1], &types->rows[at], sizeof *types->rows * (size_t)(types->count - at));
        types->count++;
    }
    types->rows[at] = *type;
    pthread_rwlock_unlock(&types->lock);
}

bool pgtypes_get(PgTypes *types, uint32_t oid, PgType *out) {
    pthread_rwlock_rdlock(&types->lock);
    int at = lower_bound(types, oid);
    bool found = at < types->count && types->rows[at].oid == oid;
    if (found) *out = types->rows[at];
    pthread_rwlock_unlock(&types->lock);
    return found;
}

/* numeric(p,s) fits Arrow's 128-bit decimal only within these bounds; others keep every digit as text. */
static SqlType normalize_numeric(SqlType type) {
    bool fits = type.precision > 0 && type.precision <= NUMERIC_MAX_PRECISION && type.scale >= 0 &&
                type.scale <= type.precision;
    if (type.id == SQL_NUMERIC && !fits) type.precision = type.scale = 0;
    return type;
}

bool pgtypes_resolve(PgTypes *types, uint32_t oid, int32_t typmod, SqlType *type,
                     char name[SQLTYPE_NAME_BYTES]) {
    *type = normalize_numeric(sqltype_from_oid(oid, typmod));
    if (type->id != SQL_OTHER) {
        SqlType plain = *type;
        if (plain.id == SQL_NUMERIC) plain.precision = plain.scale = 0;
        sqltype_short_name(plain, name);
        return true;
    }
    PgType row;
    if (!pgtypes_get(types, oid, &row)) {
        snprintf(name, SQLTYPE_NAME_BYTES, "unknown");
        return false;
    }
    if (row.kind == 'd') {
        char ignored[SQLTYPE_NAME_BYTES];
        bool known = pgtypes_resolve(types, row.base, row.base_typmod, type, ignored);
        snprintf(name, SQLTYPE_NAME_BYTES, "%s", row.name);
        return known;
    }
    PgType element;
    if (row.element && pgtypes_get(types, row.element, &element)) {
        /* Elements with a known built-in type are resolved by sqltype_from_oid already; domains lose their
         * name. */
        SqlType element_type;
        char element_name[SQLTYPE_NAME_BYTES];
        pgtypes_resolve(types, row.element, -1, &element_type, element_name);
        if (!element_type.is_array) *type = sqltype_array_of(element_type);
        snprintf(name, SQLTYPE_NAME_BYTES, "%.60s[]", element.name);
        return true;
    }
    snprintf(name, SQLTYPE_NAME_BYTES, "%s", row.name);
    return true;
}
