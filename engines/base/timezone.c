/* The search for zones, and what they say. */
#include "engines/base/timezone.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/base/timezone_internal.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"

enum { NAME_BYTES = 256, FILE_BYTES = 256 * 1024, CACHE_SLOTS = 1024, CACHE_LIMIT = 4096 };

typedef struct Abbreviation {
    const char *name; /* in small letters */
    int32_t offset;
    const char *zone;
} Abbreviation;

#include "engines/base/timezone_abbreviations.inc.c"

/* ---- the zones of this process
 * --------------------------------------------------------------------------------------- */

typedef struct CachedZone {
    struct CachedZone *next;
    TimeZone *zone;
    char name[]; /* in small letters */
} CachedZone;

static CachedZone *cache[CACHE_SLOTS];
static int cache_count;
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned cache_slot(const char *name) {
    unsigned hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash % CACHE_SLOTS;
}

/* Follows `name` (in small letters) through the directories, whatever the case of the entries. */
static bool find_file(const char *name, char path[1024]) {
    size_t length = strlen(ZONE_DIRECTORY);
    memcpy(path, ZONE_DIRECTORY, length + 1);
    while (*name) {
        size_t part = strcspn(name, "/");
        DIR *directory = part > 0 && *name != '.' ? opendir(path) : NULL;
        if (!directory) return false;
        bool found = false;
        for (struct dirent *entry; !found && (entry = readdir(directory));) {
            found = strlen(entry->d_name) == part && strncasecmp(entry->d_name, name, part) == 0 &&
                    length + part + 2 < 1024;
            if (!found) continue;
            path[length++] = '/';
            memcpy(path + length, entry->d_name, part + 1);
            length += part;
        }
        closedir(directory);
        if (!found) return false;
        name += part;
        if (*name == '/' && *++name == 0) return false;
    }
    return length > strlen(ZONE_DIRECTORY);
}

static TimeZone *read_zone_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = file ? malloc(FILE_BYTES) : NULL;
    TimeZone *zone = NULL;
    if (bytes) {
        size_t size = fread(bytes, 1, FILE_BYTES, file);
        zone = timezone_read(bytes, size);
    }
    free(bytes);
    if (file) fclose(file);
    return zone;
}

/* Under the lock. */
static TimeZoneResult load_zone(const char *name, TimeZone **out) {
    char path[1024];
    bool unsupported = false;
    /* Leap seconds, and names that mean what the machine is set to. */
    if (strncmp(name, "right/", 6) == 0 || strcmp(name, "localtime") == 0) return TIMEZONE_UNSUPPORTED;
    *out = find_file(name, path) ? read_zone_file(path) : NULL;
    if (!*out) *out = timezone_of_rule(name, strlen(name), &unsupported);
    if (!*out) return unsupported ? TIMEZONE_UNSUPPORTED : TIMEZONE_UNKNOWN;
    return TIMEZONE_FOUND;
}

static TimeZoneResult find_cached(const char *name, const TimeZone **out) {
    CachedZone **slot = &cache[cache_slot(name)];
    for (CachedZone *at = *slot; at; at = at->next)
        if (strcmp(at->name, name) == 0) {
            *out = at->zone;
            return TIMEZONE_FOUND;
        }
    TimeZone *zone = NULL;
    if (cache_count >= CACHE_LIMIT) return TIMEZONE_UNSUPPORTED;
    TimeZoneResult result = load_zone(name, &zone);
    if (result != TIMEZONE_FOUND) return result;
    CachedZone *entry = malloc(sizeof *entry + strlen(name) + 1);
    if (!entry) abort();
    strcpy(entry->name, name);
    entry->zone = zone;
    entry->next = *slot;
    *slot = entry;
    cache_count++;
    *out = zone;
    return TIMEZONE_FOUND;
}

static bool small_letters(const char *name, size_t length, char out[NAME_BYTES]) {
    if (length == 0 || length >= NAME_BYTES || memchr(name, 0, length)) return false;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[length] = 0;
    return true;
}

TimeZoneResult timezone_find_zone(const char *name, size_t length, const TimeZone **out) {
    char key[NAME_BYTES];
    if (!small_letters(name, length, key)) return TIMEZONE_UNKNOWN;
    pthread_mutex_lock(&cache_lock);
    TimeZoneResult result = find_cached(key, out);
    pthread_mutex_unlock(&cache_lock);
    return result;
}

static int by_name(const void *key, const void *row) {
    return strcmp(key, ((const Abbreviation *)row)->name);
}

