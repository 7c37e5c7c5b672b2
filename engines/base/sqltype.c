#include "engines/base/sqltype.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct TypeName {
    SqlTypeId id;
    const char *short_name;
    const char *long_name;
    uint32_t oid;
    uint32_t array_oid;
} TypeName;

/* OIDs: PostgreSQL's pg_type.dat, fixed for built-in types. */
static const TypeName type_names[] = {
    {SQL_BOOL, "bool", "boolean", 16, 1000},
    {SQL_INT2, "int2", "smallint", 21, 1005},
    {SQL_INT4, "int4", "integer", 23, 1007},
    {SQL_INT8, "int8", "bigint", 20, 1016},
    {SQL_NUMERIC, "numeric", "numeric", 1700, 1231},
    {SQL_FLOAT4, "float4", "real", 700, 1021},
    {SQL_FLOAT8, "float8", "double precision", 701, 1022},
    {SQL_TEXT, "text", "text", 25, 1009},
    {SQL_VARCHAR, "varchar", "character varying", 1043, 1015},
    {SQL_BPCHAR, "bpchar", "character", 1042, 1014},
    {SQL_NAME, "name", "name", 19, 1003},
    {SQL_BYTEA, "bytea", "bytea", 17, 1001},
    {SQL_DATE, "date", "date", 1082, 1182},
    {SQL_TIME, "time", "time without time zone", 1083, 1183},
    {SQL_TIMESTAMP, "timestamp", "timestamp without time zone", 1114, 1115},
    {SQL_TIMESTAMPTZ, "timestamptz", "timestamp with time zone", 1184, 1185},
    {SQL_INTERVAL, "interval", "interval", 1186, 1187},
    {SQL_UUID, "uuid", "uuid", 2950, 2951},
    {SQL_JSON, "json", "json", 114, 199},
    {SQL_JSONB, "jsonb", "jsonb", 3802, 3807},
    {SQL_OID, "oid", "oid", 26, 1028},
    {SQL_RECORD, "record", "record", 2249, 2287},
    {SQL_UNKNOWN, "unknown", "unknown", 705, 0},
};

static const struct {
    const char *alias;
    SqlTypeId id;
} type_aliases[] = {
    {"int", SQL_INT4},      {"decimal", SQL_NUMERIC}, {"dec", SQL_NUMERIC},         {"float", SQL_FLOAT8},
    {"char", SQL_BPCHAR},   {"string", SQL_TEXT},     {"timestamp", SQL_TIMESTAMP}, {"time", SQL_TIME},
    {"double", SQL_FLOAT8},
};

enum { TYPE_NAME_COUNT = sizeof type_names / sizeof type_names[0] };

static const TypeName *type_name_of(SqlTypeId id) {
    for (int i = 0; i < TYPE_NAME_COUNT; i++)
        if (type_names[i].id == id) return &type_names[i];
    return NULL;
}

bool sqltype_equals(SqlType a, SqlType b) {
    return a.id == b.id && a.is_array == b.is_array && a.precision == b.precision && a.scale == b.scale;
}

bool sqltype_is_integer(SqlType type) {
    return !type.is_array && (type.id == SQL_INT2 || type.id == SQL_INT4 || type.id == SQL_INT8);
}

bool sqltype_is_number(SqlType type) {
    return sqltype_is_integer(type) ||
           (!type.is_array && (type.id == SQL_NUMERIC || type.id == SQL_FLOAT4 || type.id == SQL_FLOAT8));
}

bool sqltype_is_text(SqlType type) {
    return !type.is_array &&
           (type.id == SQL_TEXT || type.id == SQL_VARCHAR || type.id == SQL_BPCHAR || type.id == SQL_NAME);
}

static void modifier_text(SqlType type, char text[24]) {
    text[0] = 0;
    if (type.id == SQL_NUMERIC && type.precision)
        snprintf(text, 24, "(%d,%d)", type.precision, type.scale);
    else if ((type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) && type.precision)
        snprintf(text, 24, "(%d)", type.precision);
}

