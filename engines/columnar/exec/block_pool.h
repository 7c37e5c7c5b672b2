/* Large memory, kept when it is given back: the first touch of fresh pages costs more than most operators do
 * with them. Blocks come in powers of two from 64 KiB on, in huge pages where the machine has them. What is
 * kept for the next query is bounded; beyond it the least needed goes back to the system, and so does, little
 * by little, what nobody has asked for in a while (block_pool_cool). Thread-safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_POOL_LEAST = 64 << 10 }; /* smaller blocks are malloc's business */

/* At least `bytes` (≥ BLOCK_POOL_LEAST), contents undefined; NULL when the system has none. */
void *block_pool_take(size_t bytes);
/* The same `bytes` as asked for. */
void block_pool_give(void *block, size_t bytes);
/* How much is kept at most; 256 MiB until configured. */
void block_pool_configure(int64_t bytes);
int64_t block_pool_kept_bytes(void);
/* To be called about once a second: an eighth of the blocks of each size that were not needed since the last
 * call goes back to the system. */
void block_pool_cool(void);
