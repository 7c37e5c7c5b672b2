/* Jobs as they are kept: one final state each, whose turn it is, what processes leave behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/jobs/job_keep.h"
#include "fcgi/jobs/job_owners.h"
#include "fcgi/jobs/jobs.h"
#include "fcgi/jobs/job_read.h"
#include "fcgi/jobs/job_results.h"
#include "fcgi/jobs/slots.h"

static char directory[64], path[128];
static Error err;
static JobStore *store;
static Arena arena;

static void must(Status status) {
    if (status != STATUS_OK) fail_msg("%s %s", err.sqlstate, err.message);
}

static int set_up(void **state) {
    snprintf(directory, sizeof directory, "/tmp/signalbox-jobs-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/jobs.db", directory);
    error_clear(&err);
    arena_init(&arena);
    must(job_store_open(path, &store, &err));
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    job_store_close(store);
    arena_deinit(&arena);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

static JobTicket submit(const char *user, int priority, bool only_reads) {
    JobRequest request = {.sql = "SELECT 1",
                          .body = "{}",
                          .user = user,
                          .only_reads = only_reads,
                          .priority = priority,
                          .max_runtime_ms = 1000};
    JobTicket ticket;
    must(job_submit(store, &request, 0, &ticket, &err));
    return ticket;
}

static JobClaim claim(const char *owner) {
    JobClaim out;
    must(job_claim(store, owner, 0, &arena, &out, &err));
    return out;
}

static Job read_job(const char *id) {
    Job job;
    bool found;
    must(job_read(store, id, &arena, &job, &found, &err));
    assert_true(found);
    return job;
}

static void expect_path(const JobTicket *ticket, const char *expected) {
    JobEvent events[JOB_MOST_EVENTS];
    int count;
    char told[256] = "";
    must(job_events_since(store, ticket->number, 0, events, &count, &err));
    for (int i = 0; i < count; i++)
        snprintf(told + strlen(told), sizeof told - strlen(told), "%s%s", i ? " " : "",
                 job_status_name(events[i].status));
    assert_string_equal(told, expected);
}

static void a_job_ends_once(void **state) {
    JobTicket ticket = submit("", 3, true);
    JobOutcome done = {.status = JOB_COMPLETED, .row_count = 7, .result_bytes = 100, .http_status = 200};
    JobOutcome failed = {.status = JOB_FAILED, .http_status = 400, .result_bytes = -1};
    bool moved;
    JobCancel cancelled;
    JobStatus after;
    assert_int_equal(ticket.queue_position, 1);
    assert_string_equal(claim("a").id, ticket.id);
    assert_int_equal(claim("b").number, 0);
    must(job_finish(store, ticket.number, "b", &done, &moved, &err));
    assert_false(moved); /* it is a's */
    must(job_finish(store, ticket.number, "a", &done, &moved, &err));
    assert_true(moved);
    must(job_finish(store, ticket.number, "a", &failed, &moved, &err));
    assert_false(moved);
    must(job_cancel(store, ticket.id, &cancelled, &after, &err));
    assert_int_equal(cancelled, JOB_CANCEL_TOO_LATE);
    expect_path(&ticket, "queued running completed");
    Job job = read_job(ticket.id);
    assert_int_equal(job.row_count, 7);
    assert_true(job.result_kept);
    assert_true(job.progress == 1);
    assert_null(job.sqlstate);
}

static void note_stopped(void *context, int64_t number) {
    *(int64_t *)context = number;
}

static void queued_and_running_jobs_are_cancelled(void **state) {
    JobTicket queued = submit("", 1, true), running = submit("", 5, true);
    JobCancel what;
    JobStatus after;
    int64_t stopped = 0;
    assert_string_equal(claim("a").id, running.id);
    must(job_cancel(store, queued.id, &what, &after, &err));
    assert_int_equal(what, JOB_CANCEL_DONE);
    expect_path(&queued, "queued cancelled");
    must(job_cancel(store, running.id, &what, &after, &err));
    assert_int_equal(what, JOB_CANCEL_ASKED);
    expect_path(&running, "queued running");
    must(job_cancels_asked(store, "a", note_stopped, &stopped, &err));
    assert_int_equal(stopped, running.number);
    must(job_cancel(store, "no-such-job", &what, &after, &err));
    assert_int_equal(what, JOB_CANCEL_UNKNOWN);
}

