/* FlatBuffers (https://flatbuffers.dev/internals): what Arrow's IPC messages are written in. Just what these
 * need: tables, strings, vectors of tables and of structs. Little-endian hosts.
 *
 * Writing goes front to back: an object first has its place, then what it links to. Positions count from the
 * buffer's start, which must lie on a multiple of 8 in what is sent.
 *
 * Reading trusts nothing: what lies outside makes `damaged` true and reads as absent or 0; look at it once,
 * at the end.
 */
#pragma once

#include <stdbool.h>

#include "engines/base/strbuf.h"

/* ---- writing ---- */

enum { FLAT_MAX_FIELDS = 8, FLAT_LINK_BYTES = 4 };

typedef struct FlatBuilder {
    StrBuf *out;
    size_t base; /* where in `out` the buffer starts */
} FlatBuilder;

/* Starts a buffer at the end of `out`, whose root is linked by flat_link(builder, 0, table). */
void flat_begin(FlatBuilder *builder, StrBuf *out);
/* A table whose field i takes widths[i] bytes (0 = absent, links are FLAT_LINK_BYTES), all zero; at[i]
 * becomes its position. Returns the table's. */
size_t flat_table(FlatBuilder *builder, const uint8_t *widths, int count, size_t *at);
void flat_put(FlatBuilder *builder, size_t at, int64_t value, int width);
/* Lets the link at `at` lead to an object behind it. */
void flat_link(FlatBuilder *builder, size_t at, size_t target);
size_t flat_string(FlatBuilder *builder, const char *text, size_t length);
/* A vector of links: the first is 4 behind it. */
size_t flat_links(FlatBuilder *builder, uint32_t count);
/* A vector of structs that are copied from `structs` (their size a multiple of 8). */
size_t flat_structs(FlatBuilder *builder, const void *structs, uint32_t count, size_t struct_bytes);
/* Pads to a multiple of 8; returns the bytes of the whole buffer. */
size_t flat_end(FlatBuilder *builder);

/* ---- reading ---- */

typedef struct FlatView {
    const uint8_t *bytes;
    size_t length;
    bool damaged;
} FlatView;

typedef struct FlatTable {
    FlatView *view;
    size_t at;
    size_t fields; /* the positions of its fields, as 16-bit numbers */
    uint32_t field_count;
    uint32_t bytes;
} FlatTable; /* all zero = absent: every field of it is */

typedef struct FlatVector {
    FlatView *view;
    size_t at; /* of the first element */
    uint32_t count;
} FlatVector;

FlatTable flat_root(FlatView *view);
/* Signed, `width` 1, 2, 4 or 8. */
int64_t flat_integer(const FlatTable *table, int field, int width, int64_t absent);
bool flat_has(const FlatTable *table, int field);
FlatTable flat_child(const FlatTable *table, int field);
/* Not NUL-terminated; NULL when absent. */
const char *flat_text(const FlatTable *table, int field, size_t *length);
/* All elements lie inside. */
FlatVector flat_vector(const FlatTable *table, int field, size_t element_bytes);
FlatTable flat_element(const FlatVector *links, uint32_t index);
