#include "fcgi/jobs/job_owners.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, OPEN_ATTEMPTS = 16 };

static bool is_name(const char *text) {
    return strlen(text) == JOB_OWNER_BYTES - 1 && strspn(text, "0123456789abcdef") == JOB_OWNER_BYTES - 1;
}

static void path_of(const JobOwner *owner, const char *name, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "%s/%s", owner->directory, name);
}

static void make_name(char name[JOB_OWNER_BYTES]) {
    uint8_t bytes[(JOB_OWNER_BYTES - 1) / 2];
    (void)!getrandom(bytes, sizeof bytes, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(name + 2 * i, 3, "%02x", bytes[i]);
}

/* Another process may find the file before it is locked, take it for one left behind and remove it: then it
 * is made again under another name. */
static Status open_locked(JobOwner *owner, Error *err) {
    char path[PATH_BYTES];
    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        struct stat mine, there;
        make_name(owner->name);
        path_of(owner, owner->name, path);
        owner->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (owner->fd < 0) return error_set_errno(err, errno, "cannot make \"%s\"", path);
        if (flock(owner->fd, LOCK_EX | LOCK_NB) == 0 && fstat(owner->fd, &mine) == 0 &&
            stat(path, &there) == 0 && mine.st_ino == there.st_ino)
            return STATUS_OK;
        close(owner->fd);
        owner->fd = -1;
    }
    return error_set(err, SQLSTATE_IO_ERROR, "cannot lock a file in \"%s\"", owner->directory);
}

Status job_owner_open(JobOwner *owner, const char *directory, Error *err) {
    *owner = (JobOwner){.directory = strdup(directory), .fd = -1};
    (void)mkdir(directory, 0750);
    if (open_locked(owner, err) == STATUS_OK) return STATUS_OK;
    job_owner_close(owner);
    return STATUS_ERROR;
}

void job_owner_close(JobOwner *owner) {
    char path[PATH_BYTES];
    if (owner->fd >= 0) {
        path_of(owner, owner->name, path);
        unlink(path);
        close(owner->fd);
    }
    free(owner->directory);
    *owner = (JobOwner){.fd = -1};
}

bool job_owner_is_known(const JobOwner *self, const char *name) {
    char path[PATH_BYTES];
    path_of(self, name, path);
    return access(path, F_OK) == 0 || errno != ENOENT;
}

typedef Status (*GoneFunction)(void *context, const char *name, Error *err);

static Status look_at(const JobOwner *self, const char *name, GoneFunction gone, void *context, Error *err) {
    char path[PATH_BYTES];
    path_of(self, name, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return STATUS_OK; /* another process has just dealt with it */
    Status status = STATUS_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        status = gone(context, name, err);
        if (status == STATUS_OK) unlink(path);
    }
    close(fd);
    return status;
}

Status job_owners_find_gone(const JobOwner *self, GoneFunction gone, void *context, Error *err) {
    DIR *directory = opendir(self->directory);
    if (!directory) return error_set_errno(err, errno, "cannot read \"%s\"", self->directory);
    Status status = STATUS_OK;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(directory));)
        if (is_name(entry->d_name) && strcmp(entry->d_name, self->name) != 0)
            status = look_at(self, entry->d_name, gone, context, err);
    closedir(directory);
    return status;
}
