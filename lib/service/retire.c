/*
 * How a process learns that it should end: from master, by a signal.
 */
#include "service/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

void process_hear(struct process *process, int *wakeups)
{
    char bytes[CONTROL_LIMIT];

    for (;;) {
        ssize_t got = recv(process->control, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {         /* master has gone: finish, and take nothing new */
            close(process->control);
            process->control = -1;
            atomic_store(&process->retiring, true);
            atomic_store(&process->stopping, true);
            return;
        }
        if (bytes[0] == CONTROL_RETIRE)
            atomic_store(&process->retiring, true);
        else if (bytes[0] == CONTROL_LOOK)
            process->look_again = true;
        else if (bytes[0] == CONTROL_WAKEUP && wakeups)
            (*wakeups)++;
    }
}

void process_close_listeners(const struct process *process)
{
    for (int i = 0; i < process->options.listener_count; i++)
        dup3(process->signals, process->listeners[i], O_CLOEXEC);
}

void process_signalled(struct process *process)
{
    struct signalfd_siginfo signal;

    while (read(process->signals, &signal, sizeof(signal)) == sizeof(signal)) {
        atomic_store(&process->retiring, true);
        atomic_store(&process->stopping, true);
    }
}

bool page_take(struct process *process)
{
    struct service_page *page = process->page;
    unsigned busy = atomic_fetch_add(&page->busy, 1) + 1;

    atomic_fetch_add_explicit(&page->served, 1, memory_order_relaxed);
    return busy == atomic_load(&page->slots);
}

void page_give(struct process *process)
{
    atomic_fetch_sub(&process->page->busy, 1);
}
