/* Short work before long: in a process that serves, threads that run whole statements step back behind the
 * event loop, which answers lookups in microseconds, when there are more of them than cores. A scan alone on
 * the machine is none the slower. */
#pragma once

/* The process serves: from now on thread_step_back does something. In commands that run one statement it does
 * nothing. */
void thread_priority_serve(void);
/* Of the calling thread, for good; costs nothing the second time. */
void thread_step_back(void);
