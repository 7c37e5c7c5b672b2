/* What the sources that read and write manifests share. */
#pragma once

#include "engines/columnar/iceberg/manifest.h"

enum { AVRO_NONE = 0, AVRO_SOME = 1 }; /* branches of an optional value */

const char *manifest_field_text(const AvroValue *record, const char *name, Arena *arena);
Status manifest_open_avro(const char *uri, Arena *arena, AvroFile *file, Error *err);
Status manifest_write_container(const char *path, const char *schema, const char *const *metadata,
                                const StrBuf *block, int64_t count, int64_t *bytes, Error *err);
