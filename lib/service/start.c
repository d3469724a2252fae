/*
 * The start of every daemon: from its command line to serving.
 */
#include "service/service.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/process.h"
#include "service/rights.h"

#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ARENAS = 2 };

/* --- Configuration. ---------------------------------------------------------------- */

static bool is_socket(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

static bool is_memory(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
}

static void load_config(struct process *process)
{
    const struct options *options = &process->options;
    struct config_request request = {
        .program = process->service->name,
        .service = options->service_name,
        .overrides = options->overrides,
        .override_count = options->override_count,
        .copy = is_memory(COPY_FD) ? COPY_FD : 0,
    };
    struct error error;

    if (!config_load(&request, &process->context.config, &error) ||
        !rewriter_settle(options, &request, &process->context.config, &error))
        config_fatal(&request, false, &error);
    if (request.copy)
        close(request.copy);
}

/* What the rows of the skeleton's own parameters say. */
static void read_settings(struct process *process)
{
    const struct config *config = process->context.config;
    struct service_settings *settings = &process->settings;

    settings->queue_directory = config->queue_directory;
    settings->data_directory = config->data_directory;
    settings->config_directory = config->config_directory;
    settings->mail_owner = config->mail_owner;
    settings->confinement = config->confinement;
    settings->maillog_file = config->maillog_file;
    settings->max_idle_seconds = config->max_idle;
    settings->max_use = config->max_use;
    settings->watchdog_seconds = process->service->watchdog_seconds
                                     ? process->service->watchdog_seconds(config)
                                     : config->daemon_timeout;
}

/* The queue directory is the working directory, so that names hold inside and outside a jail. */
static void open_log(struct process *process)
{
    const struct config *config = process->context.config;
    AUTO_STR struct str tag = STR_EMPTY, socket = STR_EMPTY;

    str_format(&tag, "%s/%s", config->syslog_name, process->service->name);
    log_open(&(struct log_settings){
        .tag = tag.data,
        .program = process->service->name,
        .facility = config->syslog_facility,
        .postlog_socket = config_log_socket(config, &socket),
        .json = config_log_is_json(config),
        .syslog = true,
        .daemon = true,
        .verbose = process->options.verbose,
    });
}

static void enter_queue_directory(const struct process *process)
{
    if (chdir(process->settings.queue_directory) < 0)
        log_fatal("chdir %s: %m", process->settings.queue_directory);
}

static void find_owner(struct process *process)
{
    const struct passwd *owner = getpwnam(process->settings.mail_owner);

    if (!owner)
        log_fatal("mail_owner: unknown user: %s", process->settings.mail_owner);
    process->owner = owner->pw_uid;
    process->owner_group = owner->pw_gid;
}

/* --- The process. -------------------------------------------------------------------- */

static void take_signals(struct process *process)
{
    sigset_t mask;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);   /* a file that may not grow is an error like a full disk */
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    process->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (process->signals < 0)
        log_fatal("signalfd: %m");
}

static void take_descriptors(struct process *process)
{
    process->control = is_socket(CONTROL_FD) ? CONTROL_FD : -1;
    process->page = page_open(is_memory(PAGE_FD) ? PAGE_FD : -1);
    if (process->control < 0)
        log_fatal("this program is started by master and not by hand");
    for (int i = 0; i < process->options.listener_count; i++)
        process->listeners[i] = FIRST_LISTENER_FD + i;
}

static void set_slots(struct process *process)
{
    enum service_pattern pattern = process->service->pattern;

    if (pattern == SERVICE_SINGLE || pattern == SERVICE_EVENTS)
        process->options.slots = 1;
    atomic_store(&process->page->endless, pattern == SERVICE_EVENTS);
    atomic_store(&process->page->slots, (unsigned)process->options.slots);
}

static void raise_limit(int resource, rlim_t wanted)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) < 0 || limit.rlim_cur >= limit.rlim_max
        || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(resource, &limit);
}

static void set_limits(void)
{
    struct rlimit none = { 0, 0 };

    mallopt(M_ARENA_MAX, ARENAS);
    setrlimit(RLIMIT_CORE, &none);      /* a core holds mail and keys */
    umask(077);
    raise_limit(RLIMIT_FSIZE, RLIM_INFINITY);
    raise_limit(RLIMIT_NOFILE, 65536);
}

static void serve(struct process *process)
{
    switch (process->service->pattern) {
    case SERVICE_SESSIONS:
    case SERVICE_LANES:
        control_say(process->control, CONTROL_READY, SLICE_LITERAL(""));
        serve_pool(process);
        break;
    case SERVICE_SINGLE:
        control_say(process->control, CONTROL_READY, SLICE_LITERAL(""));
        serve_single(process);
        break;
    case SERVICE_EVENTS:
        serve_events(process);
        break;
    }
    atomic_store(&process->page->retiring, 1);
}

static struct process *process_new(const struct service *service, int argc, char **argv)
{
    struct process *process = memory_new(1, sizeof(*process));

    process->service = service;
    process->reads = STR_EMPTY;
    process->writes = STR_EMPTY;
    tzset();        /* the time zone's file cannot be read any more once confined */
    log_open(&(struct log_settings){ .tag = service->name, .program = service->name,
                                     .syslog = true, .daemon = true });
    options_read(&process->options, argc, argv);
    process->context = (struct service_context){
        .service_name = process->options.service_name,
        .program = service->name,
        .words = process->options.words,
        .word_count = process->options.word_count,
        .stress = process->options.stress,
        .verbose = process->options.verbose,
        .internal = process,
    };
    return process;
}

/* For `postfix check -v` and the tests: a daemon asked for --rights says what it declares. */
static int print_rights(const struct service *service)
{
    AUTO_STR struct str text = STR_EMPTY;

    rights_text(&text, service->rights);
    printf("%u %s\n", service->rights, text.data);
    return 0;
}

int service_main(const struct service *service, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--rights") == 0)
        return print_rights(service);

    struct process *process = process_new(service, argc, argv);
    struct error error;

    set_limits();
    take_descriptors(process);
    load_config(process);
    read_settings(process);
    enter_queue_directory(process);
    open_log(process);
    find_owner(process);
    debugger_run(process);
    take_signals(process);
    set_slots(process);
    if (service->prepare && !service->prepare(&process->context, &error))
        log_fatal("%s", error.text);
    if (service->pattern == SERVICE_SINGLE || service->pattern == SERVICE_EVENTS)
        watchdog_start(process);
    confine(process);
    serve(process);
    return 0;
}
