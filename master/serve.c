/*
 * When a process is started: a client waits at a listener, no process has a free slot, and
 * the limit of the service allows another.
 *
 * The listeners are watched only while no process has a free slot, so master sleeps
 * while the processes serve.  A process that takes its last free slot says so; that it has
 * one again stands in its page, which master reads when it is woken.
 */
#include "master.h"

#include "log/log.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum {
    FEWEST_SLOTS = 16,
    ISOLATION_SECONDS = 3600,
    STRESS_SECONDS = 1000,          /* as long as Postfix stays in that mode */
};

static int child_free_slots(const struct child *child)
{
    unsigned slots = atomic_load(&child->page->slots), busy = atomic_load(&child->page->busy);

    if (child->retired || atomic_load(&child->page->retiring))
        return 0;
    if (!child->ready || atomic_load(&child->page->endless))
        return (int)slots;
    return slots > busy ? (int)(slots - busy) : 0;
}

static int free_slots(const struct service_entry *service)
{
    int sum = 0;

    for (const struct child *child = service->children; child; child = child->next)
        sum += child_free_slots(child);
    return sum;
}

/* Clients that are served or may be, before another process is started. */
static int capacity(const struct service_entry *service)
{
    int sum = 0;

    for (const struct child *child = service->children; child; child = child->next) {
        bool ends = child->retired || atomic_load(&child->page->retiring);

        sum += (int)atomic_load(ends ? &child->page->busy : &child->page->slots);
    }
    return sum;
}

/* sessions_per_process: auto, or a number. */
static int slots_per_process(const struct service_entry *service)
{
    const struct config *config = service->master->config;
    int limit = service->line.process_limit ? service->line.process_limit
                                            : config->default_process_limit;
    uint64_t number;

    if (moment_left(service->isolated_until) > 0)
        return 1;
    if (slice_number(slice_of(config->sessions_per_process), INT32_MAX, &number) && number > 0)
        return (int)number;

    long share = limit / (2 * sysconf(_SC_NPROCESSORS_ONLN));

    return share > FEWEST_SLOTS ? (int)share : FEWEST_SLOTS;
}

int service_slots_for_next(const struct service_entry *service)
{
    int wanted = slots_per_process(service);
    int limit = service->line.process_limit;
    int left = limit > 0 ? limit - capacity(service) : wanted;

    return left < wanted ? left : wanted;
}

/* --- Listeners. ------------------------------------------------------------------------- */

static bool has_client(int listener)
{
    struct pollfd watch = { listener, POLLIN, 0 };

    return poll(&watch, 1, 0) > 0;
}

static void client_waits(void *argument, int fd, UNUSED unsigned mask)
{
    struct service_entry *service = argument;

    service_look(service);
    if (service->watched && has_client(fd) &&
        !child_start(service, service_slots_for_next(service)))
        service_throttle(service);
    service_look(service);
}

static void watch(struct service_entry *service, bool wanted)
{
    if (service->watched == wanted)
        return;
    service->watched = wanted;
    for (size_t i = 0; i < service->listeners.count; i++) {
        int fd = service->listeners.items[i];

        if (wanted)
            events_watch(service->master->events, fd, EVENT_READ, client_waits, service);
        else
            events_forget(service->master->events, fd);
    }
}

/* Without stress the processes were started with the wrong settings for this. */
static void begin_stress(struct service_entry *service)
{
    bool was_stressed = moment_left(service->stressed_until) > 0;

    service->stressed_until = moment_after(STRESS_SECONDS);
    if (service->line.listen != LISTEN_INET || was_stressed)
        return;
    for (struct child *child = service->children; child; child = child->next)
        child_retire(child);
}

static void name_limit(struct service_entry *service)
{
    begin_stress(service);
    if (moment_left(service->limit_named_at) > 0)
        return;
    service->limit_named_at = moment_after(STRESS_SECONDS);
    log_warn("service \"%s\" (%s) has reached its process limit \"%d\": "
             "new clients may experience noticeable delays",
             service->line.name, service->line.name, service->line.process_limit);
    log_warn("to avoid this condition, increase the process count in master.cf or reduce the "
             "service time per client");
    log_warn("see https://www.postfix.org/STRESS_README.html for examples of "
             "stress-dependent configuration settings");
}

void service_look(struct service_entry *service)
{
    if (service->throttle || service->dropped || !stop_lets_start(service) ||
        free_slots(service) > 0) {
        watch(service, false);
        return;
    }
    if (service_slots_for_next(service) <= 0) {
        name_limit(service);
        watch(service, false);
        return;
    }
    watch(service, true);
}

