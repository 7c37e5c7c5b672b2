#include "fcgi/jobs/job_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"

enum { KEEP_ALIVE_SECONDS = 15 };

/* All who watch one job. */
typedef struct Group {
    struct Group *next;
    char id[JOB_ID_BYTES];
    int64_t version; /* told to those that are as far */
    JobWatcher *watchers;
    bool fresh; /* somebody came */
} Group;

struct JobWatcher {
    JobWatch *watch;
    Group *group;
    JobWatcher *next, **link; /* in the group; under the lock */
    int64_t version;          /* seen; under the lock */
    bool ended;               /* nothing more is sent; under the lock */
    bool removed;             /* the loop's */
    _Atomic int references;   /* the owner's, and one per message under way */
    EventLoop *loop;
    JobWatchDeliver deliver;
    void *owner;
};

struct JobWatch {
    Jobs *jobs;
    pthread_mutex_t lock; /* what follows */
    Group *groups;
    int count;
    bool fresh;
    int64_t keep_alive_ns;
};

/* Text that several messages share. */
typedef struct Text {
    _Atomic int references;
    size_t length;
    char bytes[];
} Text;

typedef struct Message {
    JobWatcher *watcher;
    Text *text;
    JobWatchNews news;
} Message;

static Text *text_new(const char *bytes, size_t length) {
    Text *text = malloc(sizeof *text + length + 1);
    if (!text) abort();
    atomic_init(&text->references, 1);
    text->length = length;
    memcpy(text->bytes, bytes, length);
    text->bytes[length] = 0;
    return text;
}

static void text_release(Text *text) {
    if (atomic_fetch_sub(&text->references, 1) == 1) free(text);
}

static void watcher_release(JobWatcher *watcher) {
    if (atomic_fetch_sub(&watcher->references, 1) == 1) free(watcher);
}

static void run_message(void *argument) {
    Message *message = argument;
    JobWatcher *watcher = message->watcher;
    if (!watcher->removed)
        watcher->deliver(watcher->owner, message->news, message->text->bytes, message->text->length);
    watcher_release(watcher);
    text_release(message->text);
    free(message);
}

static void send(JobWatcher *watcher, JobWatchNews news, Text *text) {
    Message *message = malloc(sizeof *message);
    if (!message) abort();
    *message = (Message){watcher, text, news};
    watcher->ended = news != JOB_WATCH_EVENTS;
    atomic_fetch_add(&watcher->references, 1);
    atomic_fetch_add(&text->references, 1);
    eventloop_post(watcher->loop, run_message, message);
}

/* ---- what is new -----------------------------------------------------------------------------------------
 */

static void append_event(StrBuf *out, const char *name, int64_t version, const Job *job) {
    strbuf_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)version, name);
    job_append_event_json(out, job);
    strbuf_append_text(out, "\n\n");
}

/* A state long left: what it was and when. */
static void append_past(StrBuf *out, const JobEvent *event, const Job *job) {
    strbuf_printf(out, "id: %lld\nevent: status\ndata: {\"job_id\":\"%s\",\"status\":\"%s\",\"at\":",
                  (long long)event->version, job->id, job_status_name(event->status));
    job_append_time(out, event->at_us);
    strbuf_append_text(out, "}\n\n");
}

/* Everything after `version`: states, then the newest progress when there was any behind them. */
static Status append_news(JobWatch *watch, const Job *job, int64_t version, StrBuf *out, Error *err) {
    JobEvent events[JOB_MOST_EVENTS];
    int count;
    TRY(job_events_since(jobs_reader(watch->jobs), job->number, version, events, &count, err));
    /* The job may have gone on since it was read: what it was read as is told, the rest next time. */
    while (count > 0 && events[count - 1].version > job->version)
        count--;
    for (int i = 0; i < count; i++) {
        if (i + 1 == count && events[i].status == job->status)
            append_event(out, "status", events[i].version, job);
        else
            append_past(out, &events[i], job);
    }
    int64_t told = count ? events[count - 1].version : version;
    if (job->version > told && !job_status_is_final(job->status))
        append_event(out, "progress", job->version, job);
    return STATUS_OK;
}

static void tell_watcher(JobWatch *watch, Group *group, JobWatcher *watcher, const Job *job, Text **shared) {
    StrBuf out;
    Error err = {0};
    bool final = job_status_is_final(job->status), is_shared = watcher->version == group->version;
    if (watcher->ended || (watcher->version >= job->version && !final)) return;
    Text *text = is_shared ? *shared : NULL;
    if (!text) {
        strbuf_init(&out);
        if (append_news(watch, job, watcher->version, &out, &err) != STATUS_OK)
            log_warn("jobs.events", "error=\"%s\"", err.message);
        text = text_new(strbuf_text(&out), out.length);
        strbuf_deinit(&out);
        if (is_shared) *shared = text;
    }
    if (final)
        send(watcher, text->length ? JOB_WATCH_LAST : JOB_WATCH_NOTHING, text);
    else if (text->length)
        send(watcher, JOB_WATCH_EVENTS, text);
    watcher->version = job->version;
    if (!is_shared) text_release(text);
}

