#include "master.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* By this the postfix command knows our programs from those of another suite. */
static const char mark[] = "postreiter master";

struct command_line {
    const char *config_directory;
    bool test, foreground, init, wait;
    int exit_seconds;
    int verbose;
};

static void usage(void)
{
    log_fatal("usage: master [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] "
              "[-e exit_time] [-i (init mode)] [-t (test)] [-v] [-w (wait for initialization)]");
}

static int read_seconds(const char *text)
{
    uint64_t number;

    if (!slice_number(slice_of(text), INT32_MAX, &number) || number == 0)
        usage();
    return (int)number;
}

static void read_command_line(struct command_line *line, int argc, char **argv)
{
    int option;

    opterr = 0;
    while ((option = getopt(argc, argv, "c:Dde:istvw")) != -1)
        switch (option) {
        case 'c':
            line->config_directory = optarg;
            break;
        case 'D':
        case 's':
            break;
        case 'd':
            line->foreground = true;
            break;
        case 'e':
            line->exit_seconds = read_seconds(optarg);
            break;
        case 'i':
            line->foreground = line->init = true;
            break;
        case 't':
            line->test = true;
            break;
        case 'v':
            line->verbose++;
            break;
        case 'w':
            line->wait = true;
            break;
        default:
            usage();
        }
    if (optind < argc)
        usage();
}

/* --- Start. -------------------------------------------------------------------------- */

static void open_log(struct master *master)
{
    const struct config *config = master->config;
    AUTO_STR struct str tag = STR_EMPTY, socket = STR_EMPTY;

    str_format(&tag, "%s/master", config->syslog_name);
    log_open(&(struct log_settings){
        .tag = tag.data,
        .program = "master",
        .facility = config->syslog_facility,
        .postlog_socket = config_log_socket(config, &socket),
        .json = config_log_is_json(config),
        .fallback_file = *config->maillog_file ? config->maillog_file : NULL,
        .never_waits = *config->maillog_file,
        .syslog = true,
        .daemon = true,
        .verbose = master->verbose,
    });
}

static void load_config(struct master *master, const struct command_line *line)
{
    struct config_request request = { .directory = line->config_directory, .program = "master" };
    struct error error;

    if (!config_load(&request, &master->config, &error))
        config_fatal(&request, true, &error);
    master->copy = -1;
    master->config_directory = memory_copy(master->config->config_directory);
    master->verbose = line->verbose;
    if (chdir(master->config->queue_directory) < 0)
        log_fatal("chdir %s: %m", master->config->queue_directory);
}

static void find_owner(struct master *master)
{
    const struct passwd *owner = getpwnam(master->config->mail_owner);

    if (!owner)
        log_fatal("mail_owner: unknown user: %s", master->config->mail_owner);
    master->owner = owner->pw_uid;
    master->owner_group = owner->pw_gid;
}

static void take_lock(const char *path)
{
    struct error error;
    pid_t holder;

    if (!lock_take(path, &holder, &error))
        log_fatal("%s", error.text);
}

/* The queue directory and the data directory are each used by one mail system. */
static void take_locks(const struct master *master)
{
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/master.lock", master->config->data_directory);
    take_lock("pid/master.pid");
    take_lock(path.data);
}

/* Only what import_environment names comes from outside; the processes learn where main.cf is. */
static void clean_environment(const struct master *master)
{
    struct slice rest = slice_of(master->config->import_environment), word;
    struct { char **items; size_t count, capacity; } kept = { NULL, 0, 0 };

    while (config_list_next(&rest, true, &word)) {
        AUTO_STR struct str entry = STR_EMPTY;
        const char *value;

        str_set(&entry, slice_trim(word));
        if (slice_find(word, '=') < word.length)
            VECTOR_PUSH(&kept, str_take(&entry));
        else if ((value = getenv(entry.data)) != NULL) {
            str_format(&entry, "=%s", value);
            VECTOR_PUSH(&kept, str_take(&entry));
        }
    }
    clearenv();
    for (size_t i = 0; i < kept.count; i++)
        putenv(kept.items[i]);      /* the texts are the environment's now */
    VECTOR_FREE(&kept);
    setenv("MAIL_CONFIG", master->config_directory, 1);
}

