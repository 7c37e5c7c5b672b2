/* Large memory, kept when it is given back: the first touch of fresh pages costs more than most operators do
 * with them. Blocks come in powers of two from 8 KiB on, in huge pages where the machine has them. Giving
 * back is quick, since a cancelled statement's client waits for it: pages go back to the system when fresh
 * ones are asked for while those in use and those kept are too many together, and little by little
 * (block_pool_cool) what is kept beyond the limit and what nobody has asked for in a while. Thread-safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_POOL_LEAST = 8 << 10 }; /* smaller blocks are malloc's business */

/* At least `bytes` (≥ BLOCK_POOL_LEAST), contents undefined; NULL when the system has none. */
void *block_pool_take(size_t bytes);
/* What a request for so much really gets; giving that back is as good. */
size_t block_pool_rounded(size_t bytes);
/* The same `bytes` as asked for. */
void block_pool_give(void *block, size_t bytes);
/* How much is kept in the long run (256 MiB until configured), and what is in use and kept together at most
 * (0 = no limit; what is in use alone may be more). */
void block_pool_configure(int64_t kept_bytes, int64_t together_bytes);
int64_t block_pool_kept_bytes(void);
/* To be called about once a second: half of what is kept beyond the limit and an eighth of the blocks of each
 * size that were not needed since the last call go back to the system. */
void block_pool_cool(void);
