/* What an intake by a RowSender did, as EngineOps.intake tells it. */
#pragma once

#include "engines/base/row_sender.h"
#include "engines/table_intake.h"

/* `result` holds what the reading of the sources did: the reader's rejects stay, the server's follow. */
static inline void row_intake_result(const TableIntake *intake, const RowSender *sender, bool created,
                                     TableIntakeResult *result) {
    int count = result->reject_count + sender->reject_count;
    TableIntakeReject *all = ARENA_NEW_ARRAY(intake->arena, TableIntakeReject, count + 1);
    if (result->reject_count) memcpy(all, result->rejects, sizeof *all * (size_t)result->reject_count);
    for (int i = 0; i < sender->reject_count; i++)
        all[result->reject_count + i] = (TableIntakeReject){.source = sender->rejects[i].source,
                                                            .row = sender->rejects[i].row,
                                                            .column = sender->rejects[i].column,
                                                            .reason = sender->rejects[i].reason};
    result->rejects = all;
    result->reject_count = count;
    result->rejected_count += sender->rejected_rows;
    result->row_count = sender->sent_rows;
    result->snapshot_id = -1;
    result->created = created;
}