/*
 * The parent stays until the child has started, or failed; with wait false it does not look.
 * Returns in the child, with the descriptor that says "started" when it is written to.
 */
static int detach(bool wait)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        log_fatal("pipe: %m");

    pid_t pid = fork();

    if (pid < 0)
        log_fatal("fork: %m");
    if (pid > 0) {
        char byte = 1;

        close(ends[1]);
        if (wait && read(ends[0], &byte, 1) != 1)
            exit(1);
        exit(0);
    }
    close(ends[0]);
    setsid();
    return ends[1];
}

static void close_standard(const struct master *master)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(master->null, fd);
}

static void raise_limits(void)
{
    struct rlimit files;

    umask(022);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* --- Signals. ------------------------------------------------------------------------- */

static void reload(struct master *master)
{
    struct error error;

    if (master->stopping)
        return;
    log_info("reload -- version %s, configuration %s", master->config->mail_version,
             master->config_directory);
    if (!master_load(master, false, &error)) {
        log_error("%s", error.text);
        log_warn("the old configuration stays in service");
    }
}

static void signalled(void *argument, int fd, UNUSED unsigned mask)
{
    struct master *master = argument;
    struct signalfd_siginfo signal;

    while (read(fd, &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo == SIGHUP) {
            reload(master);
        } else if (signal.ssi_signo != SIGCHLD) {
            log_info("terminating on signal %u", signal.ssi_signo);
            stop_begin(master);
        }
    }
    children_reap(master);
    if (master->stopping)
        stop_go_on(master);
}

static void watch_signals(struct master *master)
{
    static const int signals[] = { SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGCHLD };
    sigset_t mask;

    sigemptyset(&mask);
    for (size_t i = 0; i < COUNT(signals); i++)
        sigaddset(&mask, signals[i]);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);

    int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);

    if (fd < 0)
        log_fatal("signalfd: %m");
    events_watch(master->events, fd, EVENT_READ, signalled, master);
}

static void time_is_up(void *argument)
{
    struct master *master = argument;

    log_info("master exit time has arrived");
    stop_begin(master);
}

/* --- The program. ----------------------------------------------------------------------- */

static int test_lock(struct master *master)
{
    pid_t holder;
    bool held = lock_is_held("pid/master.pid", &holder);

    config_free(master->config);
    free(master->config_directory);
    free(master);
    return held ? 1 : 0;
}

static void serve(struct master *master, const struct command_line *line, int started)
{
    struct error error;

    master->events = events_new();
    master->watcher = watcher_new(master);
    watch_signals(master);
    if (!line->foreground)
        close_standard(master);     /* before there are processes that would keep them open */
    if (!master_load(master, true, &error))
        log_fatal("%s", error.text);
    log_info("daemon started -- version %s, configuration %s", master->config->mail_version,
             master->config_directory);
    if (started >= 0 && write(started, "", 1) == 1)
        close(started);
    if (line->exit_seconds > 0)
        events_at(master->events, moment_after(line->exit_seconds), time_is_up, master);
    events_run(master->events);
    last_lines_take(master);
    master_settle(master);
}

int main(int argc, char **argv)
{
    struct master *master = memory_new(1, sizeof(*master));
    struct command_line line = { 0 };
    int started = -1;

    log_open(&(struct log_settings){ .tag = "postfix/master", .program = "master",
                                     .syslog = true, .standard_error = true });
    read_command_line(&line, argc, argv);
    log_debug("%s", mark);
    load_config(master, &line);
    if (line.test)
        return test_lock(master);
    open_log(master);
    if (geteuid() != 0)
        log_fatal("the master command is reserved for the superuser");
    find_owner(master);
    raise_limits();
    master->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!line.foreground)
        started = detach(line.wait);
    else if (!line.init)
        setsid();
    clean_environment(master);
    take_locks(master);
    serve(master, &line, started);
    return 0;
}