bool timezone_find_abbreviation(const char *name, size_t length, TimeZoneMeaning *out) {
    char key[NAME_BYTES];
    if (!small_letters(name, length, key)) return false;
    const Abbreviation *found = bsearch(key, abbreviations, sizeof abbreviations / sizeof abbreviations[0],
                                        sizeof abbreviations[0], by_name);
    if (!found) return false;
    *out = (TimeZoneMeaning){.offset = found->offset};
    if (!found->zone) return true;
    out->abbreviation = found->name;
    return timezone_find_zone(found->zone, strlen(found->zone), &out->zone) == TIMEZONE_FOUND;
}

TimeZoneResult timezone_find(const char *name, size_t length, TimeZoneMeaning *out) {
    if (timezone_find_abbreviation(name, length, out)) return TIMEZONE_FOUND;
    *out = (TimeZoneMeaning){0};
    return timezone_find_zone(name, length, &out->zone);
}

/* ---- offsets
 * ---------------------------------------------------------------------------------------------------- */

/* Moves a time beyond the known transitions by whole repeats of the calendar into them. */
static int64_t into_known(const TimeZone *zone, int64_t at) {
    if (zone->count == 0) return at;
    int64_t first = zone->at[0], last = zone->at[zone->count - 1];
    if (at > last && zone->repeats_after) at -= ((at - last - 1) / TIMEZONE_REPEAT_S + 1) * TIMEZONE_REPEAT_S;
    if (at < first && zone->repeats_before)
        at += ((first - at - 1) / TIMEZONE_REPEAT_S + 1) * TIMEZONE_REPEAT_S;
    return at;
}

/* How many transitions are at or before `at`. */
static int transitions_until(const TimeZone *zone, int64_t at) {
    int low = 0, high = zone->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (zone->at[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const ZoneType *type_after(const TimeZone *zone, int transitions) {
    return &zone->types[transitions > 0 ? zone->type_of[transitions - 1] : 0];
}

static int32_t zone_offset_at(const TimeZone *zone, int64_t utc_s) {
    return type_after(zone, transitions_until(zone, into_known(zone, utc_s)))->offset;
}

/* What held before the first transition, as far as local times go: the first type without summer time. */
static const ZoneType *early_type(const TimeZone *zone) {
    for (int i = 0; i < zone->type_count; i++)
        if (!zone->types[i].summer) return &zone->types[i];
    return &zone->types[0];
}

/* PostgreSQL's rule: the first change after the day before decides, before or after it. */
static int32_t zone_offset_local(const TimeZone *zone, int64_t local_s) {
    int64_t shifted = into_known(zone, local_s - 86400) + 86400;
    int past = transitions_until(zone, shifted - 86400);
    int32_t before = (past ? type_after(zone, past) : early_type(zone))->offset;
    if (past == zone->count) return before;
    int64_t boundary = zone->at[past];
    int32_t after = zone->types[zone->type_of[past]].offset;
    int64_t if_before = shifted - before, if_after = shifted - after;
    if (if_before < boundary && if_after < boundary) return before;
    if (if_before > boundary && if_after >= boundary) return after;
    return if_before > if_after ? before : after;
}

/* The offset `abbreviation` last stood for at that moment, else will first stand for. */
static bool abbreviation_offset(const TimeZone *zone, const char *abbreviation, int64_t utc_s, int32_t *out) {
    int past = transitions_until(zone, utc_s);
    for (int i = past - 1; i >= 0; i--)
        if (strcasecmp(zone->names + zone->types[zone->type_of[i]].name_at, abbreviation) == 0) {
            *out = zone->types[zone->type_of[i]].offset;
            return true;
        }
    for (int i = past; i < zone->count; i++)
        if (strcasecmp(zone->names + zone->types[zone->type_of[i]].name_at, abbreviation) == 0) {
            *out = zone->types[zone->type_of[i]].offset;
            return true;
        }
    return false;
}

int32_t timezone_offset_at(const TimeZoneMeaning *meaning, int64_t utc_s) {
    int32_t offset = meaning->offset;
    if (!meaning->zone) return offset;
    if (meaning->abbreviation && abbreviation_offset(meaning->zone, meaning->abbreviation, utc_s, &offset))
        return offset;
    return zone_offset_at(meaning->zone, utc_s);
}

int32_t timezone_offset_local(const TimeZoneMeaning *meaning, int64_t local_s) {
    int32_t offset = meaning->offset;
    if (!meaning->zone) return offset;
    offset = zone_offset_local(meaning->zone, local_s);
    int32_t named = offset;
    if (meaning->abbreviation &&
        abbreviation_offset(meaning->zone, meaning->abbreviation, local_s - offset, &named))
        return named;
    return offset;
}
