#include "base/scope.h"
#include "config/config.h"
#include "deliver/mailbox_lock.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>

/* Also what log_fatal exits with: the command cannot be run. */
enum { COMMAND_FAILED = 1 };

struct command_line {
    const char *directory;
    const char *style;
};

static void usage(const char *program)
{
    log_fatal_status(EX_TEMPFAIL,
                     "usage: %s [-c config_dir] [-l lock_style] [-v] folder command...", program);
}

static void read_command_line(struct command_line *line, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "+c:l:v")) != -1)
        if (option == 'c')
            line->directory = optarg;
        else if (option == 'l')
            line->style = optarg;
        else if (option != 'v')
            usage(argv[0]);
    if (argc < optind + 2)
        usage(argv[0]);
}

static void read_settings(const struct config *config, const char *style,
                          struct mailbox_settings *settings)
{
    const char *list = style ? style : config->mailbox_delivery_lock;
    struct error error;

    *settings = (struct mailbox_settings){
        .lock_attempts = config->deliver_lock_attempts,
        .lock_delay_seconds = config->deliver_lock_delay,
        .stale_lock_seconds = config->stale_lock_time,
    };
    if (!mailbox_locks_parse(slice_of(list), &settings->locks, &error))
        log_fatal_status(EX_TEMPFAIL, "unknown mailbox_delivery_lock value \"%s\" in \"%s\"",
                         list, list);
}

/* The descriptor of the file, locked; without O_CLOEXEC the command would hold the lock too. */
static int lock(const char *path, const struct mailbox_settings *settings)
{
    struct error error;

    if (settings->locks & MAILBOX_DOTLOCK && !mailbox_lock_dot(path, settings, &error))
        log_fatal_status(EX_TEMPFAIL, "open file %s: %s", path, error.text);

    int file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (file < 0)
        error_system(&error, "cannot open file");
    if (file >= 0 && mailbox_lock_file(file, settings, &error))
        return file;
    if (settings->locks & MAILBOX_DOTLOCK)
        mailbox_unlock_dot(path);
    log_fatal_status(EX_TEMPFAIL, "open file %s: %s", path, error.text);
}

/* The host may be out of processes for a moment. */
static pid_t fork_patiently(const struct config *config)
{
    pid_t child = fork();

    for (int i = 1; child < 0 && i < config->fork_attempts; i++) {
        log_warn("fork: %m");
        sleep((unsigned)config->fork_delay);
        child = fork();
    }
    if (child < 0)
        log_fatal_status(EX_TEMPFAIL, "fork: %m");
    return child;
}

static int run(const struct config *config, char **words)
{
    pid_t child = fork_patiently(config);
    int status = 0;

    if (child == 0) {
        execvp(words[0], words);
        log_fatal("execvp %s: %m", words[0]);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_FAILED;
}

int main(int argc, char **argv)
{
    struct command_line line = { 0 };
    struct config_request request = { .program = "postlock" };
    struct mailbox_settings settings;
    const struct config *config;
    struct error error;

    log_open(&(struct log_settings){ .tag = "postfix/postlock", .program = argv[0],
                                     .syslog = true, .standard_error = true });
    read_command_line(&line, argc, argv);
    request.directory = line.directory;
    if (!config_load(&request, &config, &error))
        log_fatal_status(EX_TEMPFAIL, "%s", error.text);
    read_settings(config, line.style, &settings);

    const char *path = argv[optind];
    AUTO_CLOSE int file = lock(path, &settings);
    int status = run(config, argv + optind + 1);

    if (settings.locks & MAILBOX_DOTLOCK)
        mailbox_unlock_dot(path);
    return status;
}
