/* Members of a json object that come in any order, put into jsonb's: keys by length, then bytes; of equal
 * keys the last. Each is written to the text where it stands, sorting rewrites that end of the text. Inside
 * this folder only.
 *
 * json_entries_init → (json_entries_begin, append the value, json_entries_end)* → json_entries_sort →
 * json_entries_deinit. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/types/vector.h"

typedef struct JsonEntry {
    StringView key;      /* must live until the sort */
    size_t text, length; /* `"key": value` in the buffer */
    size_t order;
} JsonEntry;

typedef struct JsonEntries {
    JsonEntry *entries;
    size_t count, capacity;
    size_t start; /* in the text */
} JsonEntries;

void json_entries_init(JsonEntries *entries, const StrBuf *out);
/* Appends the key and ": ". */
void json_entries_begin(JsonEntries *entries, const StringView *key, StrBuf *out);
void json_entries_end(JsonEntries *entries, const StrBuf *out);
/* False when keys were equal. */
bool json_entries_sort(JsonEntries *entries, StrBuf *out);
void json_entries_deinit(JsonEntries *entries);
