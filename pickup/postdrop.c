/*
 * postdrop(1): takes a message's records from standard input and puts them into maildrop.
 * It is set-gid, so nothing that comes from the caller is trusted: environment, descriptors,
 * signals, limits, records.
 */
#include "drop.h"

#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"
#include "queue/queue.h"
#include "table/match.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>

extern char **environ;

/* The status that tells whoever submits that there is nothing to deliver. */
enum { CLEANUP_BAD = 1, CLEANUP_WRITE = 2, CLEANUP_NOT_ALLOWED = 512 };

struct options {
    const char *config_directory;
    bool respond;
};

static void open_log(const struct config *config)
{
    AUTO_STR struct str tag = STR_EMPTY, socket = STR_EMPTY;

    str_format(&tag, "%s/postdrop", config ? config->syslog_name : "postfix");

    struct log_settings settings = {
        .tag = tag.data,
        .program = "postdrop",
        .facility = config ? config->syslog_facility : NULL,
        .postlog_socket = config ? config_log_socket_path(config, &socket) : NULL,
        .json = config && config_log_is_json(config),
        .syslog = config != NULL,
        .standard_error = true,
    };

    log_open(&settings);
}

/* Descriptors 0 to 2 are open, and no others are. */
static void tidy_descriptors(void)
{
    int fd;

    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    if (fd > STDERR_FILENO)
        close(fd);
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
}

static void tidy_signals(void)
{
    static const int ignored[] = { SIGPIPE, SIGXFSZ };
    static const int normal[] = { SIGALRM, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD };
    sigset_t none;

    for (size_t i = 0; i < COUNT(ignored); i++)
        signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < COUNT(normal); i++)
        signal(normal[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only the time zone stays; the configuration directory is checked before it is used. */
static void tidy_environment(void)
{
    AUTO_FREE char *zone = memory_copy(getenv("TZ"));

    clearenv();
    if (zone && !strchr(zone, '/'))
        setenv("TZ", zone, 1);
    setenv("PATH", "/usr/bin:/bin", 1);
    umask(022);
}

static struct options read_options(int argc, char **argv)
{
    struct options options = { .config_directory = getenv("MAIL_CONFIG") };
    int letter;

    argv[0] = memory_copy("postdrop");      /* getopt(3) complains in its name */
    while ((letter = getopt(argc, argv, "c:rv")) > 0) {
        if (letter == 'c')
            options.config_directory = optarg;
        else if (letter == 'r')
            options.respond = true;
        else if (letter != 'v')
            log_fatal("usage: postdrop [-c config_dir] [-v]");
    }
    return options;
}

static const struct config *load(const char *directory)
{
    struct config_request request = { .directory = directory, .program = "postdrop" };
    const struct config *config;
    struct error error;

    if (!config_load(&request, &config, &error))
        log_fatal_status(EX_CONFIG, "%s", error.text);
    return config;
}

static bool lists(const char *list, const char *directory)
{
    struct slice rest = slice_of(list), member;

    while (config_list_next(&rest, false, &member))
        if (slice_is(member, directory))
            return true;
    return false;
}

/*
 * Another configuration than the built-in one may name any queue directory: only the
 * administrator may choose it, or have it listed in the built-in one's main.cf.
 */
static const struct config *load_trusted(const char *directory)
{
    if (!directory)
        return load(NULL);
    if (getuid() == 0)
        return load(directory);

    const struct config *trusted = load(NULL);

    if (strcmp(directory, trusted->config_directory) == 0)
        return trusted;
    if (lists(trusted->alternate_config_directories, directory)
        || lists(trusted->multi_instance_directories, directory))
        return load(directory);
    log_fatal_status(EX_NOPERM, "unauthorized configuration directory: %s", directory);
}

static void check_authorized(const struct config *config)
{
    const struct table_context tables = table_context_of(config, ".");
    struct error error;

    if (strcmp(config->authorized_submit_users, "static:anyone") == 0)
        return;

    const struct passwd *user = getpwuid(getuid());
    const char *name = user ? user->pw_name : "unknown";
    struct match_list *list = match_list_open(&tables, "authorized_submit_users",
                                              config->authorized_submit_users, MATCH_STRING, 0,
                                              &error);

    if (!list)
        log_fatal_status(EX_CONFIG, "%s", error.text);
    switch (match_list_get(list, slice_of(name), &error)) {
    case MATCH_YES:
        match_list_close(list);
        return;
    case MATCH_NO:
        log_fatal_status(EX_NOPERM, "User %s(%ld) is not allowed to submit mail", name,
                         (long)getuid());
    case MATCH_TROUBLE:
        log_fatal_status(EX_TEMPFAIL, "authorized_submit_users: %s", error.text);
    }
}

/*
 * Everything is read before anything is written: a caller that dies half-way leaves
 * nothing behind.
 */
static void read_input(struct str *input, int64_t limit)
{
    for (;;) {
        enum { PIECE = 64 * 1024 };
        ssize_t count = read(STDIN_FILENO, str_reserve(input, PIECE), PIECE);

        if (count == 0)
            return;
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            log_fatal_status(EX_IOERR, "uid=%ld: read: %s", (long)getuid(), strerror(errno));
        str_added(input, (size_t)count);
        if (limit > 0 && (int64_t)input->length > limit)
            log_fatal_status(EX_TEMPFAIL, "uid=%ld: message file too big", (long)getuid());
    }
}

/* Whether pickup listens or not: it looks at maildrop by itself too. */
static void wake_pickup(const struct config *config)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "public/%s",
             config->pickup_service_name);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        (void)!send(fd, "W", 1, MSG_NOSIGNAL);
    else if (errno == ENOENT)
        log_warn("unable to look up %s: %s", address.sun_path, strerror(errno));
}

