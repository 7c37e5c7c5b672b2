/* The JSON body of /query: whatever comes, an answer or an error, and numbers as they were written. */
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/query_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size ? size : 1); /* exact: the reader must need no NUL after the end */
    memcpy(text, data, size);
    Arena arena;
    arena_init(&arena);
    QueryBody body;
    Error err = {0};
    if (query_body_read(&arena, text, size, &body, &err) == STATUS_OK) {
        if (!body.sql || strlen(body.sql) != body.sql_bytes) abort();
        for (int i = 0; i < body.param_count; i++)
            if (!body.params[i].text || strlen(body.params[i].text) != body.params[i].length) abort();
    } else if (!error_is_set(&err)) {
        abort();
    }
    arena_deinit(&arena);
    free(text);
    return 0;
}