const char *sqltype_name(SqlType type, bool with_modifiers, char name[SQLTYPE_NAME_BYTES]) {
    const TypeName *entry = type_name_of(type.id);
    char modifier[24] = "";
    if (with_modifiers) modifier_text(type, modifier);
    snprintf(name, SQLTYPE_NAME_BYTES, "%s%s%s", entry ? entry->long_name : "other", modifier,
             type.is_array ? "[]" : "");
    return name;
}

const char *sqltype_short_name(SqlType type, char name[SQLTYPE_NAME_BYTES]) {
    const TypeName *entry = type_name_of(type.id);
    snprintf(name, SQLTYPE_NAME_BYTES, "%s%s", type.is_array ? "_" : "", entry ? entry->short_name : "other");
    return name;
}

static SqlTypeId id_from_plain_name(const char *name) {
    for (int i = 0; i < TYPE_NAME_COUNT; i++)
        if (!strcasecmp(name, type_names[i].short_name) || !strcasecmp(name, type_names[i].long_name))
            return type_names[i].id;
    for (size_t i = 0; i < sizeof type_aliases / sizeof type_aliases[0]; i++)
        if (!strcasecmp(name, type_aliases[i].alias)) return type_aliases[i].id;
    return SQL_OTHER;
}

/* Takes "(…)" out of `name`, wherever it stands ("timestamp(6) with time zone"), and reads its numbers. */
static void take_modifiers(char *name, int *first, int *second) {
    char *open = strchr(name, '(');
    char *close = open ? strchr(open, ')') : NULL;
    *first = -1;
    *second = 0;
    if (!close) return;
    char *after;
    long value = strtol(open + 1, &after, 10);
    *first = value > 0 && value < 100000000 ? (int)value : -1;
    if (*after == ',') *second = (int)strtol(after + 1, NULL, 10); /* negative since PostgreSQL 15 */
    memmove(open, close + 1, strlen(close + 1) + 1);
}

SqlType sqltype_from_name(const char *name) {
    char plain[SQLTYPE_NAME_BYTES];
    SqlType type = {0};
    if (name[0] == '_') {
        type.is_array = true;
        name++;
    }
    snprintf(plain, sizeof plain, "%s", name);
    size_t length = strlen(plain);
    if (length > 2 && !strcmp(plain + length - 2, "[]")) {
        type.is_array = true;
        plain[length - 2] = 0;
    }
    int first, second;
    take_modifiers(plain, &first, &second);
    for (length = strlen(plain); length > 0 && isspace((unsigned char)plain[length - 1]);)
        plain[--length] = 0;
    type.id = (uint8_t)id_from_plain_name(plain);
    if (type.id == SQL_NUMERIC && first > 0 && first <= 1000) {
        type.precision = (int16_t)first;
        type.scale = (int16_t)(second >= -1000 && second <= 1000 ? second : 0);
    }
    if ((type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) && first > 0 && first <= INT16_MAX)
        type.precision = (int16_t)first;
    return type;
}

SqlType sqltype_from_oid(uint32_t oid, int32_t typmod) {
    SqlType type = {.id = SQL_OTHER};
    for (int i = 0; i < TYPE_NAME_COUNT; i++) {
        if (oid != type_names[i].oid && (oid != type_names[i].array_oid || oid == 0)) continue;
        type.id = (uint8_t)type_names[i].id;
        type.is_array = oid == type_names[i].array_oid;
    }
    if (typmod < 4) return type;
    if (type.id == SQL_NUMERIC) {
        type.precision = (int16_t)((typmod - 4) >> 16 & 0xFFFF);
        int scale = (typmod - 4) & 0x7FF;
        type.scale = (int16_t)((scale ^ 1024) - 1024); /* 11-bit two's complement since PostgreSQL 15 */
    } else if ((type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) && typmod - 4 <= INT16_MAX) {
        type.precision = (int16_t)(typmod - 4);
    }
    return type;
}

uint32_t sqltype_oid(SqlType type) {
    const TypeName *entry = type_name_of(type.id);
    if (!entry) return 0;
    return type.is_array ? entry->array_oid : entry->oid;
}