static void tell_unknown(Group *group) {
    Text *text = text_new("", 0);
    for (JobWatcher *watcher = group->watchers; watcher; watcher = watcher->next)
        if (!watcher->ended) send(watcher, JOB_WATCH_UNKNOWN, text);
    text_release(text);
}

static void look_at_group(JobWatch *watch, Group *group, Arena *arena) {
    Job job;
    bool found;
    Error err = {0};
    Text *shared = NULL;
    arena_reset(arena);
    if (job_read(jobs_reader(watch->jobs), group->id, arena, &job, &found, &err) != STATUS_OK) {
        log_warn("jobs.events", "error=\"%s\"", err.message);
        return; /* looked at again after the next change */
    }
    if (!found) {
        tell_unknown(group);
        return;
    }
    if (job.version == group->version && !group->fresh) return;
    for (JobWatcher *watcher = group->watchers; watcher; watcher = watcher->next)
        tell_watcher(watch, group, watcher, &job, &shared);
    if (shared) text_release(shared);
    group->version = job.version;
    group->fresh = false;
}

/* So that nobody between here and there takes the silence for an end. */
static void keep_alive(JobWatch *watch) {
    int64_t now_ns = clock_now_ns();
    if (now_ns - watch->keep_alive_ns < (int64_t)KEEP_ALIVE_SECONDS * 1000000000) return;
    watch->keep_alive_ns = now_ns;
    Text *text = text_new(":\n\n", 3);
    for (Group *group = watch->groups; group; group = group->next)
        for (JobWatcher *watcher = group->watchers; watcher; watcher = watcher->next)
            if (!watcher->ended) send(watcher, JOB_WATCH_EVENTS, text);
    text_release(text);
}

static void drop_empty(JobWatch *watch) {
    for (Group **at = &watch->groups; *at;) {
        Group *group = *at;
        if (group->watchers) {
            at = &group->next;
            continue;
        }
        *at = group->next;
        free(group);
    }
}

static void look(void *context, bool changed) {
    JobWatch *watch = context;
    Arena arena;
    arena_init(&arena);
    pthread_mutex_lock(&watch->lock);
    drop_empty(watch);
    for (Group *group = watch->groups; group; group = group->next)
        if (changed || group->fresh) look_at_group(watch, group, &arena);
    watch->fresh = false;
    keep_alive(watch);
    pthread_mutex_unlock(&watch->lock);
    arena_deinit(&arena);
}

/* ---- who watches -----------------------------------------------------------------------------------------
 */

Status job_watch_open(Jobs *jobs, JobWatch **out, Error *err) {
    JobWatch *watch = calloc(1, sizeof *watch);
    if (!watch) abort();
    watch->jobs = jobs;
    watch->keep_alive_ns = clock_now_ns();
    pthread_mutex_init(&watch->lock, NULL);
    jobs_on_change(jobs, look, watch);
    *out = watch;
    return STATUS_OK;
}

void job_watch_close(JobWatch *watch) {
    if (!watch) return;
    jobs_on_change(watch->jobs, NULL, NULL);
    drop_empty(watch);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

static Group *group_of(JobWatch *watch, const char *id) {
    for (Group *group = watch->groups; group; group = group->next)
        if (!strcmp(group->id, id)) return group;
    Group *group = calloc(1, sizeof *group);
    if (!group) abort();
    snprintf(group->id, sizeof group->id, "%s", id);
    group->next = watch->groups;
    watch->groups = group;
    return group;
}

JobWatcher *job_watch_add(JobWatch *watch, const char *id, int64_t after_version, EventLoop *loop,
                          JobWatchDeliver deliver, void *owner) {
    JobWatcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher) abort();
    *watcher = (JobWatcher){.watch = watch,
                            .version = after_version,
                            .references = 1,
                            .loop = loop,
                            .deliver = deliver,
                            .owner = owner};
    pthread_mutex_lock(&watch->lock);
    Group *group = group_of(watch, id);
    watcher->group = group;
    watcher->next = group->watchers;
    watcher->link = &group->watchers;
    if (group->watchers) group->watchers->link = &watcher->next;
    group->watchers = watcher;
    group->fresh = watch->fresh = true;
    watch->count++;
    pthread_mutex_unlock(&watch->lock);
    jobs_wake(watch->jobs);
    return watcher;
}

void job_watch_remove(JobWatcher *watcher) {
    JobWatch *watch = watcher->watch;
    pthread_mutex_lock(&watch->lock);
    *watcher->link = watcher->next;
    if (watcher->next) watcher->next->link = watcher->link;
    watch->count--;
    pthread_mutex_unlock(&watch->lock);
    watcher->removed = true;
    watcher_release(watcher);
}

int job_watch_count(JobWatch *watch) {
    pthread_mutex_lock(&watch->lock);
    int count = watch->count;
    pthread_mutex_unlock(&watch->lock);
    return count;
}
