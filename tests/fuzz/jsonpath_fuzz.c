/* A path, a zero byte, a document: parsed and run, strictly and silently. */
#include "engines/columnar/kernels/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t path_size = zero ? (size_t)(zero - data) : size;
    static const char DOCUMENT[] = "{\"a\":[1,2.5,{\"b\":\"x\"}],\"c\":null,\"d\":{\"e\":true}}";
    JsonText text = {DOCUMENT, sizeof DOCUMENT - 1};
    if (zero) text = (JsonText){(const char *)zero + 1, size - path_size - 1};
    Arena arena;
    Error err = {0};
    JsonPath path;
    JsonNode *document = NULL;
    arena_init(&arena);
    if (jsonpath_parse((JsonText){(const char *)data, path_size}, &arena, &path, &err) == STATUS_OK &&
        json_parse(text, true, &arena, &document, &err) == STATUS_OK)
        for (int silent = 0; silent < 2; silent++) {
            JsonPathItems items = {0};
            (void)jsonpath_run(&path, document, NULL, silent, &arena, &items, &err);
            (void)jsonpath_run(&path, document, NULL, silent, &arena, NULL, &err);
        }
    arena_deinit(&arena);
    return 0;
}
