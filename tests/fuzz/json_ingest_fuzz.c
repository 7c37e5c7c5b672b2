/* JSON files: arrays, documents in a row, types, values. */
#include "tests/fuzz/text_ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_text_ingest(INGEST_JSON, data, size);
    return 0;
}
