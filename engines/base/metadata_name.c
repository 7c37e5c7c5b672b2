#include "engines/base/metadata_name.h"

#include <string.h>

bool metadata_name_kind(const char *name, MetadataTable *kind) {
    static const char *const NAMES[METADATA_TABLE_COUNT] = {
        [METADATA_SNAPSHOTS] = "snapshots",
        [METADATA_HISTORY] = "history",
        [METADATA_FILES] = "files",
        [METADATA_PARTITIONS] = "partitions",
        [METADATA_REFS] = "refs",
        [METADATA_MANIFESTS] = "manifests",
        [METADATA_PROPERTIES] = "properties",
    };
    for (int i = 0; i < METADATA_TABLE_COUNT; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *kind = (MetadataTable)i;
            return true;
        }
    return false;
}

bool metadata_name_split(const char *name, size_t *base_length, MetadataTable *kind) {
    const char *dollar = strrchr(name, '$'), *dot = strrchr(name, '.');
    const char *at = !dollar ? dot : !dot || dollar > dot ? dollar : dot;
    if (!at || at == name || !metadata_name_kind(at + 1, kind)) return false;
    *base_length = (size_t)(at - name);
    return true;
}
