/* Memory freed all at once. Named by lifetime where it is used: query_arena, batch_arena, parse_arena.
 *
 * An arena belongs to one thread at a time. Under sanitizers every allocation is a malloc of its own, so
 * that overruns are seen. Allocation never returns NULL: running out of memory here aborts the process, so
 * anything whose size comes from outside goes through a Budget (budget.h) first.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *blocks;
    char *next;
    char *end;
    size_t used_bytes; /* handed out since init or reset */
} Arena;

void arena_init(Arena *arena);
/* Keeps the newest block for reuse, frees the others. */
void arena_reset(Arena *arena);
void arena_deinit(Arena *arena);

/* 16-byte aligned, not cleared. */
void *arena_alloc(Arena *arena, size_t bytes);
void *arena_zalloc(Arena *arena, size_t bytes);
void *arena_memdup(Arena *arena, const void *data, size_t bytes);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, Type)              ((Type *)arena_zalloc((arena), sizeof(Type)))
#define ARENA_NEW_ARRAY(arena, Type, count) ((Type *)arena_zalloc((arena), sizeof(Type) * (size_t)(count)))
