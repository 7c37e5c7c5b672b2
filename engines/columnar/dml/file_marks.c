#include "engines/columnar/dml/file_marks.h"

#include <stdlib.h>

#include "engines/base/bitmap.h"

void file_marks_init(FileMarks *marks, const TableVersion *version, Budget *parent) {
    *marks = (FileMarks){.version = version};
    budget_init(&marks->budget, parent, 0);
    marks->bits = calloc((size_t)version->file_count + 1, sizeof *marks->bits);
    marks->counts = calloc((size_t)version->file_count + 1, sizeof *marks->counts);
    if (!marks->bits || !marks->counts) abort();
}

void file_marks_deinit(FileMarks *marks) {
    for (int f = 0; f < marks->version->file_count; f++)
        free(marks->bits[f]);
    free(marks->bits);
    free(marks->counts);
    budget_deinit(&marks->budget);
}

static Status open_file(FileMarks *marks, int file, Error *err) {
    size_t bytes = ((size_t)marks->version->files[file].row_count / 64 + 1) * sizeof(uint64_t);
    TRY(budget_reserve(&marks->budget, (int64_t)bytes, err));
    marks->bits[file] = calloc(1, bytes);
    return marks->bits[file] ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

Status file_marks_add(FileMarks *marks, int file, int64_t position, bool *again, Error *err) {
    if (file < 0 || file >= marks->version->file_count || position < 0 ||
        position >= marks->version->files[file].row_count)
        return error_set(err, SQLSTATE_DATA_CORRUPTED,
                         "table \"%s\": a data file has more rows than its manifest says",
                         marks->version->name);
    if (!marks->bits[file]) TRY(open_file(marks, file, err));
    *again = bitmap_get(marks->bits[file], (size_t)position);
    if (*again) return STATUS_OK;
    bitmap_set(marks->bits[file], (size_t)position);
    marks->counts[file]++;
    return STATUS_OK;
}

bool file_marks_has(const FileMarks *marks, int file, int64_t position) {
    return marks->bits[file] && position >= 0 && position < marks->version->files[file].row_count &&
           bitmap_get(marks->bits[file], (size_t)position);
}