/* Who speaks the protocol waits for this before it says anything. */
static void greet(const char *id)
{
    AUTO_STR struct str greeting = STR_EMPTY;
    static const char protocol[] = "protocol\0postdrop_protocol\0queue_id";

    str_bytes(&greeting, protocol, sizeof(protocol));
    str_bytes(&greeting, id, strlen(id) + 1);
    str_byte(&greeting, '\0');
    (void)!write(STDOUT_FILENO, greeting.data, greeting.length);
}

static void respond(int status, const char *reason)
{
    AUTO_STR struct str answer = STR_EMPTY;

    str_bytes(&answer, "status", sizeof("status"));
    str_format(&answer, "%d", status);
    str_byte(&answer, '\0');
    str_bytes(&answer, "reason", sizeof("reason"));
    str_bytes(&answer, reason, strlen(reason) + 1);
    str_byte(&answer, '\0');
    (void)!write(STDOUT_FILENO, answer.data, answer.length);
}

static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static int end_with(const struct config *config, const struct options *options,
                    enum drop_result result, const struct error *error)
{
    switch (result) {
    case DROP_BAD:
        log_fatal("uid=%ld: %s", (long)getuid(), error->text);
    case DROP_TROUBLE:
        log_fatal_status(EX_TEMPFAIL, "uid=%ld: %s", (long)getuid(), error->text);
    case DROP_UNFINISHED:
        return EX_OK;
    case DROP_NOT_ALLOWED:
    case DROP_NO_LOOKUP:
        if (!options->respond)
            log_fatal_status(EX_TEMPFAIL, "uid=%ld: %s", (long)getuid(), error->text);
        respond(result == DROP_NO_LOOKUP ? CLEANUP_WRITE : CLEANUP_NOT_ALLOWED, error->text);
        return result == DROP_NO_LOOKUP ? CLEANUP_WRITE : EX_OK;
    case DROP_NO_ENVELOPE:
    case DROP_GOOD:
        break;
    }
    if (options->respond)
        respond(result == DROP_GOOD ? 0 : CLEANUP_BAD, "");
    if (result == DROP_NO_ENVELOPE)
        return CLEANUP_BAD;
    wake_pickup(config);
    return EX_OK;
}

int main(int argc, char **argv)
{
    AUTO_STR struct str input = STR_EMPTY;
    AUTO_STR struct str id = STR_EMPTY;
    struct rlimit no_core = { 0, 0 };
    struct error error;

    tidy_descriptors();
    tidy_signals();
    open_log(NULL);

    struct options options = read_options(argc, argv);
    AUTO_FREE char *directory = memory_copy(options.config_directory);

    tidy_environment();
    setrlimit(RLIMIT_CORE, &no_core);

    const struct config *config = load_trusted(directory);

    open_log(config);
    if (chdir(config->queue_directory) < 0)
        log_fatal_status(EX_TEMPFAIL, "chdir %s: %s", config->queue_directory, strerror(errno));
    check_authorized(config);
    queue_id_new(&id, config->enable_long_queue_ids);
    if (options.respond)
        greet(id.data);
    read_input(&input, config->message_size_limit > 0
                           ? config->message_size_limit + DROP_OVERHEAD : 0);
    block_signals();
    return end_with(config, &options, drop_message(config, str_slice(&input), id.data, &error),
                    &error);
}
