/* Shapes whose answers differed between engines, as the history has them (fcgi/api/shadow.h): until someone
 * has looked, they are read where the rows come from. Thread-safe. */
#pragma once

#include "router/choose.h"

Quarantine *quarantine_create(void);
void quarantine_destroy(Quarantine *quarantine); /* may be NULL */
/* Copies them. True when they are others than before. */
bool quarantine_set(Quarantine *quarantine, const uint64_t *fingerprints, int count);
int quarantine_count(Quarantine *quarantine);

/* Of a read that is not forced: the engines (1 << index) that could and shall not. Their verdicts say so. */
unsigned quarantine_refuse(const ChoiceInput *input, Decision *decision);
