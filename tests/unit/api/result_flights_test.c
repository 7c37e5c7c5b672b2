/* Equal statements at the same time: one runs, the others wait for it; nobody waits for the dead. */
#include "tests/unit/base/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/result_flights.h"

static char directory[] = "/tmp/signalbox-flights-XXXXXX";
static char path[64];
static ResultFlights *flights;

static void sleep_ms(int ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static FlightRole enter(ResultFlights *which, uint64_t hash, ResultFlight **flight) {
    FlightRole role = FLIGHT_LOST;
    Error err = {0};
    assert_int_equal(result_flights_enter(which, hash, NULL, flight, &role, &err), STATUS_OK);
    return role;
}

typedef struct Passenger {
    FlightRole role;
    _Atomic int *entered, *returned;
} Passenger;

static void *follow(void *argument) {
    Passenger *passenger = argument;
    ResultFlight *flight;
    atomic_fetch_add(passenger->entered, 1);
    passenger->role = enter(flights, 42, &flight);
    if (flight) result_flight_leave(flight, false);
    atomic_fetch_add(passenger->returned, 1);
    return NULL;
}

static void one_runs(bool kept, FlightRole expected) {
    enum { PASSENGERS = 8 };
    _Atomic int entered = 0, returned = 0;
    Passenger passengers[PASSENGERS];
    pthread_t threads[PASSENGERS];
    ResultFlight *leader, *other;
    assert_int_equal(enter(flights, 42, &leader), FLIGHT_LEADS);
    assert_non_null(leader);
    for (int i = 0; i < PASSENGERS; i++) {
        passengers[i] = (Passenger){.entered = &entered, .returned = &returned};
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &passengers[i]), 0);
    }
    while (atomic_load(&entered) < PASSENGERS)
        sleep_ms(1);
    sleep_ms(20);
    assert_int_equal(atomic_load(&returned), 0);
    assert_int_equal(enter(flights, 43, &other), FLIGHT_LEADS); /* another statement does not wait */
    result_flight_leave(other, true);
    result_flight_leave(leader, kept);
    int followed = 0;
    for (int i = 0; i < PASSENGERS; i++) {
        pthread_join(threads[i], NULL);
        followed += passengers[i].role == expected; /* a late one may lead itself */
    }
    assert_true(followed > 0);
}

static void followers_look_again(void **state) {
    one_runs(true, FLIGHT_LANDED);
}

static void followers_run_themselves(void **state) {
    one_runs(false, FLIGHT_LOST);
}

static void *cancel_soon(void *argument) {
    sleep_ms(20);
    cancel_request(argument, CANCEL_BY_USER);
    return NULL;
}

static void waiting_is_cancelled(void **state) {
    ResultFlights *elsewhere;
    ResultFlight *leader, *flight;
    FlightRole role;
    Error err = {0};
    assert_int_equal(result_flights_open(path, &elsewhere, &err), STATUS_OK);
    for (int from = 0; from < 2; from++) { /* the same process, and another one */
        pthread_t thread;
        CancelToken token;
        cancel_init(&token, 0);
        assert_int_equal(enter(from ? elsewhere : flights, 7, &leader), FLIGHT_LEADS);
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &token), 0);
        assert_int_equal(result_flights_enter(flights, 7, &token, &flight, &role, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
        assert_null(flight);
        pthread_join(thread, NULL);
        result_flight_leave(leader, true);
        assert_int_equal(enter(flights, 7, &flight), FLIGHT_LEADS);
        result_flight_leave(flight, true);
    }
    result_flights_close(elsewhere);
}

static void between_processes(void **state) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        ResultFlights *own;
        ResultFlight *flight;
        Error err;
        bool leads =
            result_flights_open(path, &own, &err) == STATUS_OK && enter(own, 99, &flight) == FLIGHT_LEADS;
        (void)!write(ready[1], leads ? "y" : "n", 1);
        for (;;)
            pause();
    }
    char word;
    assert_int_equal(read(ready[0], &word, 1), 1);
    assert_int_equal(word, 'y');
    CancelToken token;
    cancel_init(&token, clock_now_ns() + 50000000);
    ResultFlight *flight;
    FlightRole role;
    Error err = {0};
    assert_int_equal(result_flights_enter(flights, 99, &token, &flight, &role, &err), STATUS_ERROR);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    role = enter(flights, 99, &flight); /* at once, or as soon as the system has taken the lock away */
    assert_true(role == FLIGHT_LEADS || role == FLIGHT_LEADS_LATE);
    result_flight_let_others(flight);
    result_flight_leave(flight, false);
    close(ready[0]);
    close(ready[1]);
}

static _Atomic int running[16], runs;

static void *fly(void *argument) {
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < 2000; i++) {
        uint64_t hash = (uint64_t)(rand_r(&seed) % 16);
        ResultFlight *flight;
        (void)enter(flights, hash, &flight);
        if (!flight) continue;
        assert_int_equal(atomic_fetch_add(&running[hash], 1), 0);
        atomic_fetch_add(&runs, 1);
        atomic_fetch_sub(&running[hash], 1);
        if (i % 3 == 0) result_flight_let_others(flight);
        result_flight_leave(flight, i % 2);
    }
    return NULL;
}

static void never_two_at_once(void **state) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fly, (void *)(uintptr_t)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&runs) > 0);
}

static int open_flights(void **state) {
    Error err = {0};
    snprintf(path, sizeof path, "%s/flights", directory);
    return result_flights_open(path, &flights, &err) == STATUS_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(followers_look_again), cmocka_unit_test(followers_run_themselves),
        cmocka_unit_test(waiting_is_cancelled), cmocka_unit_test(between_processes),
        cmocka_unit_test(never_two_at_once),
    };
    if (!mkdtemp(directory)) return 1;
    int failed = cmocka_run_group_tests(tests, open_flights, NULL);
    result_flights_close(flights);
    unlink(path);
    rmdir(directory);
    return failed;
}
