/* A configuration of any bytes: entries with keys, or an error that names a line. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    Arena arena;
    TomlDocument document;
    Error err = {0};
    arena_init(&arena);
    if (toml_parse(text, "f", &arena, &document, &err) == STATUS_OK) {
        for (int i = 0; i < document.count; i++)
            if (!document.entries[i].key || document.entries[i].line < 1) abort();
    } else if (strncmp(err.message, "f:", 2) != 0) {
        abort();
    }
    arena_deinit(&arena);
    free(text);
    return 0;
}
