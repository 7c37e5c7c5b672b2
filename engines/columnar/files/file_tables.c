#include "engines/columnar/files/file_tables.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/log.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/files/file_paths.h"
#include "engines/columnar/files/parquet_version.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/schema_text.h"

#define SCRATCH_PREFIX "files-"

typedef struct FileEntry {
    Arena arena;
    FileRequest request;
    char *fingerprint; /* of the files; in the arena */
    TableVersion *version;
    char scratch_name[32]; /* "" = none */
    uint64_t last_use;
    struct FileEntry *next;
} FileEntry;

struct FileTables {
    char *directories, *scratch_parent, *scratch;
    TableCatalog *catalog; /* below `scratch`; NULL until needed */
    Budget *budget;
    int lock_file;             /* tells other processes that we live */
    pthread_mutex_t load_lock; /* one load at a time; taken before `lock` */
    pthread_mutex_t lock;      /* guards what follows */
    FileEntry *entries;
    int entry_count;
    uint64_t clock;
    uint64_t loads;
};

/* ---- scratch ---------------------------------------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    return remove(path);
}

static void remove_tree(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Directories whose lock nobody holds. */
static void remove_left_behind(const char *parent) {
    DIR *entries = opendir(parent);
    if (!entries) return;
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[4096], lock_path[4200];
        if (strncmp(entry->d_name, SCRATCH_PREFIX, strlen(SCRATCH_PREFIX)) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        snprintf(lock_path, sizeof lock_path, "%s/lock", path);
        int fd = open(lock_path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) remove_tree(path);
        if (fd >= 0) close(fd);
    }
    closedir(entries);
}

