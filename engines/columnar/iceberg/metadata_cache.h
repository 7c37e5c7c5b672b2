/* Metadata files of late, parsed: each commit reads the metadata that the one before it wrote and writes it
 * again with one snapshot more, and with hundreds of snapshots in it parsing and printing would be most of
 * its work. Process-wide, a few files of bounded size. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

/* The text of a metadata file, and where in it the snapshots are. */
typedef struct MetadataText {
    char *text; /* malloc'd, as `ends`; NULL: not known */
    size_t bytes;
    size_t *ends; /* of each snapshot, behind its last byte; then where the first one begins */
    size_t snapshot_count;
} MetadataText;
/* `previous` is the path of the file that this one follows; the text of its snapshots is taken over if it is
 * known. False: the JSON cannot be written. */
bool metadata_text_make(json_t *root, const char *previous, MetadataText *out);
void metadata_text_deinit(MetadataText *text);

/* The JSON of the file, to be changed freely, or NULL. `info` is the file's as it is now. */
json_t *metadata_cache_find(const char *path, const struct stat *info);
/* `root` was read from, or written to, this file; the caller may go on changing what metadata_json_copy
 * copies. Takes `text`. */
void metadata_cache_put(const char *path, const struct stat *info, MetadataText *text, json_t *root);

/* A copy for somebody who changes it. Items of the long lists (snapshots and logs) are shared: they are never
 * changed once made, only added and removed. */
json_t *metadata_json_copy(json_t *root);
void metadata_json_free(json_t *root); /* may be NULL */
/* Held while items of the long lists are removed or put into another list: the counts of their owners are
 * atomic, but jansson orders nothing before the last owner's free. */
void metadata_items_lock(void);
void metadata_items_unlock(void);
