/* A value as a text format gives it, before it has a SQL type. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum CellKind {
    CELL_NULL,
    CELL_TEXT,           /* CSV, unquoted: its shape decides */
    CELL_QUOTED,         /* CSV, quoted: the same, but empty is not NULL in a text column */
    CELL_QUOTED_ESCAPED, /* the same, doubled quotes still to be made one */
    CELL_STRING,         /* JSON string without escapes */
    CELL_STRING_ESCAPED, /* JSON string, escapes still to be resolved */
    CELL_NUMBER,         /* JSON number as written */
    CELL_BOOL,           /* JSON true or false as written */
    CELL_NESTED          /* JSON object or array as written */
} CellKind;

typedef struct Cell {
    CellKind kind;
    const char *data;
    size_t length;
} Cell;

/* A cell of a block of text, in eight bytes; zero is NULL. */
typedef struct CellRef {
    uint32_t offset;
    uint32_t length_kind;
} CellRef;

/* Behind the last byte of a text that is parsed; loads of whole words may go there. */
enum { TEXT_PADDING = 192 };

static inline CellRef cell_ref(const char *base, const char *data, size_t length, CellKind kind) {
    return (CellRef){(uint32_t)(data - base), (uint32_t)(length << 4) | kind};
}
static inline CellKind cell_ref_kind(CellRef ref) {
    return (CellKind)(ref.length_kind & 15);
}
static inline uint32_t cell_ref_length(CellRef ref) {
    return ref.length_kind >> 4;
}
