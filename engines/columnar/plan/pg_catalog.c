#include "engines/columnar/plan/pg_catalog.h"

#include <stdlib.h>
#include <string.h>

#include "engines/columnar/plan/pg_catalog_data.inc.c"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* First index in [0, count) whose name is not below `name`; names stand `stride` bytes apart, at the row's
 * start. */
static int lower_bound(const void *rows, int count, size_t stride, const char *name) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        const char *at;
        memcpy(&at, (const char *)rows + (size_t)middle * stride, sizeof at);
        if (strcmp(at, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const PgOperator *pg_operators_named(const char *name, int *count) {
    int first = lower_bound(OPERATORS, COUNT_OF(OPERATORS), sizeof OPERATORS[0], name);
    int end = first;
    while (end < COUNT_OF(OPERATORS) && strcmp(OPERATORS[end].name, name) == 0)
        end++;
    *count = end - first;
    return end > first ? &OPERATORS[first] : NULL;
}

const PgFunction *pg_functions_named(const char *name, int *count) {
    int first = lower_bound(FUNCTIONS, COUNT_OF(FUNCTIONS), sizeof FUNCTIONS[0], name);
    int end = first;
    while (end < COUNT_OF(FUNCTIONS) && strcmp(FUNCTIONS[end].name, name) == 0)
        end++;
    *count = end - first;
    return end > first ? &FUNCTIONS[first] : NULL;
}

bool pg_function_exists_otherwise(const char *name) {
    int at = lower_bound(OTHER_FUNCTIONS, COUNT_OF(OTHER_FUNCTIONS), sizeof OTHER_FUNCTIONS[0], name);
    return at < COUNT_OF(OTHER_FUNCTIONS) && strcmp(OTHER_FUNCTIONS[at], name) == 0;
}

static SqlTypeId type_of_letter(char letter) {
    switch (letter) {
    case 'b': return SQL_BOOL;
    case 's': return SQL_INT2;
    case 'i': return SQL_INT4;
    case 'l': return SQL_INT8;
    case 'n': return SQL_NUMERIC;
    case 'f': return SQL_FLOAT4;
    case 'd': return SQL_FLOAT8;
    case 't': return SQL_TEXT;
    case 'v': return SQL_VARCHAR;
    case 'c': return SQL_BPCHAR;
    case 'N': return SQL_NAME;
    case 'y': return SQL_BYTEA;
    case 'D': return SQL_DATE;
    case 'T': return SQL_TIME;
    case 'p': return SQL_TIMESTAMP;
    case 'z': return SQL_TIMESTAMPTZ;
    case 'I': return SQL_INTERVAL;
    case 'u': return SQL_UUID;
    case 'j': return SQL_JSON;
    case 'J': return SQL_JSONB;
    case 'o': return SQL_OID;
    case 'r': return SQL_RECORD;
    case 'a':
    case 'e': return SQL_UNKNOWN;
    default: return SQL_OTHER;
    }
}

SqlType pg_type_next(const char **letters) {
    SqlType type = {0};
    if (**letters == '[') {
        type.is_array = true;
        (*letters)++;
    }
    type.id = (uint8_t)type_of_letter(**letters);
    if (**letters) (*letters)++;
    return type;
}

int pg_type_count(const char *letters) {
    int count = 0;
    for (; *letters; letters++)
        count += *letters != '[';
    return count;
}

PgCategory pg_type_category(SqlType type) {
    if (type.is_array) return PG_CATEGORY_ARRAY;
    switch (type.id) {
    case SQL_UNKNOWN: return PG_CATEGORY_UNKNOWN;
    case SQL_BOOL: return PG_CATEGORY_BOOL;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_NUMERIC:
    case SQL_FLOAT4:
    case SQL_FLOAT8:
    case SQL_OID: return PG_CATEGORY_NUMBER;
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_BPCHAR:
    case SQL_NAME: return PG_CATEGORY_STRING;
    case SQL_DATE:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return PG_CATEGORY_DATETIME;
    case SQL_INTERVAL: return PG_CATEGORY_TIMESPAN;
    case SQL_RECORD: return PG_CATEGORY_PSEUDO;
    default: return PG_CATEGORY_USER;
    }
}

bool pg_type_is_preferred(SqlType type) {
    return !type.is_array && (type.id == SQL_BOOL || type.id == SQL_FLOAT8 || type.id == SQL_OID ||
                              type.id == SQL_TEXT || type.id == SQL_TIMESTAMPTZ || type.id == SQL_INTERVAL);
}

char pg_cast_context(SqlType from, SqlType to) {
    if (from.id == to.id && from.is_array == to.is_array) return 'i';
    if (from.is_array && to.is_array) {
        from.is_array = to.is_array = false;
        return pg_cast_context(from, to);
    }
    if (from.is_array || to.is_array)
        return !from.is_array && pg_type_category(from) == PG_CATEGORY_STRING ? 'e'
               : pg_type_category(to) == PG_CATEGORY_STRING                   ? 'a'
                                                                              : 0;
    for (int i = 0; i < COUNT_OF(CASTS); i++)
        if (type_of_letter(CASTS[i].from[0]) == from.id && type_of_letter(CASTS[i].to[0]) == to.id)
            return CASTS[i].context;
    /* Through the types' text forms: to strings on assignment, from strings only when asked for. */
    if (pg_type_category(to) == PG_CATEGORY_STRING) return 'a';
    return pg_type_category(from) == PG_CATEGORY_STRING ? 'e' : 0;
}
