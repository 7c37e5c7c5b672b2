#include "engines/base/thread_priority.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEPS_BACK = 5 };

static _Atomic bool serving;

void thread_priority_serve(void) {
    atomic_store(&serving, true);
}

void thread_step_back(void) {
    static _Thread_local bool done;
    if (done || !atomic_load_explicit(&serving, memory_order_relaxed)) return;
    done = true;
    id_t thread = (id_t)syscall(SYS_gettid);
    (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + STEPS_BACK);
}
