/* A value as a text format gives it, before it has a SQL type. */
#pragma once

#include <stddef.h>

typedef enum CellKind {
    CELL_NULL,
    CELL_TEXT,   /* CSV, unquoted: its shape decides */
    CELL_QUOTED, /* CSV, quoted: the same, but empty is not NULL in a text column */
    CELL_STRING, /* JSON string, unescaped */
    CELL_NUMBER, /* JSON number as written */
    CELL_BOOL,   /* JSON true or false as written */
    CELL_NESTED  /* JSON object or array as written */
} CellKind;

typedef struct Cell {
    CellKind kind;
    const char *data;
    size_t length;
} Cell;