static void what_a_dead_process_ran_is_run_again_or_fails(void **state) {
    JobTicket read = submit("", 5, true), write = submit("", 3, false), other = submit("", 1, true);
    int64_t count;
    claim("dead"), claim("dead"), claim("lives");
    must(job_recover(store, "dead", &count, &err));
    assert_int_equal(count, 2);
    expect_path(&read, "queued running queued");
    expect_path(&write, "queued running failed");
    expect_path(&other, "queued running");
    assert_string_equal(read_job(write.id).sqlstate, "40003");
    assert_string_equal(claim("dead too").id, read.id);
    must(job_recover(store, "dead too", &count, &err));
    expect_path(&read, "queued running queued running failed");
    assert_string_equal(read_job(read.id).sqlstate, "57P02");
}

static void a_job_given_back_has_not_been_tried(void **state) {
    JobTicket ticket = submit("", 3, true);
    bool moved;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(claim("a").attempt, 1);
        must(job_give_back(store, ticket.number, "a", &moved, &err));
        assert_true(moved);
    }
}

static void the_queue_is_bounded_and_jobs_expire(void **state) {
    JobRequest request = {
        .sql = "", .body = "", .user = "", .priority = 3, .expires_us = clock_wall_us() - 1};
    JobTicket ticket, again;
    int64_t count;
    must(job_submit(store, &request, 1, &ticket, &err));
    assert_int_equal(job_submit(store, &request, 1, &again, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_QUEUE_FULL);
    error_clear(&err);
    must(job_expire(store, clock_wall_us(), &count, &err));
    assert_int_equal(count, 1);
    expect_path(&ticket, "queued failed");
}

static void a_request_repeated_gets_the_same_job(void **state) {
    JobRequest request = {.sql = "", .body = "", .user = "", .priority = 3, .key = "key"};
    JobTicket first, second;
    must(job_submit(store, &request, 0, &first, &err));
    must(job_submit(store, &request, 0, &second, &err));
    assert_true(second.repeated && !first.repeated);
    assert_string_equal(first.id, second.id);
    must(
        job_submit(store, &(JobRequest){.sql = "", .body = "", .user = "", .priority = 3}, 0, &second, &err));
    assert_string_not_equal(first.id, second.id);
}

/* ---- whose turn it is ------------------------------------------------------------------------------------
 */

static void the_higher_priority_goes_first(void **state) {
    JobTicket low = submit("", 1, true), first = submit("", 5, true), second = submit("", 5, true);
    assert_string_equal(claim("a").id, first.id);
    assert_string_equal(claim("a").id, second.id);
    assert_string_equal(claim("a").id, low.id);
}

static void users_take_turns(void **state) {
    char order[16] = "";
    for (int i = 0; i < 4; i++)
        submit("many", 3, true);
    submit("few", 3, true);
    submit("few", 3, true);
    for (int i = 0; i < 6; i++)
        strncat(order, claim("a").user, 1);
    assert_string_equal(order, "mfmfmm");
}

static void a_line_that_waits_comes_up(void **state) {
    JobTicket low = submit("patient", 1, true);
    JobClaim out;
    usleep(60000);
    for (int i = 0; i < 3; i++)
        submit("busy", 5, true);
    /* 60 ms are more than four times 10 ms. */
    must(job_claim(store, "a", 10000, &arena, &out, &err));
    assert_string_equal(out.id, low.id);
}

/* ---- several processes -----------------------------------------------------------------------------------
 */

static void claim_until_empty(int out) {
    JobStore *own;
    char owner[16];
    JobOutcome outcome = {.status = JOB_COMPLETED, .result_bytes = -1};
    bool moved;
    snprintf(owner, sizeof owner, "%d", getpid());
    if (job_store_open(path, &own, NULL) != STATUS_OK) _exit(1);
    for (;;) {
        JobClaim got;
        if (job_claim(own, owner, 0, &arena, &got, NULL) != STATUS_OK) _exit(1);
        if (!got.number) break;
        if (write(out, &got.number, sizeof got.number) != sizeof got.number) _exit(1);
        if (job_finish(own, got.number, owner, &outcome, &moved, NULL) != STATUS_OK || !moved) _exit(1);
    }
    job_store_close(own);
    _exit(0);
}

static void processes_never_claim_one_job_twice(void **state) {
    enum { JOBS = 60, PROCESSES = 3 };
    int ends[2], seen[JOBS + 1] = {0}, code;
    int64_t number;
    JobCounts counts;
    for (int i = 0; i < JOBS; i++)
        submit(i % 2 ? "a" : "b", 1 + i % 5, true);
    assert_int_equal(pipe(ends), 0);
    job_store_close(store); /* SQLite's connections do not cross a fork */
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) claim_until_empty(ends[1]);
    close(ends[1]);
    while (read(ends[0], &number, sizeof number) == sizeof number)
        seen[number]++;
    for (int i = 0; i < PROCESSES; i++) {
        wait(&code);
        assert_int_equal(code, 0);
    }
    close(ends[0]);
    for (int i = 1; i <= JOBS; i++)
        assert_int_equal(seen[i], 1);
    must(job_store_open(path, &store, &err));
    must(job_counts(store, &counts, &err));
    assert_int_equal(counts.ended[JOB_COMPLETED], JOBS);
    assert_int_equal(counts.queued + counts.running, 0);
}