static bool clients_wait(const struct service_entry *service)
{
    for (size_t i = 0; i < service->listeners.count; i++)
        if (has_client(service->listeners.items[i]))
            return true;
    return false;
}

void service_hand_on(struct service_entry *service)
{
    service_look(service);
    if (!clients_wait(service))
        return;
    for (const struct child *child = service->children; child; child = child->next)
        if (child->ready && child_free_slots(child) > 0) {
            control_say(child->control, CONTROL_LOOK, SLICE_LITERAL(""));
            return;
        }
}

static void end_throttle(void *argument)
{
    struct service_entry *service = argument;

    service->throttle = NULL;
    service_look(service);
}

void service_throttle(struct service_entry *service)
{
    int seconds = service->master->config->service_throttle_time;

    if (!service->throttle)
        service->throttle = events_at(service->master->events, moment_after(seconds),
                                      end_throttle, service);
    service_look(service);
}

/* --- What becomes of the processes. ------------------------------------------------------- */

static void retire_older(struct service_entry *service, const struct child *than)
{
    for (struct child *child = service->children; child; child = child->next)
        if (child->generation < than->generation)
            child_retire(child);
}

void service_child_ready(struct child *child)
{
    struct service_entry *service = child->service;

    child->ready = true;
    if (child->generation == service->generation)
        service->replacing = false;
    retire_older(service, child);
    wakeup_pay(child);
    service_look(service);
}

static bool has_other(const struct service_entry *service, const struct child *than)
{
    for (const struct child *child = service->children; child; child = child->next)
        if (child != than && !child->prepared)
            return true;
    return false;
}

static void let_go(struct child *child)
{
    child->prepared = false;
    control_say(child->control, CONTROL_GO, SLICE_LITERAL(""));
}

/* Where there may be only one process, the old one ends before the new one begins. */
void service_child_prepared(struct child *child)
{
    struct service_entry *service = child->service;

    child->prepared = true;
    if (service->line.process_limit != 1 || !has_other(service, child))
        let_go(child);
    else
        retire_older(service, child);
}

static void let_next_go(struct service_entry *service)
{
    for (struct child *child = service->children; child; child = child->next)
        if (child->prepared && !has_other(service, child)) {
            let_go(child);
            return;
        }
}

/* One crash, then isolation: whoever provokes the next one hits nobody else. */
static void isolate(struct service_entry *service)
{
    for (struct child *child = service->children; child; child = child->next)
        if (atomic_load(&child->page->slots) > 1)
            child_retire(child);
    if (moment_left(service->isolated_until) == 0)
        log_warn("service \"%s\": one client for each process for the next %d seconds, "
                 "because a process died of a signal", service->line.name, ISOLATION_SECONDS);
    service->isolated_until = moment_after(ISOLATION_SECONDS);
}

static void name_end(const struct child *child, int status)
{
    if (WIFSIGNALED(status))
        log_warn("process %s pid %d killed by signal %d", child->service->path, (int)child->pid,
                 WTERMSIG(status));
    else
        log_warn("process %s pid %d exit status %d", child->service->path, (int)child->pid,
                 WEXITSTATUS(status));

    unsigned held = atomic_load(&child->page->held);

    if (held > 0)
        log_warn("process %s pid %d ended with up to %u lines of the log", child->service->path,
                 (int)child->pid, held);
}

static bool serves_still(const struct service_entry *service)
{
    for (const struct child *child = service->children; child; child = child->next)
        if (child->ready && !child->retired)
            return true;
    return false;
}

static void judge_end(struct child *child, int status)
{
    struct service_entry *service = child->service;
    bool began = child->ready && atomic_load(&child->page->served) > 0;
    bool shared = atomic_load(&child->page->slots) > 1;

    name_end(child, status);
    if (WIFSIGNALED(status) && shared)
        isolate(service);
    if (service->replacing && !child->ready && serves_still(service)) {
        service->replacing = false;
        log_warn("service \"%s\": the new configuration does not work, "
                 "the processes of the old one stay in service", service->line.name);
    } else if (!began && !child->retired && !service->master->stopping) {
        log_warn("%s: bad command startup -- throttling", service->path);
        service_throttle(service);
    }
}

void service_child_gone(struct child *child, int status)
{
    struct service_entry *service = child->service;

    if (status != 0 && !child->told_to_end)
        judge_end(child, status);
    let_next_go(service);
    if (service->dropped && !service->children) {
        service_free(service);
        return;
    }
    if (service->master->stopping)
        return;
    service_hand_on(service);
    if (service->wakeups_owed > 0 && !service->children && !service->throttle)
        wakeup_start(service);
}
