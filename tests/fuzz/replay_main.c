/* Runs a fuzz target over files instead of made-up inputs: every argument is a file or a folder of files (its
 * subfolders too). Each input comes in a buffer of its exact size, so that a read past the end is seen.
 * Prints cmocka's closing line, which run-tests counts. Finding no file is a failure: a corpus that was moved
 * must not pass. */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    printf("replay %s\n", path);
    fflush(stdout); /* a crash leaves the name of its input as the last line */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static int visit(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status;
    (void)where;
    if (kind == FTW_F) replay_file(path);
    return 0;
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++)
        if (nftw(arguments[i], visit, 16, FTW_PHYS)) {
            fprintf(stderr, "%s cannot be read\n", arguments[i]);
            return 1;
        }
    if (!replayed) {
        fprintf(stderr, "no input was found\n");
        return 1;
    }
    printf("[  PASSED  ] %d test(s).\n", replayed);
    return 0;
}
