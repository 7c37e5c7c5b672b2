/* Loaded before a program (LD_PRELOAD), makes one call that changes the file system fail, or all from one on,
 * or takes the power away there: how run-faults tries a full disk, a broken one, a read-only one and a crash
 * at every step of a command.
 *
 *   SIGNALBOX_FAULT_BELOW=DIR    only files below it count
 *   SIGNALBOX_FAULT_AT=N         the Nth call fails (from 1), 0 = none
 *   SIGNALBOX_FAULT_ERRNO=28     with this
 *   SIGNALBOX_FAULT_STICKY=1     and all after it, too
 *   SIGNALBOX_FAULT_CRASH=1      instead the process is killed, and what it had not synced undone; with N
 *                                beyond the last call when the program ends
 *   SIGNALBOX_FAULT_READS=1      reads give half of what was asked for
 *   SIGNALBOX_FAULT_COUNT=FILE   gets the number of calls, the failed one's name, and which were syncs
 *
 * Undone are: bytes beyond the length a file had when it was last synced, and new names whose directory was
 * not synced since. Syncs look like "..s.s".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic long calls;
static _Atomic(const char *) failed_call;
static char syncs[8192]; /* per call: whether it was one */

static long setting(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static int is_below(const char *path) {
    const char *directory = getenv("SIGNALBOX_FAULT_BELOW");
    return directory && strncmp(path, directory, strlen(directory)) == 0;
}

static int is_descriptor_below(int fd) {
    char link[64], path[PATH_MAX];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* ---- what a power failure would take ---- */

typedef struct Written {
    char path[512];
    off_t synced_bytes;
    int dirty;    /* written to since it was synced */
    int new_name; /* and its directory was not synced since */
    int directory;
} Written;

enum { MOST_WRITTEN = 1024 };
static Written written[MOST_WRITTEN];
static int written_count;
static pthread_mutex_t written_lock = PTHREAD_MUTEX_INITIALIZER;

/* What was there before the program counts as synced. */
static Written *written_of(const char *path, off_t synced_bytes) {
    for (int i = 0; i < written_count; i++)
        if (strcmp(written[i].path, path) == 0) return &written[i];
    if (written_count == MOST_WRITTEN || strlen(path) >= sizeof written->path) abort();
    Written *fresh = &written[written_count++];
    memset(fresh, 0, sizeof *fresh);
    strcpy(fresh->path, path);
    fresh->synced_bytes = synced_bytes;
    return fresh;
}

static int path_of(int fd, char path[PATH_MAX], struct stat *info) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0 || fstat(fd, info) != 0 || (S_ISREG(info->st_mode) && info->st_nlink == 0)) return 0;
    path[length] = 0;
    return 1;
}

static void note_name(const char *path, int directory) {
    pthread_mutex_lock(&written_lock);
    Written *entry = written_of(path, 0);
    entry->new_name = 1;
    entry->directory = directory;
    entry->synced_bytes = 0;
    pthread_mutex_unlock(&written_lock);
}

static void note_write(int fd) {
    char path[PATH_MAX];
    struct stat info;
    if (!path_of(fd, path, &info)) return;
    pthread_mutex_lock(&written_lock);
    written_of(path, info.st_size)->dirty = 1;
    pthread_mutex_unlock(&written_lock);
}

static void note_sync(int fd) {
    char path[PATH_MAX];
    struct stat info;
    if (!path_of(fd, path, &info)) return;
    size_t length = strlen(path);
    pthread_mutex_lock(&written_lock);
    for (int i = 0; i < written_count; i++) {
        Written *entry = &written[i];
        const char *slash = strrchr(entry->path, '/');
        if (S_ISDIR(info.st_mode) && (size_t)(slash - entry->path) == length &&
            memcmp(entry->path, path, length) == 0)
            entry->new_name = 0;
        if (!S_ISDIR(info.st_mode) && strcmp(entry->path, path) == 0) {
            entry->dirty = 0;
            entry->synced_bytes = info.st_size;
        }
    }
    pthread_mutex_unlock(&written_lock);
}

static void lose_power(void) {
    struct stat info;
    pthread_mutex_lock(&written_lock); /* for good: no other thread goes on */
    for (int i = written_count - 1; i >= 0; i--) {
        const Written *entry = &written[i];
        int failed = 0;
        if (entry->new_name && entry->directory) {
            char command[600];
            snprintf(command, sizeof command, "rm -rf '%s'", entry->path);
            unsetenv("LD_PRELOAD");
            failed = system(command);
        } else if (entry->new_name) {
            failed = unlink(entry->path) != 0 && errno != ENOENT;
        } else if (entry->dirty && stat(entry->path, &info) == 0 && info.st_size > entry->synced_bytes) {
            failed = truncate(entry->path, entry->synced_bytes);
        }
        if (failed) perror(entry->path);
    }
    kill(getpid(), SIGKILL);
}

