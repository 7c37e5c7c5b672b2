/* Idempotency-Key: what became of the posts of rows that carried one, remembered across the processes of a
 * pool on one host in a mapped file (8,192 of them, the oldest of eight overwritten).
 *
 * Thread-safe. A key is of one table: the caller puts the table's name into it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/error.h"

typedef struct IntakeKeys IntakeKeys;

typedef struct IntakeOutcome {
    int64_t row_count, rejected_count, snapshot_id;
} IntakeOutcome;

typedef enum IntakeKeyState {
    INTAKE_KEY_NEW,       /* now begun by the caller, who calls done or forget */
    INTAKE_KEY_BEGUN,     /* by another request: under way, or lost with its process */
    INTAKE_KEY_DONE,      /* *outcome says with what */
    INTAKE_KEY_OTHER_BODY /* the key was used with other rows */
} IntakeKeyState;

Status intake_keys_open(const char *path, IntakeKeys **out, Error *err);
void intake_keys_close(IntakeKeys *keys); /* may be NULL */
/* `body_hash` tells bodies apart as well as the caller chose to. */
IntakeKeyState intake_keys_begin(IntakeKeys *keys, const char *key, uint64_t body_hash,
                                 IntakeOutcome *outcome);
void intake_keys_done(IntakeKeys *keys, const char *key, const IntakeOutcome *outcome);
/* Nothing was written: the key may be used again. */
void intake_keys_forget(IntakeKeys *keys, const char *key);
