/* SQL types ↔ Iceberg types (Iceberg table specification, "Schemas and Data Types"), and column bounds in the
 * specification's "Binary single-value serialization".
 *
 * What Iceberg cannot say (int2, varchar(n), json ...) is kept beside the schema in the table property
 * "signalbox.type.FIELD_ID", so that the column comes back as it was declared and other tools see the plain
 * type. */
#pragma once

#include <jansson.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_catalog.h"

#define ICEBERG_TYPE_PROPERTY "signalbox.type."

/* The type as a schema has it: a name, or for an array a list whose elements have that field id. */
Status iceberg_type_json(SqlType type, const char *column, int element_id, json_t **out, Error *err);
/* Of an array its elements': Iceberg's name of a type ("long", "decimal(10, 2)"), or 0A000 naming the column.
 */
Status iceberg_type_name(SqlType type, const char *column, char name[SQLTYPE_NAME_BYTES], Error *err);
/* A list of scalars is an array, other nested types are jsonb (iceberg_type_is_nested); SQL_OTHER for what is
 * not known here. `declared` is the property's text or NULL; it counts only when it is stored as `type`. */
SqlType iceberg_type_parse(const json_t *type, const char *declared);
bool iceberg_type_is_nested(const json_t *type);
bool iceberg_type_needs_property(SqlType type);

/* Appends a value whole. */
void iceberg_value_encode(SqlType type, const union ParquetBound *value, StrBuf *out);
/* Appends the bounds, long strings cut; false when there is no bound to give (a string without an upper
 * neighbour). */
bool iceberg_bound_encode(SqlType type, const union ParquetBound *bound, bool upper, StrBuf *out);
/* False when the bytes are no bound of that type. Strings point into `data`. */
bool iceberg_bound_decode(SqlType type, const char *data, size_t length, union ParquetBound *out);
