/*
 * The end of the mail system, in three steps: who takes in and delivers mail, then whom they need
 * to finish what they have in hand, then the log.
 *
 * Until the first step is over, those who are needed are started as always.  Nobody else is: a
 * request that nobody has accepted is given back by closing the listener, which tells who sent it
 * that nobody has read it.
 */
#include "master.h"

#include "log/log.h"

#include <signal.h>
#include <stdlib.h>

enum { STOP_SECONDS = 20, LOG_SECONDS = 3 };

static enum stop_step step_of(const struct service_entry *service)
{
    static const char *const needed[] = {
        "anvil", "bounce", "cleanup", "proxymap", "trivial-rewrite", "verify",
    };

    if (service->line.listen == LISTEN_DGRAM)
        return STOP_LOGS;
    for (size_t i = 0; i < COUNT(needed); i++)
        if (strcmp(service->line.program, needed[i]) == 0)
            return STOP_HELPERS;
    return STOP_WORKERS;
}

bool stop_lets_start(const struct service_entry *service)
{
    const struct master *master = service->master;

    return !master->stopping || (master->step == STOP_WORKERS && step_of(service) == STOP_HELPERS);
}

/* How many processes of the step live still. */
static size_t tell(struct master *master, enum stop_step step, int number)
{
    size_t count = 0;

    for (size_t i = 0; i < master->services.count; i++) {
        struct service_entry *service = master->services.items[i];

        if (step_of(service) != step)
            continue;
        for (struct child *child = service->children; child; child = child->next) {
            count++;
            if (child->told_to_end && number == SIGTERM)
                continue;
            child->told_to_end = true;
            kill(child->pid, number);
        }
    }
    return count;
}

/* Their sockets stay in the file system, as after every stop. */
static void give_back_requests(struct master *master)
{
    for (size_t i = 0; i < master->services.count; i++) {
        struct service_entry *service = master->services.items[i];

        if (service->children || service->dropped || !service->line.is_private ||
            service->line.listen != LISTEN_UNIX || stop_lets_start(service))
            continue;
        for (size_t k = 0; k < service->listeners.count; k++)
            close(service->listeners.items[k]);
        VECTOR_FREE(&service->listeners);
    }
}

void stop_go_on(struct master *master)
{
    while (tell(master, master->step, SIGTERM) == 0) {
        if (master->step == STOP_LOGS) {
            events_stop(master->events);
            return;
        }
        master->step++;
        for (size_t i = 0; i < master->services.count; i++)
            service_look(master->services.items[i]);
    }
    give_back_requests(master);
}

static void end_log_by_force(void *argument)
{
    tell(argument, STOP_LOGS, SIGKILL);
}

/* The log gets time to write what led to this. */
static void end_by_force(void *argument)
{
    struct master *master = argument;

    log_warn("processes did not end within %d seconds: they are killed", STOP_SECONDS);
    tell(master, STOP_WORKERS, SIGKILL);
    tell(master, STOP_HELPERS, SIGKILL);
    events_at(master->events, moment_after(LOG_SECONDS), end_log_by_force, master);
}

void stop_begin(struct master *master)
{
    if (master->stopping)
        return;
    master->stopping = true;
    for (size_t i = 0; i < master->services.count; i++)
        service_look(master->services.items[i]);
    events_at(master->events, moment_after(STOP_SECONDS), end_by_force, master);
    stop_go_on(master);
}
