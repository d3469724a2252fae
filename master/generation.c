/*
 * Change without loss: a new generation is started, and the old one goes when the new one
 * is ready.  A reload does that for all services; a changed file for those that read it.
 */
#include "master.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>

void service_renew(struct service_entry *service)
{
    int slots = service_slots_for_next(service);

    service->generation++;
    if (!service->children || service->throttle || service->master->stopping)
        return;
    service->replacing = true;
    if (!child_start(service, slots > 0 ? slots : 1))
        service->replacing = false;
}

/* Programs of Postfix that we do not need: their lines are accepted and start nothing. */
static bool is_needless(const char *program)
{
    static const char *const needless[] = { "scache", "tlsmgr" };

    for (size_t i = 0; i < COUNT(needless); i++)
        if (strcmp(program, needless[i]) == 0)
            return true;
    return false;
}

static void name_program(struct service_entry *service)
{
    AUTO_STR struct str path = STR_EMPTY;

    if (service->line.program[0] != '/')
        str_format(&path, "%s/", service->master->config->daemon_directory);
    str_text(&path, service->line.program);
    free(service->path);
    service->path = str_take(&path);
}

static bool service_new(struct master *master, struct line *line, struct error *error)
{
    struct service_entry *service = memory_new(1, sizeof(*service));

    service->master = master;
    service->line = *line;
    service->listed = true;
    memset(line, 0, sizeof(*line));
    name_program(service);
    VECTOR_PUSH(&master->services, service);
    if (is_needless(service->line.program)) {
        log_debug("service %s: %s is not needed and not started", service->line.name,
                  service->line.program);
        return true;
    }
    return listeners_open(service, error);
}

void service_free(struct service_entry *service)
{
    struct master *master = service->master;
    size_t kept = 0;

    for (size_t i = 0; i < master->services.count; i++)
        if (master->services.items[i] != service)
            master->services.items[kept++] = master->services.items[i];
    master->services.count = kept;
    watcher_forget(service);
    line_free(&service->line);
    free(service->path);
    free(service);
}

static void service_drop(struct service_entry *service)
{
    struct events *events = service->master->events;

    service->dropped = true;
    listeners_close(service);
    events_cancel(events, service->throttle);
    events_cancel(events, service->wakeup);
    service->throttle = service->wakeup = NULL;
    for (struct child *child = service->children; child; child = child->next)
        child_retire(child);
    if (!service->children)
        service_free(service);
}

static struct service_entry *find_service(const struct master *master, const struct line *line)
{
    for (size_t i = 0; i < master->services.count; i++) {
        struct service_entry *service = master->services.items[i];

        if (!service->dropped && strcmp(service->line.name, line->name) == 0 &&
            strcmp(service->line.type, line->type) == 0 &&
            service->line.is_private == line->is_private)
            return service;
    }
    return NULL;
}

static void service_update(struct service_entry *service, struct line *line)
{
    line_free(&service->line);
    service->line = *line;
    memset(line, 0, sizeof(*line));
    service->listed = true;
    name_program(service);
    events_cancel(service->master->events, service->throttle);
    service->throttle = NULL;
}

static void drop_unlisted(struct master *master)
{
    for (size_t i = master->services.count; i > 0; i--)
        if (!master->services.items[i - 1]->listed && !master->services.items[i - 1]->dropped)
            service_drop(master->services.items[i - 1]);
}

static void free_lines(struct line_list *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        line_free(&lines->items[i]);
    VECTOR_FREE(lines);
}

static bool take_lines(struct master *master, struct line_list *lines, bool first,
                       struct error *error)
{
    for (size_t i = 0; i < master->services.count; i++)
        master->services.items[i]->listed = false;
    for (size_t i = 0; i < lines->count; i++) {
        struct service_entry *service = find_service(master, &lines->items[i]);

        if (service) {
            service_update(service, &lines->items[i]);
        } else if (!service_new(master, &lines->items[i], error)) {
            if (first)
                return false;
            log_warn("%s", error->text);
        }
    }
    drop_unlisted(master);
    /* After all lines were taken: a process is told of those of trivial-rewrite, too. */
    for (size_t i = 0; i < master->services.count; i++)
        /* service_free takes what it frees out of the list: NOLINTNEXTLINE */
        if (!master->services.items[i]->dropped)
            service_renew(master->services.items[i]);
    return true;
}

static void swap_in(struct master *master, const struct config *config, int copy, bool good)
{
    config_free(master->config);
    master->config = config;
    if (master->copy >= 0)
        close(master->copy);
    master->copy = copy;
    master->copy_is_good = good;
}

/*
 * Read main.cf and master.cf, and take them into service when both are good.  Where nothing
 * good is in service yet, Postfix's way is better than none: what can be started is.
 */
static bool read_all(struct master *master, struct line_list *lines, struct error *error)
{
    AUTO_CLOSE int copy = copy_take(master->config_directory, error);
    struct config_request request = { .directory = master->config_directory,
                                      .program = "master", .copy = copy };
    const struct config *config;

    if (copy < 0 || !config_load(&request, &config, error))
        return false;
    if (!lines_read(config, master->config_directory, lines, error)) {
        config_free(config);
        return false;
    }

    bool good = copy_is_good(master, copy, lines);

    if (!good && master->copy_is_good) {
        config_free(config);
        return error_set(error, "%s: not every service can be started with this configuration",
                         master->config_directory);
    }
    swap_in(master, config, take_fd(&copy), good);
    return true;
}

bool master_load(struct master *master, bool first, struct error *error)
{
    struct line_list lines = { NULL, 0, 0 };

    if (!read_all(master, &lines, error)) {
        free_lines(&lines);
        return false;
    }

    bool taken = take_lines(master, &lines, first, error);

    free_lines(&lines);
    for (size_t i = 0; taken && i < master->services.count; i++) {
        /* As above: NOLINTNEXTLINE */
        service_look(master->services.items[i]);
        wakeup_start(master->services.items[i]);
    }
    return taken;
}