static Status note_gone(void *context, const char *name, Error *error) {
    snprintf(context, JOB_OWNER_BYTES, "%s", name);
    return STATUS_OK;
}

static void a_process_that_is_killed_is_found(void **state) {
    JobOwner self;
    char owners[96], gone[JOB_OWNER_BYTES] = "", name[JOB_OWNER_BYTES] = "";
    int ends[2];
    snprintf(owners, sizeof owners, "%s/processes", directory);
    must(job_owner_open(&self, owners, &err));
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        JobOwner own;
        if (job_owner_open(&own, owners, NULL) != STATUS_OK) _exit(1);
        if (write(ends[1], own.name, sizeof own.name) < 0) _exit(1);
        pause();
    }
    assert_int_equal(read(ends[0], name, sizeof name), sizeof name);
    must(job_owners_find_gone(&self, note_gone, gone, &err));
    assert_string_equal(gone, "");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    must(job_owners_find_gone(&self, note_gone, gone, &err));
    assert_string_equal(gone, name);
    gone[0] = 0;
    must(job_owners_find_gone(&self, note_gone, gone, &err));
    assert_string_equal(gone, "");
    job_owner_close(&self);
}

static void slots_are_shared_and_come_back(void **state) {
    Slots *ours, *theirs;
    char file[96];
    snprintf(file, sizeof file, "%s/slots", directory);
    must(slots_open(file, 3, 1, &ours, &err));
    must(slots_open(file, 3, 1, &theirs, &err)); /* another description, as another process has */
    int first = slots_try_take(ours, SLOT_FOR_JOB), second = slots_try_take(theirs, SLOT_FOR_JOB);
    assert_true(first >= 0 && second >= 0 && first != second);
    assert_int_equal(slots_try_take(ours, SLOT_FOR_JOB), -1); /* the third is reserved */
    int third = slots_try_take(ours, SLOT_FOR_CLIENT);
    assert_true(third >= 0);
    assert_int_equal(slots_try_take(theirs, SLOT_FOR_CLIENT), -1);
    assert_int_equal(slots_in_use(ours), 3);
    assert_int_equal(slots_in_use_here(theirs), 1);
    slots_give(ours, first);
    assert_int_equal(slots_in_use(theirs), 2);
    assert_int_equal(slots_try_take(theirs, SLOT_FOR_JOB), first);
    slots_close(ours); /* as when it dies */
    assert_int_equal(slots_in_use(theirs), 2);
    slots_close(theirs);
}

