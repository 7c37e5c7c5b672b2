#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/eventloop.h"

typedef struct World {
    EventLoop *loop;
    EventSource first, second;
    int pairs[2][2];
    int calls, posted, ticks, ran;
    EventDeferred deferred;
    int64_t started_ns;
} World;

static void open_world(World *world) {
    Error err = {0};
    memset(world, 0, sizeof *world);
    assert_int_equal(eventloop_create(&world->loop, &err), STATUS_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world->pairs[i]), 0);
    world->first = (EventSource){.fd = world->pairs[0][0], .owner = world};
    world->second = (EventSource){.fd = world->pairs[1][0], .owner = world};
}

static void close_world(World *world) {
    eventloop_destroy(world->loop);
    for (int i = 0; i < 4; i++)
        close(world->pairs[i / 2][i % 2]);
}

static void stop_now(void *argument) {
    eventloop_stop(((World *)argument)->loop);
}

/* Whichever comes first removes both: the other, ready too, must not be called any more. */
static void remove_both(EventSource *source, uint32_t events) {
    World *world = source->owner;
    world->calls++;
    eventloop_remove(world->loop, &world->first);
    eventloop_remove(world->loop, &world->second);
    memset(&world->first, 0xAA, sizeof world->first);
    memset(&world->second, 0xAA, sizeof world->second);
    eventloop_post(world->loop, stop_now, world);
}

static void a_source_removed_in_a_callback_is_not_called(void **state) {
    World world;
    open_world(&world);
    world.first.callback = world.second.callback = remove_both;
    assert_int_equal(eventloop_add(world.loop, &world.first, EPOLLIN, NULL), STATUS_OK);
    assert_int_equal(eventloop_add(world.loop, &world.second, EPOLLIN, NULL), STATUS_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(write(world.pairs[i][1], "x", 1), 1);
    eventloop_run(world.loop);
    assert_int_equal(world.calls, 1);
    close_world(&world);
}

static void write_then_read(EventSource *source, uint32_t events) {
    World *world = source->owner;
    world->calls++;
    if (events & EPOLLOUT) {
        assert_int_equal(write(world->pairs[0][1], "x", 1), 1);
        eventloop_modify(world->loop, source, EPOLLIN);
    } else {
        assert_true(events & EPOLLIN);
        eventloop_stop(world->loop);
    }
}

static void interest_can_be_changed(void **state) {
    World world;
    Error err = {0};
    open_world(&world);
    world.first.callback = write_then_read;
    assert_int_equal(eventloop_add(world.loop, &world.first, EPOLLOUT, &err), STATUS_OK);
    assert_int_equal(eventloop_add(world.loop, &world.first, EPOLLOUT, &err), STATUS_ERROR); /* twice */
    assert_true(error_is_set(&err));
    eventloop_run(world.loop);
    assert_int_equal(world.calls, 2);
    close_world(&world);
}

enum { POSTERS = 4, POSTS = 5000 };

static void count_post(void *argument) {
    World *world = argument;
    if (++world->posted == POSTERS * POSTS) eventloop_stop(world->loop);
}

static void *post_many(void *argument) {
    World *world = argument;
    for (int i = 0; i < POSTS; i++)
        eventloop_post(world->loop, count_post, world);
    return NULL;
}

static void threads_may_post(void **state) {
    World world;
    pthread_t threads[POSTERS];
    open_world(&world);
    for (int i = 0; i < POSTERS; i++)
        pthread_create(&threads[i], NULL, post_many, &world);
    eventloop_run(world.loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(world.posted, POSTERS * POSTS);
    close_world(&world);
}

static void tick(void *argument) {
    World *world = argument;
    if (++world->ticks == 5) eventloop_stop(world->loop);
}

static void ticks_come_at_their_interval(void **state) {
    World world;
    open_world(&world);
    eventloop_set_tick(world.loop, 10, tick, &world);
    int64_t started = clock_now_ns();
    eventloop_run(world.loop);
    assert_int_equal(world.ticks, 5);
    assert_true(clock_now_ns() - started >= 45000000);
    close_world(&world);
}

static void run_deferred_once(EventDeferred *deferred) {
    World *world = deferred->owner;
    assert_int_equal(world->calls, 1); /* after the callbacks */
    world->ran++;
    eventloop_post(world->loop, stop_now, world);
}

static void defer_twice(EventSource *source, uint32_t events) {
    World *world = source->owner;
    char byte;
    assert_int_equal(read(source->fd, &byte, 1), 1);
    eventloop_defer(world->loop, &world->deferred);
    eventloop_defer(world->loop, &world->deferred);
    world->calls++;
}

static void deferred_work_runs_once_after_the_callbacks(void **state) {
    World world;
    open_world(&world);
    world.first.callback = defer_twice;
    world.deferred = (EventDeferred){.run = run_deferred_once, .owner = &world};
    assert_int_equal(eventloop_add(world.loop, &world.first, EPOLLIN, NULL), STATUS_OK);
    assert_int_equal(write(world.pairs[0][1], "x", 1), 1);
    eventloop_run(world.loop);
    assert_int_equal(world.ran, 1);
    close_world(&world);
}

static void a_loop_with_unrun_posts_can_be_destroyed(void **state) {
    World world;
    open_world(&world);
    eventloop_post(world.loop, count_post, &world);
    close_world(&world);
    assert_int_equal(world.posted, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_removed_in_a_callback_is_not_called),
        cmocka_unit_test(interest_can_be_changed),
        cmocka_unit_test(threads_may_post),
        cmocka_unit_test(ticks_come_at_their_interval),
        cmocka_unit_test(deferred_work_runs_once_after_the_callbacks),
        cmocka_unit_test(a_loop_with_unrun_posts_can_be_destroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