static Status open_scratch(FileTables *tables, Error *err) {
    char lock_path[4200];
    if (tables->catalog) return STATUS_OK;
    if (mkdir(tables->scratch_parent, 0700) != 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make %s", tables->scratch_parent);
    remove_left_behind(tables->scratch_parent);
    if (asprintf(&tables->scratch, "%s/" SCRATCH_PREFIX "XXXXXX", tables->scratch_parent) < 0) abort();
    if (!mkdtemp(tables->scratch)) {
        Status status = error_set_errno(err, errno, "cannot make a directory in %s", tables->scratch_parent);
        free(tables->scratch);
        tables->scratch = NULL;
        return status;
    }
    snprintf(lock_path, sizeof lock_path, "%s/lock", tables->scratch);
    tables->lock_file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (tables->lock_file >= 0) flock(tables->lock_file, LOCK_EX | LOCK_NB);
    char *database = NULL, *warehouse = NULL;
    if (asprintf(&database, "%s/catalog.db", tables->scratch) < 0 ||
        asprintf(&warehouse, "%s/warehouse", tables->scratch) < 0)
        abort();
    Status status = table_catalog_open(database, warehouse, &tables->catalog, err);
    free(database);
    free(warehouse);
    return status;
}

/* ---- entries ---------------------------------------------------------------------------------------------
 */

static void destroy_entry(FileTables *tables, FileEntry *entry) {
    Error failure = {0};
    table_version_release(entry->version);
    if (entry->scratch_name[0] &&
        table_catalog_drop(tables->catalog, NULL, entry->scratch_name, &failure) != STATUS_OK)
        log_warn("columnar.files", "error=\"%s\"", failure.message);
    arena_deinit(&entry->arena);
    free(entry);
}

/* Nobody but we hold it, and the scratch catalog's cache, which remembers what it gave last. */
static bool is_unused(const FileEntry *entry) {
    return atomic_load(&entry->version->references) <= (entry->scratch_name[0] ? 2 : 1);
}

/* With the lock held: takes out what nobody holds, the least recently used first, until there is room. */
static FileEntry *take_unused(FileTables *tables) {
    FileEntry **victim = NULL;
    if (tables->entry_count <= FILE_TABLES_KEPT) return NULL;
    for (FileEntry **at = &tables->entries; *at; at = &(*at)->next)
        if (is_unused(*at) && (!victim || (*at)->last_use < (*victim)->last_use)) victim = at;
    if (!victim) return NULL;
    FileEntry *taken = *victim;
    *victim = taken->next;
    tables->entry_count--;
    return taken;
}

static void make_room(FileTables *tables) {
    for (;;) {
        pthread_mutex_lock(&tables->lock);
        FileEntry *unused = take_unused(tables);
        pthread_mutex_unlock(&tables->lock);
        if (!unused) return;
        destroy_entry(tables, unused);
    }
}

static TableVersion *find_version(FileTables *tables, const char *key, const char *fingerprint) {
    TableVersion *found = NULL;
    pthread_mutex_lock(&tables->lock);
    for (FileEntry *entry = tables->entries; entry && !found; entry = entry->next) {
        if (strcmp(entry->request.key, key) != 0 || strcmp(entry->fingerprint, fingerprint) != 0) continue;
        entry->last_use = ++tables->clock;
        found = table_version_retain(entry->version);
    }
    pthread_mutex_unlock(&tables->lock);
    return found;
}

/* ---- loading ---------------------------------------------------------------------------------------------
 */

static const char *copy_text(Arena *arena, const char *text) {
    return text ? arena_strdup(arena, text) : NULL;
}

static void copy_request(FileRequest *out, const FileRequest *request, Arena *arena) {
    const char **patterns = ARENA_NEW_ARRAY(arena, const char *, request->pattern_count + 1);
    for (int i = 0; i < request->pattern_count; i++)
        patterns[i] = arena_strdup(arena, request->patterns[i]);
    *out = *request;
    out->patterns = patterns;
    out->null_text = copy_text(arena, request->null_text);
    out->columns = copy_text(arena, request->columns);
    out->key = arena_strdup(arena, request->key);
}

static Status find_files(const FileTables *tables, const FileRequest *request, Arena *arena,
                         FilePathList *files, char **fingerprint, Error *err) {
    StrBuf text;
    for (int i = 0; i < request->pattern_count; i++)
        TRY(file_paths_add(files, tables->directories, request->patterns[i], arena, err));
    strbuf_init(&text);
    for (int i = 0; i < files->count; i++)
        strbuf_printf(&text, "%s %lld %lld %llu:%llu\n", files->items[i].path,
                      (long long)files->items[i].bytes, (long long)files->items[i].modified_ns,
                      (unsigned long long)files->items[i].device, (unsigned long long)files->items[i].inode);
    *fingerprint = arena_strdup(arena, strbuf_text(&text));
    strbuf_deinit(&text);
    return STATUS_OK;
}

static Status load_text(FileTables *tables, FileEntry *entry, const FilePathList *files, Error *err) {
    const FileRequest *request = &entry->request;
    TableColumn *columns = NULL;
    int column_count = 0;
    TRY(open_scratch(tables, err));
    if (request->columns)
        TRY(schema_text_parse(request->columns, &entry->arena, &columns, &column_count, err));
    const char **paths = ARENA_NEW_ARRAY(&entry->arena, const char *, files->count + 1);
    for (int i = 0; i < files->count; i++)
        paths[i] = files->items[i].path;
    snprintf(entry->scratch_name, sizeof entry->scratch_name, "f%llu", (unsigned long long)++tables->loads);
    IngestOptions options = {.table = entry->scratch_name,
                             .files = paths,
                             .file_count = files->count,
                             .format = request->kind == FILE_KIND_CSV ? INGEST_CSV : INGEST_JSON,
                             .mode = INGEST_CREATE,
                             .delimiter = request->delimiter,
                             .quote = request->quote,
                             .header = request->header,
                             .null_text = request->null_text,
                             .columns = columns,
                             .column_count = column_count,
                             .file_names = request->file_names,
                             .budget = tables->budget,
                             .cancel = cancel_current(),
                             .on_error = request->ignore_errors ? INGEST_SKIP : INGEST_FAIL};
    IngestResult result;
    Status status = ingest_load(tables->catalog, &options, &result, err);
    ingest_result_deinit(&result);
    if (status != STATUS_OK) entry->scratch_name[0] = 0;
    TRY(status);
    return table_catalog_load(tables->catalog, NULL, entry->scratch_name, &entry->version, err);
}

/* With the load lock held. */
static Status load_entry(FileTables *tables, const FileRequest *request, const FilePathList *files,
                         const char *fingerprint, TableVersion **out, Error *err) {
    FileEntry *entry = calloc(1, sizeof *entry);
    if (!entry) abort();
    arena_init(&entry->arena);
    copy_request(&entry->request, request, &entry->arena);
    entry->fingerprint = arena_strdup(&entry->arena, fingerprint);
    Status status =
        request->kind == FILE_KIND_PARQUET
            ? parquet_version_make(files, request->patterns[0], request->file_names, &entry->version, err)
            : load_text(tables, entry, files, err);
    if (status != STATUS_OK) {
        destroy_entry(tables, entry);
        return STATUS_ERROR;
    }
    *out = table_version_retain(entry->version);
    pthread_mutex_lock(&tables->lock);
    entry->last_use = ++tables->clock;
    entry->next = tables->entries;
    tables->entries = entry;
    tables->entry_count++;
    pthread_mutex_unlock(&tables->lock);
    make_room(tables);
    return STATUS_OK;
}

/* Others load for as long as their files take: our statement may end before. */
static Status lock_loading(FileTables *tables, Error *err) {
    enum { POLL_MS = 50 };
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += POLL_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (pthread_mutex_timedlock(&tables->load_lock, &until) == 0) return STATUS_OK;
        TRY(cancel_check(cancel_current(), err));
    }
}

