/* SQL types by PostgreSQL's names: what columns are, in every engine and at every edge. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum SqlTypeId {
    SQL_INVALID = 0,
    SQL_UNKNOWN, /* an untyped literal or NULL not yet resolved */
    SQL_BOOL,
    SQL_INT2,
    SQL_INT4,
    SQL_INT8,
    SQL_NUMERIC, /* precision 0 = unconstrained */
    SQL_FLOAT4,
    SQL_FLOAT8,
    SQL_TEXT,
    SQL_VARCHAR, /* precision = declared length, 0 = none */
    SQL_BPCHAR,  /* character(n) */
    SQL_NAME,
    SQL_BYTEA,
    SQL_DATE,
    SQL_TIME,
    SQL_TIMESTAMP,
    SQL_TIMESTAMPTZ,
    SQL_INTERVAL,
    SQL_UUID,
    SQL_JSON,
    SQL_JSONB,
    SQL_OID,
    SQL_RECORD, /* struct columns; shown as JSON */
    SQL_OTHER,  /* an enum, range, domain ...: travels as text under its own name (ColumnDesc.type_name) */
    SQL_TYPE_COUNT
} SqlTypeId;

typedef struct SqlType {
    uint8_t id; /* SqlTypeId; for an array, of its element */
    bool is_array;
    int16_t precision; /* numeric: digits; varchar/bpchar: characters; time types: unset */
    int16_t scale;     /* numeric with a precision only */
} SqlType;

enum { SQLTYPE_NAME_BYTES = 64, NUMERIC_MAX_PRECISION = 38 };

static inline SqlType sqltype_of(SqlTypeId id) {
    return (SqlType){.id = (uint8_t)id};
}
static inline SqlType sqltype_numeric(int precision, int scale) {
    return (SqlType){.id = SQL_NUMERIC, .precision = (int16_t)precision, .scale = (int16_t)scale};
}
static inline SqlType sqltype_array_of(SqlType element) {
    element.is_array = true;
    return element;
}
static inline bool sqltype_is(SqlType type, SqlTypeId id) {
    return type.id == id && !type.is_array;
}
bool sqltype_equals(SqlType a, SqlType b);
bool sqltype_is_integer(SqlType type);
bool sqltype_is_number(SqlType type); /* integers, numeric, floats */
bool sqltype_is_text(SqlType type);   /* text, varchar, bpchar, name */

/* PostgreSQL's spelling as format_type() prints it without typmods where `with_modifiers` is false:
 * "integer", "numeric(10,2)", "character varying(20)", "timestamp with time zone", "text[]". */
const char *sqltype_name(SqlType type, bool with_modifiers, char name[SQLTYPE_NAME_BYTES]);
/* The short catalog name used in API answers: "int4", "numeric", "timestamptz", "_text" for text[]. */
const char *sqltype_short_name(SqlType type, char name[SQLTYPE_NAME_BYTES]);
/* Reads either spelling and the usual aliases (int, bigint, varchar(20), decimal(10,2), timestamptz,
 * text[]...), case-insensitively. Unknown names give SQL_OTHER. */
SqlType sqltype_from_name(const char *name);
/* PostgreSQL's built-in type OIDs, both ways; 0 / SQL_OTHER when there is none. */
SqlType sqltype_from_oid(uint32_t oid, int32_t typmod);
uint32_t sqltype_oid(SqlType type);
