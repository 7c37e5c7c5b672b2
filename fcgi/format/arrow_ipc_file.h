/* Reads the files of arrow_ipc.h: any batch, any row.
 *
 *   arrow_ipc_file_open → arrow_ipc_file_batch, arrow_ipc_file_stream in any order → arrow_ipc_file_close
 *
 * Opening reads the footer and every batch's length; a batch is read when it is asked for, by one read. What
 * it gives lives as long as it is not released, whether the file is open or not. Nothing in the file is
 * trusted: XX001 when it is damaged, or holds what arrow_ipc.h does not write (dictionaries, other types).
 *
 * A file is not for several threads at once.
 */
#pragma once

#include "engines/base/arrow_stream.h"

typedef struct ArrowIpcFile ArrowIpcFile;

Status arrow_ipc_file_open(const char *path, ArrowIpcFile **out, Error *err);
/* From a descriptor, which is the file's from then on, also when this fails. */
Status arrow_ipc_file_open_fd(int fd, ArrowIpcFile **out, Error *err);
void arrow_ipc_file_close(ArrowIpcFile *file);

void arrow_ipc_file_schema(const ArrowIpcFile *file, ArrowSchema *out);
int64_t arrow_ipc_file_row_count(const ArrowIpcFile *file);
int arrow_ipc_file_batch_count(const ArrowIpcFile *file);
/* The number of rows in the batches before `batch`, which may be the count of batches. */
int64_t arrow_ipc_file_first_row(const ArrowIpcFile *file, int batch);
/* The batch that holds the row; the count of batches when there is none. */
int arrow_ipc_file_batch_of(const ArrowIpcFile *file, int64_t row);

Status arrow_ipc_file_batch(ArrowIpcFile *file, int batch, ArrowArray *out, Error *err);
/* `row_count` rows (fewer at the end) from `first_row` on, the first batch cut to size by its offset. The
 * stream borrows the file. */
void arrow_ipc_file_stream(ArrowIpcFile *file, int64_t first_row, int64_t row_count, ArrowArrayStream *out);
