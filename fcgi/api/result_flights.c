#include "fcgi/api/result_flights.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"

enum { BUCKETS = 64, CANCEL_POLL_MS = 20, LOCK_PAUSE_US = 300, MOST_LOCK_PAUSE_US = 10000 };

struct ResultFlight {
    ResultFlights *flights;
    ResultFlight *next;
    uint64_t hash;
    int users; /* who leads and who waits */
    bool landed, kept;
    bool holds_lock;
};

struct ResultFlights {
    int fd;
    pthread_mutex_t lock; /* the table, and every flight in it */
    pthread_cond_t landed;
    ResultFlight *buckets[BUCKETS];
};

Status result_flights_open(const char *path, ResultFlights **out, Error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return error_set_errno(err, errno, "cannot open %s", path);
    ResultFlights *flights = calloc(1, sizeof *flights);
    if (!flights) abort();
    flights->fd = fd;
    pthread_mutex_init(&flights->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&flights->landed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = flights;
    return STATUS_OK;
}

void result_flights_close(ResultFlights *flights) {
    if (!flights) return;
    pthread_cond_destroy(&flights->landed);
    pthread_mutex_destroy(&flights->lock);
    close(flights->fd);
    free(flights);
}

/* ---- between processes -----------------------------------------------------------------------------------
 */

/* The byte lies beyond the file's end, where locks may be all the same. */
static bool set_lock(const ResultFlight *flight, short kind) {
    struct flock area = {
        .l_type = kind, .l_whence = SEEK_SET, .l_start = (off_t)(flight->hash >> 2), .l_len = 1};
    while (fcntl(flight->flights->fd, F_OFD_SETLK, &area) != 0)
        if (errno != EINTR) return false;
    return true;
}

/* Where files cannot be locked, each process runs it for itself. */
static bool is_locked_elsewhere(ResultFlight *flight) {
    flight->holds_lock = set_lock(flight, F_WRLCK);
    return !flight->holds_lock && (errno == EAGAIN || errno == EACCES);
}

static Status wait_for_others(ResultFlight *flight, CancelToken *cancel, bool *waited, Error *err) {
    long pause_us = LOCK_PAUSE_US;
    while (is_locked_elsewhere(flight)) {
        *waited = true;
        TRY(cancel_check(cancel, err));
        nanosleep(&(struct timespec){.tv_nsec = pause_us * 1000}, NULL);
        if (pause_us < MOST_LOCK_PAUSE_US) pause_us *= 2;
    }
    return STATUS_OK;
}

void result_flight_let_others(ResultFlight *flight) {
    if (flight->holds_lock) (void)set_lock(flight, F_UNLCK);
    flight->holds_lock = false;
}

/* ---- within one ------------------------------------------------------------------------------------------
 */

static ResultFlight **link_of(ResultFlights *flights, uint64_t hash) {
    ResultFlight **link = &flights->buckets[hash % BUCKETS];
    while (*link && (*link)->hash != hash)
        link = &(*link)->next;
    return link;
}

/* With the lock held. */
static void let_go(ResultFlight *flight) {
    if (--flight->users == 0) free(flight);
}

static ResultFlight *take_off(ResultFlights *flights, uint64_t hash, ResultFlight **link) {
    ResultFlight *flight = calloc(1, sizeof *flight);
    if (!flight) abort();
    *flight = (ResultFlight){.flights = flights, .hash = hash, .users = 1};
    *link = flight;
    return flight;
}

static Status wait_for_landing(ResultFlights *flights, ResultFlight *flight, CancelToken *cancel,
                               FlightRole *role, Error *err) {
    Status status = STATUS_OK;
    flight->users++;
    while (!flight->landed && status == STATUS_OK) {
        int64_t until_ns = clock_now_ns() + (int64_t)CANCEL_POLL_MS * 1000000;
        struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
        (void)pthread_cond_timedwait(&flights->landed, &flights->lock, &until);
        status = cancel_check(cancel, err);
    }
    *role = flight->kept ? FLIGHT_LANDED : FLIGHT_LOST;
    let_go(flight);
    return status;
}

Status result_flights_enter(ResultFlights *flights, uint64_t hash, CancelToken *cancel, ResultFlight **out,
                            FlightRole *role, Error *err) {
    *out = NULL;
    bool waited = false;
    pthread_mutex_lock(&flights->lock);
    ResultFlight **link = link_of(flights, hash);
    if (*link) {
        Status status = wait_for_landing(flights, *link, cancel, role, err);
        pthread_mutex_unlock(&flights->lock);
        return status;
    }
    ResultFlight *flight = take_off(flights, hash, link);
    pthread_mutex_unlock(&flights->lock);
    if (wait_for_others(flight, cancel, &waited, err) != STATUS_OK) {
        result_flight_leave(flight, false);
        return STATUS_ERROR;
    }
    *out = flight;
    *role = waited ? FLIGHT_LEADS_LATE : FLIGHT_LEADS;
    return STATUS_OK;
}

void result_flight_leave(ResultFlight *flight, bool kept) {
    ResultFlights *flights = flight->flights;
    result_flight_let_others(flight);
    pthread_mutex_lock(&flights->lock);
    *link_of(flights, flight->hash) = flight->next;
    flight->landed = true;
    flight->kept = kept;
    pthread_cond_broadcast(&flights->landed);
    let_go(flight);
    pthread_mutex_unlock(&flights->lock);
}
