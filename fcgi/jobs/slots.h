/* Slots over the whole pool: how many jobs run at once, whichever processes they are in.
 *
 * Slot i is the lock on byte i of a file that the processes of a host share (open file description locks):
 * the kernel gives it up with the process that dies, so that none is ever lost. Jobs leave the last
 * `reserved` slots to statements whose client waits. Thread-safe. */
#pragma once

#include "engines/base/error.h"

enum { SLOTS_MOST = 256 };

typedef struct Slots Slots;

typedef enum SlotUse { SLOT_FOR_JOB, SLOT_FOR_CLIENT } SlotUse;

/* 1 ≤ count ≤ SLOTS_MOST, 0 ≤ reserved < count. */
Status slots_open(const char *path, int count, int reserved, Slots **out, Error *err);
void slots_close(Slots *slots); /* may be NULL; gives up what is held */

/* The slot's number, -1 when none is free. Never waits. */
int slots_try_take(Slots *slots, SlotUse use);
void slots_give(Slots *slots, int slot);

int slots_count(const Slots *slots);
int slots_count_for_jobs(const Slots *slots);
/* In the whole pool, and in this process. */
int slots_in_use(Slots *slots);
int slots_in_use_here(Slots *slots);