Status file_tables_load(FileTables *tables, const FileRequest *request, TableVersion **out, Error *err) {
    Arena arena;
    FilePathList files = {0};
    char *fingerprint = NULL;
    arena_init(&arena);
    Status status = find_files(tables, request, &arena, &files, &fingerprint, err);
    *out = status == STATUS_OK ? find_version(tables, request->key, fingerprint) : NULL;
    bool wanted = status == STATUS_OK && !*out;
    if (wanted) status = lock_loading(tables, err);
    if (wanted && status == STATUS_OK) {
        *out = find_version(tables, request->key, fingerprint); /* loaded while we waited */
        if (!*out) status = load_entry(tables, request, &files, fingerprint, out, err);
        pthread_mutex_unlock(&tables->load_lock);
    }
    arena_deinit(&arena);
    return status;
}

bool file_tables_check(FileTables *tables, const TableVersion *version, bool *current) {
    Arena arena;
    FileRequest request = {0};
    const char *known = NULL;
    arena_init(&arena);
    pthread_mutex_lock(&tables->lock);
    for (FileEntry *entry = tables->entries; entry && !known; entry = entry->next) {
        if (entry->version != version) continue;
        copy_request(&request, &entry->request, &arena);
        known = arena_strdup(&arena, entry->fingerprint);
    }
    pthread_mutex_unlock(&tables->lock);
    if (known) {
        FilePathList files = {0};
        char *fingerprint = NULL;
        Error ignored;
        *current = find_files(tables, &request, &arena, &files, &fingerprint, &ignored) == STATUS_OK &&
                   strcmp(fingerprint, known) == 0;
    }
    arena_deinit(&arena);
    return known != NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

FileTables *file_tables_open(const char *directories, const char *scratch_parent, Budget *budget) {
    FileTables *tables = calloc(1, sizeof *tables);
    if (!tables) abort();
    tables->directories = strdup(directories ? directories : "");
    tables->scratch_parent = strdup(scratch_parent);
    tables->lock_file = -1;
    tables->budget = budget;
    pthread_mutex_init(&tables->load_lock, NULL);
    pthread_mutex_init(&tables->lock, NULL);
    return tables;
}

void file_tables_close(FileTables *tables) {
    if (!tables) return;
    while (tables->entries) {
        FileEntry *entry = tables->entries;
        tables->entries = entry->next;
        destroy_entry(tables, entry);
    }
    if (tables->catalog) table_catalog_close(tables->catalog);
    if (tables->scratch) remove_tree(tables->scratch);
    if (tables->lock_file >= 0) close(tables->lock_file);
    pthread_mutex_destroy(&tables->load_lock);
    pthread_mutex_destroy(&tables->lock);
    free(tables->scratch);
    free(tables->scratch_parent);
    free(tables->directories);
    free(tables);
}

const char *file_tables_directories(const FileTables *tables) {
    return tables->directories;
}
