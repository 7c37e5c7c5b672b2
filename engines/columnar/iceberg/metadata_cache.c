#include "engines/columnar/iceberg/metadata_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/strbuf.h"

/* Bytes of text. Parsed, a file takes some five times as much; those of one table share most of it. */
enum { CACHED_FILES = 6, CACHED_FILE_BYTES = 4 << 20, CACHED_BYTES = 8 << 20 };

typedef struct CachedFile {
    char *path;
    struct stat info;
    size_t bytes;
    json_t *root;
    MetadataText text;
    unsigned long last_use;
} CachedFile;

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static CachedFile cached_files[CACHED_FILES];
static unsigned long uses;

static const char *const LONG_LISTS[] = {"snapshots", "snapshot-log", "metadata-log"};

static bool is_long_list(const char *key) {
    for (size_t i = 0; i < sizeof LONG_LISTS / sizeof *LONG_LISTS; i++)
        if (strcmp(LONG_LISTS[i], key) == 0) return true;
    return false;
}

static json_t *copy_json(json_t *root) {
    const char *key;
    json_t *value, *copy = json_object();
    json_object_foreach(root, key, value) {
        bool shared = json_is_array(value) && is_long_list(key);
        json_object_set_new(copy, key, shared ? json_copy(value) : json_deep_copy(value));
    }
    return copy;
}

void metadata_items_lock(void) {
    pthread_mutex_lock(&cache_lock);
}

void metadata_items_unlock(void) {
    pthread_mutex_unlock(&cache_lock);
}

json_t *metadata_json_copy(json_t *root) {
    pthread_mutex_lock(&cache_lock);
    json_t *copy = copy_json(root);
    pthread_mutex_unlock(&cache_lock);
    return copy;
}

void metadata_json_free(json_t *root) {
    if (!root) return;
    pthread_mutex_lock(&cache_lock);
    json_decref(root);
    pthread_mutex_unlock(&cache_lock);
}

/* Files are never changed once written, but people do it. */
static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static CachedFile *find_file(const char *path) {
    for (int i = 0; i < CACHED_FILES; i++)
        if (cached_files[i].path && strcmp(cached_files[i].path, path) == 0) return &cached_files[i];
    return NULL;
}

json_t *metadata_cache_find(const char *path, const struct stat *info) {
    json_t *copy = NULL;
    pthread_mutex_lock(&cache_lock);
    CachedFile *file = find_file(path);
    if (file && is_same_file(&file->info, info)) {
        file->last_use = ++uses;
        copy = copy_json(file->root);
    }
    pthread_mutex_unlock(&cache_lock);
    return copy;
}

static CachedFile *least_used(void) {
    CachedFile *found = &cached_files[0];
    for (int i = 1; i < CACHED_FILES; i++)
        if (cached_files[i].last_use < found->last_use) found = &cached_files[i];
    return found;
}

static void give_up(CachedFile *file) {
    json_decref(file->root);
    metadata_text_deinit(&file->text);
    free(file->path);
    *file = (CachedFile){0};
}

static size_t cached_bytes(void) {
    size_t bytes = 0;
    for (int i = 0; i < CACHED_FILES; i++)
        bytes += cached_files[i].bytes;
    return bytes;
}

/* The least used one of those that are there. */
static CachedFile *oldest(void) {
    CachedFile *found = NULL;
    for (int i = 0; i < CACHED_FILES; i++)
        if (cached_files[i].path && (!found || cached_files[i].last_use < found->last_use))
            found = &cached_files[i];
    return found;
}

void metadata_cache_put(const char *path, const struct stat *info, MetadataText *text, json_t *root) {
    size_t bytes = text->bytes > (size_t)info->st_size ? text->bytes : (size_t)info->st_size;
    if (bytes > CACHED_FILE_BYTES) {
        metadata_text_deinit(text);
        return;
    }
    pthread_mutex_lock(&cache_lock);
    CachedFile *place = find_file(path);
    if (!place) place = least_used();
    CachedFile made = {
        .path = strdup(path), .info = *info, .bytes = bytes, .root = copy_json(root), .text = *text};
    if (!made.path) abort();
    give_up(place);
    while (cached_bytes() + bytes > CACHED_BYTES)
        give_up(oldest());
    made.last_use = ++uses;
    *place = made;
    pthread_mutex_unlock(&cache_lock);
    *text = (MetadataText){0};
}

/* ---- text ---- */

void metadata_text_deinit(MetadataText *text) {
    free(text->text);
    free(text->ends);
    *text = (MetadataText){0};
}

static bool put_json(StrBuf *out, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text) strbuf_append_text(out, text);
    free(text);
    return text != NULL;
}

/* Snapshots leave from anywhere and come at the end, so both lists are walked once. `previous` may be NULL.
 */
static bool put_snapshots(StrBuf *out, json_t *list, const CachedFile *previous, MetadataText *made) {
    size_t index, at = 0;
    json_t *item, *known = previous ? json_object_get(previous->root, "snapshots") : NULL;
    const MetadataText *text = previous ? &previous->text : made;
    size_t known_count = text->text ? text->snapshot_count : 0;
    made->snapshot_count = json_array_size(list);
    strbuf_append_char(out, '[');
    made->ends[made->snapshot_count] = out->length;
    json_array_foreach(list, index, item) {
        if (index) strbuf_append_char(out, ',');
        while (at < known_count && json_array_get(known, at) != item)
            at++;
        if (at < known_count) {
            size_t begin =
                at ? text->ends[at - 1] + 1 : text->ends[text->snapshot_count]; /* behind a comma */
            strbuf_append(out, text->text + begin, text->ends[at] - begin);
        } else if (!put_json(out, item)) {
            return false;
        }
        made->ends[index] = out->length;
    }
    strbuf_append_char(out, ']');
    return true;
}

static bool put_members(StrBuf *out, json_t *root, const CachedFile *previous, MetadataText *made) {
    const char *key;
    json_t *value;
    bool first = true;
    strbuf_append_char(out, '{');
    json_object_foreach(root, key, value) {
        if (!first) strbuf_append_char(out, ',');
        first = false;
        strbuf_append_json(out, key, strlen(key));
        strbuf_append_char(out, ':');
        bool is_snapshots = strcmp(key, "snapshots") == 0 && json_is_array(value);
        if (!(is_snapshots ? put_snapshots(out, value, previous, made) : put_json(out, value))) return false;
    }
    strbuf_append_char(out, '}');
    return true;
}

bool metadata_text_make(json_t *root, const char *previous, MetadataText *out) {
    StrBuf text;
    strbuf_init(&text);
    *out = (MetadataText){
        .ends = calloc(json_array_size(json_object_get(root, "snapshots")) + 1, sizeof(size_t))};
    if (!out->ends) abort();
    pthread_mutex_lock(&cache_lock);
    bool made = put_members(&text, root, find_file(previous), out);
    pthread_mutex_unlock(&cache_lock);
    out->bytes = text.length;
    out->text = strbuf_release(&text);
    if (!made) metadata_text_deinit(out);
    return made;
}