static void run_nothing(void *context, JobRun *run) {
    run->outcome.status = JOB_COMPLETED;
}

/* Its file went with it, but not how its job ended. */
static void a_job_of_an_unknown_owner_is_taken_over(void **state) {
    Jobs *jobs;
    JobsOptions options = {
        .directory = directory, .slots = 1, .job_hours = 1, .result_hours = 1, .drain_timeout_ms = 1000};
    JobsHost host = {.run = run_nothing};
    JobTicket read = submit("u", 3, true), write = submit("u", 3, false);
    assert_int_equal(claim("00000000000000000000000000000000").number, read.number);
    assert_int_equal(claim("00000000000000000000000000000000").number, write.number);
    must(jobs_open(&options, &jobs, &err));
    must(jobs_start(jobs, &host, &err));
    for (int i = 0; i < 2000 && !job_status_is_final(read_job(read.id).status); i++)
        usleep(10000);
    jobs_close(jobs);
    assert_int_equal(read_job(read.id).status, JOB_COMPLETED);
    assert_int_equal(read_job(write.id).status, JOB_FAILED);
    assert_string_equal(read_job(write.id).sqlstate, "40003");
}

static void a_key_stands_for_one_request(void **state) {
    JobRequest request = {
        .sql = "SELECT 1", .body = "{1}", .user = "u", .key = "k", .priority = 3, .max_runtime_ms = 1000};
    JobTicket first, second;
    must(job_submit(store, &request, 0, &first, &err));
    must(job_submit(store, &request, 0, &second, &err));
    assert_string_equal(first.id, second.id);
    request.body = "{2}";
    assert_int_equal(job_submit(store, &request, 0, &second, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_INVALID_PARAMETER);
}

static void turns_are_bounded(void **state) {
    JobKeeping keeping = {.result_directory = directory, .most_jobs = 10};
    static const char many[] = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                               "12000) INSERT INTO turns SELECT 'u' || i, 3, i FROM n";
    sqlite3_stmt *statement;
    int64_t count, oldest;
    assert_int_equal(sqlite3_exec(store->handle, many, NULL, NULL, NULL), SQLITE_OK);
    must(job_keep_trim(store, &keeping, clock_wall_us(), &err));
    must(job_store_prepare(store, "SELECT count(*) FROM turns", &statement, &err));
    must(job_store_number(store, statement, 0, &count, &err));
    must(job_store_prepare(store, "SELECT min(started_us) FROM turns", &statement, &err));
    must(job_store_number(store, statement, 0, &oldest, &err));
    assert_int_equal(count, 10000);
    assert_int_equal(oldest, 2001);
}

static void page_tokens_belong_to_one_job(void **state) {
    char token[JOB_PAGE_TOKEN_BYTES];
    int64_t row;
    job_page_token_make("one", 123456789, token);
    assert_true(job_page_token_read("one", token, &row));
    assert_int_equal(row, 123456789);
    assert_false(job_page_token_read("other", token, &row));
    token[strlen(token) - 1] ^= 1;
    assert_false(job_page_token_read("one", token, &row));
    assert_false(job_page_token_read("one", "", &row));
    assert_false(job_page_token_read("one", "ffffffffffffffffffffffffffffffffffff", &row));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_ends_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queued_and_running_jobs_are_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_dead_process_ran_is_run_again_or_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_given_back_has_not_been_tried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded_and_jobs_expire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_repeated_gets_the_same_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_higher_priority_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(users_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_waits_comes_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_never_claim_one_job_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_is_killed_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slots_are_shared_and_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_job_of_an_unknown_owner_is_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_stands_for_one_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turns_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(page_tokens_belong_to_one_job, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
