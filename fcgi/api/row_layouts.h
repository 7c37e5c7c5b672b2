/* Layouts of results seen before, so that a point lookup need not name and escape its columns again. Belongs
 * to one event loop. A layout keeps its schema alive, so an identity names one schema only; once a minute all
 * are let go. */
#pragma once

#include "fcgi/format/format.h"

enum { ROW_LAYOUT_SLOTS = 128 };

typedef struct RowLayouts {
    struct RowLayoutSlot {
        const void *identity; /* NULL = empty */
        RowFormat format;
        RowLayout *layout;
    } slots[ROW_LAYOUT_SLOTS];
    int64_t emptied_ns;
} RowLayouts; /* all zero = empty */

void row_layouts_deinit(RowLayouts *layouts);
/* As rowformat_begin. */
Status row_layouts_begin(RowLayouts *layouts, const ArrowSchema *schema, const RowFormatOptions *options,
                         RowWriter **out, StrBuf *buf, Error *err);
