/* Files written anew without the rows that go. Internal to dml/. */
#pragma once

#include "engines/columnar/dml/file_marks.h"
#include "engines/columnar/dml/rows.h"
#include "engines/columnar/iceberg/table_writer.h"

/* What is left of the files `numbers` of marks->version goes to *writer, which is opened when it is NULL. */
Status rewrite_files(RowWrite *run, TableChange *change, TableWriter **writer, const FileMarks *marks,
                     const int *numbers, int count, Error *err);
