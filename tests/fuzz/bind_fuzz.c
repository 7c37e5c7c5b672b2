/* Any text through parser, binder, optimiser and EXPLAIN: an error or a plan, never a crash. */
#include "engines/base/utf8.h"
#include "tests/unit/columnar_plan/fake_catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { LONGEST = 2000 };
    if (size > LONGEST || memchr(data, 0, size) || !utf8_is_valid((const char *)data, size)) return 0;
    char *sql = malloc(size + 1);
    if (!sql) return 0;
    memcpy(sql, data, size);
    sql[size] = 0;
    Plan *plan = NULL;
    Error err;
    if (fake_plan(sql, &plan, &err) == STATUS_OK) {
        StrBuf text;
        strbuf_init(&text);
        plan_explain(plan, false, NULL, NULL, &text);
        plan_explain(plan, true, NULL, NULL, &text);
        strbuf_deinit(&text);
        plan_destroy(plan);
    } else if (err.sqlstate[0] == 0 || err.message[0] == 0) {
        abort(); /* a failure always says what it is */
    }
    free(sql);
    return 0;
}
