/* From features and resolved tables to a StatementClass, with the key or index that made it one. */
#pragma once

#include "router/features.h"
#include "router/resolve.h"

typedef struct Classification {
    StatementClass class;
    const KeyDesc *key;         /* of a point lookup or an indexed range */
    const RegistryTable *table; /* the one table, NULL when there are several or none */
    double expected_rows;       /* of a point lookup or an indexed range, < 0 = unknown */
} Classification;

void classify(const Features *features, const Resolution *resolution, Classification *out);
