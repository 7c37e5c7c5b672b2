/* What statements really took, per engine, and how it corrects the engines' estimates.
 *
 *   cost_book_create → cost_book_note (after each run) → cost_book_factor (while choosing) →
 * cost_book_destroy
 *
 * Kept is the average of log(taken ÷ estimated), recent runs weighing more: per fingerprint and engine, and
 * per class of statement and engine for shapes not seen yet. What was learned fades with time. A fixed table
 * of COST_BOOK_BYTES, the least recently used of eight entries overwritten; lock-free, and made of plain
 * memory so that the processes of a pool can share it (zeroed memory is an empty book).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COST_BOOK_BYTES = 1 << 20 };

typedef struct CostBook CostBook;

typedef struct CostKey {
    uint64_t fingerprint;
    int class;          /* StatementClass */
    const char *engine; /* its configured name: the same in every process */
} CostKey;

/* `shared`: COST_BOOK_BYTES, aligned to a cache line, which outlive the book; NULL = memory of its own. */
CostBook *cost_book_create(void *shared);
void cost_book_destroy(CostBook *book);

/* Times below a few microseconds say nothing and are left out. `now_seconds` only grows (cost_now_seconds).
 */
void cost_book_note(CostBook *book, const CostKey *key, double estimated_ms, double taken_ms,
                    uint32_t now_seconds);
/* What to multiply an estimate by; 1 when nothing is known. `runs` (may be NULL): how many runs of this very
 * shape it rests on, at most COST_MOST_RUNS. */
double cost_book_factor(const CostBook *book, const CostKey *key, uint32_t now_seconds, int *runs);
enum { COST_MOST_RUNS = 255 };
/* Since the last run of this very shape there, UINT32_MAX = none is known. */
uint32_t cost_book_age_seconds(const CostBook *book, const CostKey *key, uint32_t now_seconds);
/* Of all statements the engine ran, whatever their shape: how its estimates are off as a whole. */
double cost_book_engine_factor(const CostBook *book, const char *engine, uint32_t now_seconds, int *runs);

uint32_t cost_now_seconds(void);
