/* Equal statements that run at the same time: one runs, the others wait for what it leaves in the cache.
 *
 *   result_flights_enter → FLIGHT_LEADS: run it, keep the answer, result_flight_leave
 *                          otherwise: see FlightRole
 *
 * Within a process by a table, between the processes of a pool by a lock on a byte of a file, which the
 * system gives up with a process that is killed. Statements are told apart by a 64-bit hash alone: two that
 * share one wait for each other in vain, and nothing more.
 */
#pragma once

#include "engines/base/cancel.h"
#include "engines/base/error.h"

typedef struct ResultFlights ResultFlights;
typedef struct ResultFlight ResultFlight;

Status result_flights_open(const char *path, ResultFlights **out, Error *err);
void result_flights_close(ResultFlights *flights); /* may be NULL; nobody is in flight */

typedef enum FlightRole {
    FLIGHT_LEADS,      /* nobody runs it; *out is to be left */
    FLIGHT_LEADS_LATE, /* the same, but another process ran it until now: look into the cache again */
    FLIGHT_LANDED,     /* another thread has kept its answer: look into the cache again */
    FLIGHT_LOST        /* another thread ran it, and its answer was not kept: run it without waiting */
} FlightRole;

/* Waits while an equal statement runs; STATUS_ERROR when `cancel` stops that. *out NULL unless it leads. */
Status result_flights_enter(ResultFlights *flights, uint64_t hash, CancelToken *cancel, ResultFlight **out,
                            FlightRole *role, Error *err);
/* Other processes need not wait for it any longer. */
void result_flight_let_others(ResultFlight *flight);
/* Those that wait for it go on. */
void result_flight_leave(ResultFlight *flight, bool kept);
