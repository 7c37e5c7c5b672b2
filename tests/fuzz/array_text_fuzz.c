/* Array literals and json texts: whatever the bytes, a value or an error; a value that was read prints and
 * reads back as itself. */
#include <assert.h>

#include "engines/columnar/kernels/array_parse.h"
#include "engines/columnar/kernels/json_value.h"

static void check_json(const char *data, size_t size, Arena *arena) {
    JsonNode *node = NULL, *again = NULL;
    Error err = {0};
    if (json_parse((JsonText){data, size}, true, arena, &node, &err) != STATUS_OK) return;
    StrBuf text, second;
    strbuf_init(&text);
    strbuf_init(&second);
    json_print(node, -1, &text);
    Status status = json_parse((JsonText){strbuf_text(&text), text.length}, true, arena, &again, &err);
    assert(status == STATUS_OK);
    json_print(again, -1, &second);
    assert(text.length == second.length &&
           memcmp(strbuf_text(&text), strbuf_text(&second), text.length) == 0);
    StringView view = stringview_make(strbuf_text(&text), (uint32_t)text.length);
    StrBuf key;
    strbuf_init(&key);
    order_key_jsonb(&key, &view);
    assert(jsonb_compare(&view, &view) == 0);
    strbuf_deinit(&key);
    strbuf_deinit(&text);
    strbuf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    Error err = {0};
    arena_init(&arena);
    ArrayText parsed = {.arena = &arena};
    if (array_text_parse(&parsed, (const char *)data, size, &err) == STATUS_OK) {
        int64_t product = parsed.dimension_count ? 1 : 0;
        for (int i = 0; i < parsed.dimension_count; i++)
            product *= parsed.dimensions[i].length;
        assert(product == parsed.count);
    } else {
        assert(error_is_set(&err));
    }
    check_json((const char *)data, size, &arena);
    arena_deinit(&arena);
    return 0;
}
