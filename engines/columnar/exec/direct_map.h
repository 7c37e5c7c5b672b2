/* Small key domains without hashing: dictionary codes, booleans, narrow integer ranges → group number by one
 * array lookup per row. Internal to exec/. */
#pragma once

#include "engines/columnar/exec/rows.h"

enum { DIRECT_MAX_KEYS = 4, DIRECT_MAX_CELLS = 1 << 18 };

typedef struct DirectKey {
    bool is_dictionary;
    uint64_t dictionary_id;
    int64_t base;  /* integers */
    int64_t size;  /* values; NULL is one more */
    bool hopeless; /* integers too far apart */
} DirectKey;

typedef struct DirectMap {
    DirectKey keys[DIRECT_MAX_KEYS];
    int key_count;
    uint32_t *cells; /* group + 1, 0 = not met yet */
    int64_t cell_count, cell_capacity;
} DirectMap;

void direct_map_deinit(DirectMap *map);
/* Cell of every selected row; false when these vectors do not suit. Cells are forgotten when the domain
 * changes. */
bool direct_map_locate(DirectMap *map, const Vector *columns, int column_count, int rows,
                       const uint16_t *selection, int selected, uint32_t *cells);
