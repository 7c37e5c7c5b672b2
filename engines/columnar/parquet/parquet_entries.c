#include "engines/columnar/parquet/parquet_entries.h"

#include <stdlib.h>

void json_entries_init(JsonEntries *entries, const StrBuf *out) {
    *entries = (JsonEntries){.start = out->length};
}

void json_entries_begin(JsonEntries *entries, const StringView *key, StrBuf *out) {
    if (entries->count == entries->capacity) {
        entries->capacity = entries->capacity ? entries->capacity * 2 : 16;
        entries->entries = realloc(entries->entries, entries->capacity * sizeof *entries->entries);
        if (!entries->entries) abort(); /* as the text itself does; its length is bounded */
    }
    entries->entries[entries->count] = (JsonEntry){.key = *key, .text = out->length, .order = entries->count};
    strbuf_append_json(out, stringview_data(key), key->length);
    strbuf_append_text(out, ": ");
}

void json_entries_end(JsonEntries *entries, const StrBuf *out) {
    JsonEntry *entry = &entries->entries[entries->count++];
    entry->length = out->length - entry->text;
}

static int by_key(const void *a, const void *b) {
    const JsonEntry *left = a, *right = b;
    if (left->key.length != right->key.length) return left->key.length < right->key.length ? -1 : 1;
    int order = memcmp(stringview_data(&left->key), stringview_data(&right->key), left->key.length);
    return order ? order : (left->order > right->order) - (left->order < right->order);
}

bool json_entries_sort(JsonEntries *entries, StrBuf *out) {
    StrBuf sorted;
    bool distinct = true;
    strbuf_init(&sorted);
    if (entries->count) qsort(entries->entries, entries->count, sizeof *entries->entries, by_key);
    for (size_t i = 0; i < entries->count; i++) {
        const JsonEntry *entry = &entries->entries[i];
        if (i + 1 < entries->count && stringview_equals(&entry->key, &entry[1].key)) {
            distinct = false;
            continue;
        }
        if (sorted.length) strbuf_append_text(&sorted, ", ");
        strbuf_append(&sorted, out->data + entry->text, entry->length);
    }
    out->length = entries->start;
    strbuf_append(out, strbuf_text(&sorted), sorted.length);
    strbuf_deinit(&sorted);
    return distinct;
}

void json_entries_deinit(JsonEntries *entries) {
    free(entries->entries);
}
