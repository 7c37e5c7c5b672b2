/* A row value: one blob that tells its fields' types, carried in a PHYS_STRING vector of type SQL_RECORD.
 * Read with record_open(), built with a RecordBuilder; both as array_value.h does it.
 *
 * Blob: a mark, whether fields are named, their number; per field its type, whether it is NULL and where its
 * value ends; the names, if any, with their ends; the values: `physical_width` bytes as in a vector (numeric
 * always as Numeric), strings as they are.
 */
#pragma once

#include "engines/columnar/types/array_value.h"

enum { RECORD_MAX_FIELDS = 1664 };

typedef struct RecordField {
    SqlType type;
    bool null;
    uint8_t physical;
    const char *data;
    uint32_t length;
    const char *name; /* not terminated; NULL when fields have no names */
    uint32_t name_length;
} RecordField;

typedef struct RecordValue {
    int field_count;
    bool named;
    const char *fields, *name_ends, *names, *values;
} RecordValue;

/* XX001 when the bytes are not a row. */
Status record_open(const StringView *blob, RecordValue *out, Error *err);
void record_field(const RecordValue *record, int index, RecordField *out);
/* The field as the only row of a FLAT vector over its own memory (a NULL one has validity). */
void record_field_vector(const RecordField *field, Arena *arena, Vector *out);
/* The value in its physical form: a StringView for strings. */
void record_field_get(const RecordField *field, void *out);

/* Row `row` of the vectors as one blob; `names` may be NULL. */
Status record_build(const Vector *fields, int field_count, const char *const *names, int row, Arena *arena,
                    StringView *out, Error *err);
