/* Avro schemas as read from a file's "avro.schema": private to avro*.c. */
#pragma once

#include "engines/columnar/iceberg/avro.h"

enum { AVRO_MAX_DEPTH = 48 };

typedef struct AvroField {
    const char *name;
    const AvroSchema *schema;
    int64_t id; /* attribute "field-id", -1 = none */
} AvroField;

struct AvroSchema {
    AvroKind kind;
    const char *name;            /* named types */
    AvroField *fields;           /* RECORD */
    const AvroSchema **branches; /* UNION; ARRAY and MAP: [0] = items */
    int count;                   /* fields, branches, enum symbols */
    int64_t fixed_bytes;
};

Status avro_schema_parse(const char *json, size_t length, Arena *arena, const AvroSchema **out, Error *err);
