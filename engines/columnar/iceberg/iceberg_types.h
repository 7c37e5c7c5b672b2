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

/* Iceberg's name of a type ("long", "decimal(10, 2)"), or 0A000 naming the column. */
Status iceberg_type_name(SqlType type, const char *column, char name[SQLTYPE_NAME_BYTES], Error *err);
/* SQL_OTHER for nested types and those not known here. `declared` is the property's text or NULL; it counts
 * only when it is stored as `type`. */
SqlType iceberg_type_parse(const json_t *type, const char *declared);
bool iceberg_type_needs_property(SqlType type);

/* Appends a value whole. */
void iceberg_value_encode(SqlType type, const union ParquetBound *value, StrBuf *out);
/* Appends the bounds, long strings cut; false when there is no bound to give (a string without an upper
 * neighbour). */
bool iceberg_bound_encode(SqlType type, const union ParquetBound *bound, bool upper, StrBuf *out);
/* False when the bytes are no bound of that type. Strings point into `data`. */
bool iceberg_bound_decode(SqlType type, const char *data, size_t length, union ParquetBound *out);
