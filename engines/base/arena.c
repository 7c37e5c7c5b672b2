#include "engines/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/block_pool.h"

struct ArenaBlock {
    ArenaBlock *older;
    size_t bytes;
    _Alignas(16) char data[];
};

enum { FIRST_BLOCK_BYTES = 4096, LARGEST_BLOCK_BYTES = 2 << 20 }; /* with the header */

void arena_init(Arena *arena) {
    memset(arena, 0, sizeof *arena);
}

/* Large blocks come from the pool: freeing thousands of malloc's, whose pages go back to the system one by
 * one, would hold up whoever waits for the end of a statement. */
static ArenaBlock *block_create(Arena *arena, size_t total) {
    bool pooled = total >= BLOCK_POOL_LEAST;
    if (pooled) total = block_pool_rounded(total);
    ArenaBlock *block = pooled ? block_pool_take(total) : malloc(total);
    if (!block) {
        fprintf(stderr, "signalbox: out of memory for %zu bytes\n", total);
        abort();
    }
    block->bytes = total - sizeof *block;
    block->older = arena->blocks;
    arena->blocks = block;
    return block;
}

static void free_blocks(ArenaBlock *block) {
    while (block) {
        ArenaBlock *older = block->older;
        size_t total = sizeof *block + block->bytes;
        if (total >= BLOCK_POOL_LEAST)
            block_pool_give(block, total);
        else
            free(block);
        block = older;
    }
}

void arena_reset(Arena *arena) {
    arena->used_bytes = 0;
    if (!arena->blocks) return;
#ifdef SIGNALBOX_SANITIZED
    free_blocks(arena->blocks);
    arena->blocks = NULL;
    arena->next = arena->end = NULL;
#else
    free_blocks(arena->blocks->older);
    arena->blocks->older = NULL;
    arena->next = arena->blocks->data;
    arena->end = arena->blocks->data + arena->blocks->bytes;
#endif
}

void arena_deinit(Arena *arena) {
    free_blocks(arena->blocks);
    memset(arena, 0, sizeof *arena);
}

void *arena_alloc(Arena *arena, size_t bytes) {
    arena->used_bytes += bytes;
#ifdef SIGNALBOX_SANITIZED
    return block_create(arena, sizeof(ArenaBlock) + (bytes ? bytes : 1))->data;
#else
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (rounded > (size_t)(arena->end - arena->next)) {
        size_t header = sizeof(ArenaBlock), least = header + rounded,
               grown = arena->blocks ? (arena->blocks->bytes + header) * 2 : FIRST_BLOCK_BYTES;
        if (grown > LARGEST_BLOCK_BYTES) grown = LARGEST_BLOCK_BYTES;
        ArenaBlock *block = block_create(arena, least > grown ? least : grown);
        arena->next = block->data;
        arena->end = block->data + block->bytes;
    }
    void *result = arena->next;
    arena->next += rounded;
    return result;
#endif
}

void *arena_zalloc(Arena *arena, size_t bytes) {
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

void *arena_memdup(Arena *arena, const void *data, size_t bytes) {
    void *copy = arena_alloc(arena, bytes);
    if (bytes) memcpy(copy, data, bytes);
    return copy;
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
    char *copy = arena_alloc(arena, length + 1);
    if (length) memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
