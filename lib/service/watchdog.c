/*
 * The watchdog of daemon_timeout: a process that serves one client at a time, or is one event
 * loop, ends when what it does takes longer than that.
 *
 * The work is marked in memory, and one coarse timer looks at the mark: a turn costs no system
 * call.  The signal goes to the main thread, whose work it is about.
 */
#include "service/process.h"

#include "base/scope.h"
#include "log/log.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { LOOKS_PER_SPAN = 3 };

/*
 * What was interrupted may hold a lock that the log wants: then the next signal, which comes into
 * the last words, is the end.
 */
static void look(UNUSED int number, siginfo_t *facts, UNUSED void *context)
{
    struct process *process = facts->si_value.sival_ptr;

    if (facts->si_code != SI_TIMER)
        return;

    int64_t since = atomic_load(&process->working_since);
    int64_t span = (int64_t)process->settings.watchdog_seconds * 1000;

    if (since == 0 || moment_now() - since < span)
        return;
    if (atomic_exchange(&process->has_barked, true))
        _exit(1);
    log_fatal("watchdog timeout");
}

void watchdog_start(struct process *process)
{
    int seconds = process->settings.watchdog_seconds / LOOKS_PER_SPAN;
    struct itimerspec span = { .it_interval.tv_sec = seconds > 0 ? seconds : 1 };
    struct sigaction action = { .sa_sigaction = look,
                                .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER };
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM,
                              .sigev_value.sival_ptr = process };
    timer_t timer;

    event._sigev_un._tid = gettid();
    span.it_value = span.it_interval;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGALRM, &action, NULL) < 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
        timer_settime(timer, 0, &span, NULL) < 0)
        log_fatal("watchdog: %m");
}

void watchdog_begin(struct process *process)
{
    atomic_store_explicit(&process->working_since, moment_now(), memory_order_relaxed);
}

void watchdog_end(struct process *process)
{
    atomic_store_explicit(&process->working_since, 0, memory_order_relaxed);
}
