#include "fcgi/api/row_layouts.h"

#include <stdint.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"

static const int64_t EMPTY_INTERVAL_NS = 60000000000;

static void empty(struct RowLayoutSlot *slot) {
    if (!slot->identity) return;
    slot->identity = NULL;
    rowlayout_release(slot->layout);
}

void row_layouts_deinit(RowLayouts *layouts) {
    for (int i = 0; i < ROW_LAYOUT_SLOTS; i++)
        empty(&layouts->slots[i]);
}

static void empty_when_due(RowLayouts *layouts) {
    int64_t now_ns = clock_now_ns();
    if (now_ns - layouts->emptied_ns <= EMPTY_INTERVAL_NS) return;
    row_layouts_deinit(layouts);
    layouts->emptied_ns = now_ns;
}

Status row_layouts_begin(RowLayouts *layouts, const ArrowSchema *schema, const RowFormatOptions *options,
                         RowWriter **out, StrBuf *buf, Error *err) {
    const void *identity = arrow_schema_identity(schema);
    if (!identity) return rowformat_begin(schema, options, out, buf, err);
    empty_when_due(layouts);
    uint64_t hash = hash64_u64((uint64_t)(uintptr_t)identity + (uint64_t)options->format);
    struct RowLayoutSlot *slot = &layouts->slots[hash % ROW_LAYOUT_SLOTS];
    if (slot->identity != identity || slot->format != options->format) {
        RowLayout *layout;
        TRY(rowlayout_create(schema, options->format, &layout, err));
        empty(slot);
        *slot = (struct RowLayoutSlot){.identity = identity, .format = options->format, .layout = layout};
    }
    return rowformat_begin_as(slot->layout, options, out, buf, err);
}
