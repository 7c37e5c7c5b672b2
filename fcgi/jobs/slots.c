#include "fcgi/jobs/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct Slots {
    int fd, count, reserved;
    pthread_mutex_t lock;
    bool held[SLOTS_MOST]; /* by this process: its locks do not exclude itself */
    int held_count;
};

static struct flock byte_of(int slot, short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1};
}

Status slots_open(const char *path, int count, int reserved, Slots **out, Error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", path);
    Slots *slots = calloc(1, sizeof *slots);
    if (!slots) abort();
    slots->fd = fd;
    slots->count = count < 1 ? 1 : count > SLOTS_MOST ? SLOTS_MOST : count;
    slots->reserved = reserved < slots->count ? reserved : slots->count - 1;
    pthread_mutex_init(&slots->lock, NULL);
    *out = slots;
    return STATUS_OK;
}

void slots_close(Slots *slots) {
    if (!slots) return;
    close(slots->fd);
    pthread_mutex_destroy(&slots->lock);
    free(slots);
}

/* Clients take from the end, so that jobs find the ones in front free. */
static int take_any(Slots *slots, SlotUse use) {
    int last = use == SLOT_FOR_JOB ? slots->count - slots->reserved : slots->count;
    for (int i = 0; i < last; i++) {
        int slot = use == SLOT_FOR_JOB ? i : slots->count - 1 - i;
        struct flock lock = byte_of(slot, F_WRLCK);
        if (slots->held[slot] || fcntl(slots->fd, F_OFD_SETLK, &lock) != 0) continue;
        slots->held[slot] = true;
        slots->held_count++;
        return slot;
    }
    return -1;
}

int slots_try_take(Slots *slots, SlotUse use) {
    pthread_mutex_lock(&slots->lock);
    int slot = take_any(slots, use);
    pthread_mutex_unlock(&slots->lock);
    return slot;
}

void slots_give(Slots *slots, int slot) {
    struct flock lock = byte_of(slot, F_UNLCK);
    pthread_mutex_lock(&slots->lock);
    (void)fcntl(slots->fd, F_OFD_SETLK, &lock);
    slots->held[slot] = false;
    slots->held_count--;
    pthread_mutex_unlock(&slots->lock);
}

int slots_count(const Slots *slots) {
    return slots->count;
}

int slots_count_for_jobs(const Slots *slots) {
    return slots->count - slots->reserved;
}

int slots_in_use(Slots *slots) {
    pthread_mutex_lock(&slots->lock);
    int used = slots->held_count;
    for (int slot = 0; slot < slots->count; slot++) {
        struct flock lock = byte_of(slot, F_WRLCK);
        if (slots->held[slot] || fcntl(slots->fd, F_OFD_GETLK, &lock) != 0) continue;
        used += lock.l_type != F_UNLCK;
    }
    pthread_mutex_unlock(&slots->lock);
    return used;
}

int slots_in_use_here(Slots *slots) {
    pthread_mutex_lock(&slots->lock);
    int used = slots->held_count;
    pthread_mutex_unlock(&slots->lock);
    return used;
}
