#include "service/process.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { WATCH_CONTROL, WATCH_SIGNALS, WATCH_FIRST };

/* Wait until one of fds can be read, and take in what master or a signal says. */
static int wait_for(struct process *process, struct pollfd *watch, int count, int wait)
{
    watch[WATCH_CONTROL] = (struct pollfd){ process->control, POLLIN, 0 };
    watch[WATCH_SIGNALS] = (struct pollfd){ process->signals, POLLIN, 0 };

    int ready = poll(watch, (nfds_t)count, wait);

    if (ready > 0 && watch[WATCH_CONTROL].revents)
        process_hear(process, NULL);
    if (atomic_load(&process->retiring))
        process_close_listeners(process);
    if (ready > 0 && watch[WATCH_SIGNALS].revents)
        process_signalled(process);
    return ready;
}

/* What a client asks for first is served, unless the mail system stops. */
static bool ends_between(const struct process *process, bool fresh)
{
    return atomic_load(fresh ? &process->stopping : &process->retiring);
}

/* Turn after turn; between them the process can be told to retire. */
static void serve_client(struct process *process, struct client *client)
{
    const struct service *service = process->service;
    struct pollfd watch[WATCH_FIRST + 1];
    enum turn verdict = service->greet ? service->greet(client) : TURN_STAY;

    for (bool fresh = true; verdict == TURN_STAY;) {
        lane_rest(client->lane);
        if (!lane_is_busy(client->lane)) {
            watch[WATCH_FIRST] = (struct pollfd){ lane_descriptor(client->lane), POLLIN, 0 };
            wait_for(process, watch, WATCH_FIRST + 1, -1);
            if (watch[WATCH_FIRST].revents == 0 && ends_between(process, fresh))
                break;
            if (watch[WATCH_FIRST].revents == 0)
                continue;
        }
        watchdog_begin(process);
        verdict = service->turn(client);
        watchdog_end(process);
        fresh = false;
    }
    if (service->leave)
        service->leave(client);
}

static void serve_arrival(struct process *process, struct arrival *arrival)
{
    struct client client = {
        .context = &process->context,
        .lane = lane_new(arrival->fd),
        .peer = arrival->peer,
        .local = arrival->local,
        .number = (unsigned long)getpid(),
    };

    if (page_take(process))
        control_say(process->control, CONTROL_FULL, SLICE_LITERAL(""));
    serve_client(process, &client);
    lane_close(client.lane);
    page_give(process);
}

static bool is_worn_out(const struct process *process)
{
    return atomic_load(&process->page->served) >= (unsigned long)process->settings.max_use;
}

/*
 * --- Waiting for a client: one arrival wakes one process (EPOLLEXCLUSIVE).  A process that
 * serves does not wait, so nothing is lost with it; only one that ends hands clients on.
 */

static void watch_fd(int set, int operation, int fd, unsigned more)
{
    struct epoll_event event = { .events = EPOLLIN | more, .data.fd = fd };

    if (fd >= 0 && epoll_ctl(set, operation, fd, &event) < 0)
        log_fatal("watch descriptor %d: %m", fd);
}

static void watch_listeners(const struct process *process, int set, int operation)
{
    for (int i = 0; i < process->options.listener_count; i++)
        watch_fd(set, operation, process->listeners[i], EPOLLEXCLUSIVE);
}

static int new_set(const struct process *process)
{
    int set = epoll_create1(EPOLL_CLOEXEC);

    if (set < 0)
        log_fatal("epoll: %m");
    watch_fd(set, EPOLL_CTL_ADD, process->control, 0);
    watch_fd(set, EPOLL_CTL_ADD, process->signals, 0);
    watch_listeners(process, set, EPOLL_CTL_ADD);
    return set;
}

static void hear(struct process *process, int set, int fd)
{
    if (fd == process->signals)
        process_signalled(process);
    else
        process_hear(process, NULL);
    if (process->look_again) {      /* adding a listener looks at it */
        watch_listeners(process, set, EPOLL_CTL_DEL);
        watch_listeners(process, set, EPOLL_CTL_ADD);
    }
    process->look_again = false;
}

/* False when it has been idle for long enough. */
static bool wait_and_serve(struct process *process, int set)
{
    struct epoll_event event;
    struct arrival arrival;
    int ready = epoll_wait(set, &event, 1, process->settings.max_idle_seconds * 1000);

    if (ready <= 0)
        return ready < 0 && errno == EINTR;
    if (event.data.fd == process->control || event.data.fd == process->signals)
        hear(process, set, event.data.fd);
    else if (accept_client(process, event.data.fd, &arrival) && arrival.fd >= 0)
        serve_arrival(process, &arrival);
    return true;
}

void serve_single(struct process *process)
{
    AUTO_CLOSE int set = new_set(process);

    while (!atomic_load(&process->retiring) && !is_worn_out(process) &&
           wait_and_serve(process, set))
        continue;
    atomic_store(&process->page->retiring, 1);
    process_hand_on(process);
}
