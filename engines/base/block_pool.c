#include "engines/base/block_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CLASS_COUNT = 27, SLAB_BYTES = 2 << 20 }; /* up to 512 GiB; a slab is one huge page */
/* The first slabs, of which an idle process touches a few pages each, become huge pages with the next one. */
enum { SMALL_SLABS = 8 };

typedef struct BlockList {
    void **items;
    int64_t count, capacity;
} BlockList;

typedef struct SizeClass {
    BlockList warm; /* pages are there */
    BlockList cold; /* parts of slabs whose pages were given back */
    int64_t idle;   /* warm ones that were never taken since block_pool_cool */
} SizeClass;

static struct {
    pthread_mutex_t lock;
    SizeClass classes[CLASS_COUNT];
    int64_t kept_bytes, limit_bytes;
    int64_t used_bytes, together_bytes; /* as asked for */
    int slab_count;
    void *small_slabs[SMALL_SLABS];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .limit_bytes = 256 << 20};

static size_t class_bytes(int class) {
    return (size_t)BLOCK_POOL_LEAST << class;
}

static int class_of(size_t bytes) {
    int class = 0;
    while (class < CLASS_COUNT && class_bytes(class) < bytes)
        class ++;
    return class;
}

static bool list_push(BlockList *list, void *item) {
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 64;
        void **grown = realloc(list->items, sizeof *grown * (size_t)capacity);
        if (!grown) return false;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static void *list_pop(BlockList *list) {
    return list->count ? list->items[--list->count] : NULL;
}

/* Aligned to huge pages. */
static void *map_aligned(size_t bytes) {
    char *mapped = mmap(NULL, bytes + SLAB_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    char *start = (char *)(((uintptr_t)mapped + SLAB_BYTES - 1) / SLAB_BYTES * SLAB_BYTES);
    if (start > mapped) munmap(mapped, (size_t)(start - mapped));
    char *end = mapped + bytes + SLAB_BYTES;
    if (end > start + bytes) munmap(start + bytes, (size_t)(end - start) - bytes);
    return start;
}

static void *map_huge(size_t bytes) {
    void *mapped = map_aligned(bytes);
    if (mapped) madvise(mapped, bytes, MADV_HUGEPAGE);
    return mapped;
}

/* With the lock held. */
static char *map_slab(void) {
    char *slab = pool.slab_count < SMALL_SLABS ? map_aligned(SLAB_BYTES) : map_huge(SLAB_BYTES);
    if (!slab) return NULL;
    if (pool.slab_count < SMALL_SLABS)
        pool.small_slabs[pool.slab_count] = slab;
    else if (pool.slab_count == SMALL_SLABS)
        for (int i = 0; i < SMALL_SLABS; i++)
            madvise(pool.small_slabs[i], SLAB_BYTES, MADV_HUGEPAGE);
    pool.slab_count++;
    return slab;
}

/* Pages back to the system; with the lock held. */
static void cool_locked(int class, void *block) {
    size_t bytes = class_bytes(class);
    if (bytes >= SLAB_BYTES) {
        munmap(block, bytes);
        return;
    }
    madvise(block, bytes, MADV_DONTNEED);
    list_push(&pool.classes[class].cold, block);
}

static void cool_warmest_locked(int class) {
    pool.kept_bytes -= (int64_t)class_bytes(class);
    cool_locked(class, list_pop(&pool.classes[class].warm));
}

/* The class that keeps most gives first: the next query may need another. */
static void shrink_locked(int64_t bytes) {
    while (pool.kept_bytes > 0 && pool.kept_bytes > bytes) {
        int most = 0;
        for (int c = 1; c < CLASS_COUNT; c++)
            if ((size_t)pool.classes[c].warm.count * class_bytes(c) >
                (size_t)pool.classes[most].warm.count * class_bytes(most))
                most = c;
        cool_warmest_locked(most);
    }
}

/* With the lock held. */
static void *take_locked(int class, size_t bytes) {
    SizeClass *of = &pool.classes[class];
    void *block = list_pop(&of->warm);
    if (block) {
        pool.kept_bytes -= (int64_t)class_bytes(class);
        if (of->warm.count < of->idle) of->idle = of->warm.count;
        return block;
    }
    if (pool.together_bytes) shrink_locked(pool.together_bytes - pool.used_bytes - (int64_t)bytes);
    block = list_pop(&of->cold);
    if (block) return block;
    size_t part = class_bytes(class);
    if (part >= SLAB_BYTES) return map_huge(part);
    char *slab = map_slab();
    for (size_t at = SLAB_BYTES - part; slab && at > 0; at -= part)
        if (!list_push(&of->cold, slab + at)) break; /* lost to the pool, never touched */
    return slab;
}

#ifdef SIGNALBOX_SANITIZED
static const bool pooled = false; /* one malloc per block, so that misuse is seen */
#else
static const bool pooled = true;
#endif

size_t block_pool_rounded(size_t bytes) {
    int class = class_of(bytes);
    return !pooled || class == CLASS_COUNT ? bytes : class_bytes(class);
}

void *block_pool_take(size_t bytes) {
    int class = class_of(bytes);
    if (!pooled || class == CLASS_COUNT) return malloc(bytes);
    pthread_mutex_lock(&pool.lock);
    void *block = take_locked(class, bytes);
    if (block) pool.used_bytes += (int64_t)bytes;
    pthread_mutex_unlock(&pool.lock);
    return block;
}

void block_pool_give(void *block, size_t bytes) {
    int class = class_of(bytes);
    if (!pooled || class == CLASS_COUNT) {
        free(block);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.used_bytes -= (int64_t)bytes;
    if (list_push(&pool.classes[class].warm, block))
        pool.kept_bytes += (int64_t)class_bytes(class);
    else
        cool_locked(class, block);
    pthread_mutex_unlock(&pool.lock);
}

void block_pool_configure(int64_t kept_bytes, int64_t together_bytes) {
    pthread_mutex_lock(&pool.lock);
    pool.limit_bytes = kept_bytes > 0 ? kept_bytes : 0;
    pool.together_bytes = together_bytes;
    shrink_locked(pool.limit_bytes);
    pthread_mutex_unlock(&pool.lock);
}

int64_t block_pool_kept_bytes(void) {
    pthread_mutex_lock(&pool.lock);
    int64_t bytes = pool.kept_bytes;
    pthread_mutex_unlock(&pool.lock);
    return bytes;
}

void block_pool_cool(void) {
    enum { SHARE = 8 };
    pthread_mutex_lock(&pool.lock);
    if (pool.kept_bytes > pool.limit_bytes)
        shrink_locked(pool.limit_bytes + (pool.kept_bytes - pool.limit_bytes) / 2);
    for (int c = 0; c < CLASS_COUNT; c++) {
        SizeClass *class = &pool.classes[c];
        int64_t idle = class->idle < class->warm.count ? class->idle : class->warm.count;
        for (int64_t i = (idle + SHARE - 1) / SHARE; i > 0; i--)
            cool_warmest_locked(c);
        class->idle = class->warm.count;
    }
    pthread_mutex_unlock(&pool.lock);
}
