/* Variant values (parquet-format, VariantEncoding.md) as jsonb. Every length and offset is checked. Inside
 * this folder only. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/parquet/parquet_metadata.h"

typedef struct VariantBytes {
    const uint8_t *data;
    size_t length;
} VariantBytes;

static inline VariantBytes variant_bytes(const StringView *view) {
    return (VariantBytes){(const uint8_t *)stringview_data(view), view->length};
}

/* An object's members, in the order they are stored. */
typedef struct VariantObject {
    VariantBytes metadata, ids, offsets, values;
    uint32_t count;
    int id_bytes, offset_bytes;
} VariantObject;

bool variant_is_object(VariantBytes value);
/* False when the bytes are no object. */
bool variant_open_object(VariantBytes metadata, VariantBytes value, VariantObject *out);
bool variant_object_member(const VariantObject *object, uint32_t index, StringView *key, VariantBytes *value);

/* Appends the value; XX001 when it is malformed, 54000 when it grows beyond `largest` bytes. */
Status variant_put_json(VariantBytes metadata, VariantBytes value, const char *path, size_t largest,
                        StrBuf *out, Error *err);