/* ---- calls ---- */

/* Counts the call; whether it is to fail, errno being set then. */
static int fails(const char *name) {
    long number = atomic_fetch_add(&calls, 1) + 1, at = setting("SIGNALBOX_FAULT_AT");
    if (number < (long)sizeof syncs) syncs[number - 1] = strstr(name, "sync") ? 's' : '.';
    if (number == at && setting("SIGNALBOX_FAULT_CRASH")) lose_power();
    if (at == 0 || setting("SIGNALBOX_FAULT_CRASH") || number < at ||
        (number > at && !setting("SIGNALBOX_FAULT_STICKY")))
        return 0;
    if (number == at) atomic_store(&failed_call, name);
    errno = (int)setting("SIGNALBOX_FAULT_ERRNO");
    return 1;
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("SIGNALBOX_FAULT_COUNT"), *name = atomic_load(&failed_call);
    char text[sizeof syncs + 128];
    if (!path) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int length = snprintf(text, sizeof text, "%ld %s %s\n", atomic_load(&calls), name ? name : "-", syncs);
    if (fd >= 0 && write(fd, text, (size_t)length) < 0) perror("faults");
    if (fd >= 0) close(fd);
    if (setting("SIGNALBOX_FAULT_CRASH")) lose_power();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opens_to_write(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
}

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...) {                                                             \
        va_list arguments;                                                                                   \
        va_start(arguments, flags);                                                                          \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, mode_t) : 0;                       \
        va_end(arguments);                                                                                   \
        struct stat info;                                                                                    \
        int counts = opens_to_write(flags) && is_below(path);                                                \
        if (counts && fails("open")) return -1;                                                              \
        int makes = counts && (flags & O_CREAT) && stat(path, &info) != 0;                                   \
        int fd = REAL(name)(path, flags, mode);                                                              \
        if (fd >= 0 && makes) note_name(path, 0);                                                            \
        return fd;                                                                                           \
    }
OPEN(open)
OPEN(open64)

#define ON_DESCRIPTOR(type, name, parameters, ...)                                                           \
    type name parameters {                                                                                   \
        int counts = is_descriptor_below(fd);                                                                \
        if (counts && fails(#name)) return -1;                                                               \
        if (counts) note_write(fd); /* before: what was there counts as synced */                            \
        return REAL(name)(__VA_ARGS__);                                                                      \
    }
ON_DESCRIPTOR(ssize_t, write, (int fd, const void *data, size_t bytes), fd, data, bytes)
ON_DESCRIPTOR(ssize_t, pwrite, (int fd, const void *data, size_t bytes, off_t at), fd, data, bytes, at)
ON_DESCRIPTOR(ssize_t, pwrite64, (int fd, const void *data, size_t bytes, off64_t at), fd, data, bytes, at)
ON_DESCRIPTOR(ssize_t, writev, (int fd, const struct iovec *parts, int count), fd, parts, count)
ON_DESCRIPTOR(int, ftruncate, (int fd, off_t bytes), fd, bytes)
ON_DESCRIPTOR(int, ftruncate64, (int fd, off64_t bytes), fd, bytes)
ON_DESCRIPTOR(int, fallocate, (int fd, int mode, off_t at, off_t bytes), fd, mode, at, bytes)

#define ON_SYNC(name)                                                                                        \
    int name(int fd) {                                                                                       \
        int counts = is_descriptor_below(fd);                                                                \
        if (counts && fails(#name)) return -1;                                                               \
        int failed = REAL(name)(fd);                                                                         \
        if (counts && !failed) note_sync(fd);                                                                \
        return failed;                                                                                       \
    }
ON_SYNC(fsync)
ON_SYNC(fdatasync)

int mkdir(const char *path, mode_t mode) {
    int counts = is_below(path);
    if (counts && fails("mkdir")) return -1;
    int failed = REAL(mkdir)(path, mode);
    if (counts && !failed) note_name(path, 1);
    return failed;
}

/* Tables do without: a crash could not be made of it here. */
int rename(const char *from, const char *to) {
    if (is_below(to)) abort();
    return REAL(rename)(from, to);
}

static size_t shortened(int fd, size_t bytes) {
    return bytes > 1 && setting("SIGNALBOX_FAULT_READS") && is_descriptor_below(fd) ? (bytes + 1) / 2 : bytes;
}

ssize_t read(int fd, void *out, size_t bytes) {
    return REAL(read)(fd, out, shortened(fd, bytes));
}

ssize_t pread(int fd, void *out, size_t bytes, off_t at) {
    return REAL(pread)(fd, out, shortened(fd, bytes), at);
}

/* SQLite takes a short read for the end of the file, as on a local file it is: it calls this one. */
ssize_t pread64(int fd, void *out, size_t bytes, off64_t at) {
    return REAL(pread64)(fd, out, bytes, at);
}
