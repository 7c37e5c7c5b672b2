/* Deletion vectors: a 64-bit Roaring bitmap in the portable serialization (RoaringFormatSpec, "Extension for
 * 64-bit Implementations") inside the blob "deletion-vector-v1" of the Puffin specification. */
#pragma once

#include "engines/base/error.h"

/* Sets the bits of the rows that the blob deletes in `bits`, which has room for `rows`. XX001 when the blob
 * is broken or names a row beyond; `name` is for errors. */
Status deletion_vector_decode(const void *blob, size_t bytes, const char *name, uint64_t *bits, int64_t rows,
                              Error *err);
