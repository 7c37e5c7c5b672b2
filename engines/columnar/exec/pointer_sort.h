/* Pointers in an order that comparing gives, stable, in a way that a cancel ends soon. Internal to exec/. */
#pragma once

#include "engines/columnar/exec/query.h"

typedef int (*PointerCompare)(const void *context, const char *a, const char *b);

/* `scratch` has room for `count` pointers, too. When it gives an error, their order is any. */
Status pointer_sort(Query *query, char **items, char **scratch, int64_t count, PointerCompare compare,
                    const void *context, Error *err);
