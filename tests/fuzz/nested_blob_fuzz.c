/* Array and row blobs from files of spilled rows: refused or read within their bytes. */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/types/record_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err = {0};
    StrBuf key;
    StringView blob = stringview_make((const char *)data, (uint32_t)size);
    ArrayValue array;
    RecordValue record;
    strbuf_init(&key);
    if (array_open(&blob, &array, &err) == STATUS_OK) (void)array_compare(&array, &array);
    (void)order_key_array(&key, &blob, &err);
    if (record_open(&blob, &record, &err) == STATUS_OK)
        for (int i = 0; i < record.field_count; i++) {
            RecordField field;
            Numeric room;
            record_field(&record, i, &field);
            if (!field.null) record_field_get(&field, &room);
        }
    (void)record_compare_blobs(&blob, &blob);
    (void)order_key_record(&key, &blob, &err);
    strbuf_deinit(&key);
    return 0;
}
