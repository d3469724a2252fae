#include "service/process.h"

#include "base/memory.h"
#include "log/log.h"

#include <poll.h>
#include <stdlib.h>
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

/* Turn after turn; between them the process can be told to retire. */
static void serve_client(struct process *process, struct client *client)
{
    const struct service *service = process->service;
    struct pollfd watch[WATCH_FIRST + 1];
    enum turn verdict = service->greet ? service->greet(client) : TURN_STAY;

    while (verdict == TURN_STAY) {
        lane_rest(client->lane);
        if (!lane_is_busy(client->lane)) {
            watch[WATCH_FIRST] = (struct pollfd){ lane_descriptor(client->lane), POLLIN, 0 };
            wait_for(process, watch, WATCH_FIRST + 1, -1);
            if (watch[WATCH_FIRST].revents == 0 && atomic_load(&process->retiring))
                break;
            if (watch[WATCH_FIRST].revents == 0)
                continue;
        }
        verdict = service->turn(client);
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

void serve_single(struct process *process)
{
    int count = process->options.listener_count;
    struct pollfd *watch = memory_new((size_t)count + WATCH_FIRST, sizeof(*watch));

    while (!atomic_load(&process->retiring) && !is_worn_out(process)) {
        for (int i = 0; i < count; i++)
            watch[WATCH_FIRST + i] = (struct pollfd){ process->listeners[i], POLLIN, 0 };

        int ready = wait_for(process, watch, WATCH_FIRST + count,
                             process->settings.max_idle_seconds * 1000);

        if (ready == 0)
            break;
        for (int i = 0; i < count && !atomic_load(&process->retiring); i++) {
            struct arrival arrival;

            if (watch[WATCH_FIRST + i].revents == 0 ||
                !accept_client(process, process->listeners[i], &arrival))
                continue;
            if (arrival.fd >= 0)
                serve_arrival(process, &arrival);
        }
    }
    free(watch);
}
