/*
 * smtp-sink(1): takes mail for tests and measurements.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "endpoint.h"
#include "log/log.h"
#include "sink.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum { STACK_SIZE = 256 * 1024, CONNECTION_LIMIT = 256 };

static void usage(void)
{
    fprintf(stderr, "usage: smtp-sink [-468acCeEFLNpPv] [-A abort_delay] [-b soft_bounce_reply]"
            " [-B hard_bounce_reply] [-d dump-template] [-D dump-template] [-f commands]"
            " [-h hostname] [-m max_concurrency] [-M message_quit_count] [-n quit_count]"
            " [-q commands] [-r commands] [-R root-dir] [-s commands] [-S start-string]"
            " [-u user_privs] [-w delay] [host]:port backlog\n");
    exit(EX_USAGE);
}

struct choice {
    int family;
    const char *root, *user;
};

static struct sink_mischief *mischief_of(struct sink *sink, struct slice name)
{
    enum sink_command command = sink_find(name);

    if (command == SINK_UNKNOWN)
        log_fatal("unknown command: %.*s", SLICE_ARGS(name));
    return &sink->mischief[command];
}

static void set_commands(struct sink *sink, int option, const char *list)
{
    struct slice rest = slice_of(list), name;

    while (slice_take_token(&rest, ", \t\r\n", &name)) {
        struct sink_mischief *mischief = mischief_of(sink, name);

        mischief->hard |= option == 'f';
        mischief->soft |= option == 'r';
        mischief->leave |= option == 'q';
        mischief->close |= option == 'Q';
        mischief->log |= option == 's';
    }
    sink->no_pipelining |= option == 'f' || option == 'r';
}

/* command:delay[:odds] */
static void set_delay(struct sink *sink, const char *text)
{
    AUTO_STR struct str part = STR_EMPTY;
    struct slice rest = slice_of(text);
    struct sink_mischief *mischief = mischief_of(sink, slice_take_until(&rest, ":"));

    str_set(&part, slice_take_until(&rest, ":"));
    mischief->delay = argument_number(part.data, 1);
    str_set(&part, rest);
    mischief->odds = rest.length > 0 ? argument_number(part.data, 1) : 0;
    if (mischief->odds > 99)
        log_fatal("bad odds: %s", text);
}

static char escape(const char **text)
{
    static const char letters[] = "abfnrtv\\", meanings[] = "\a\b\f\n\r\t\v\\";
    const char *found = **text ? strchr(letters, **text) : NULL;
    int value = 0;

    if (found) {
        (*text)++;
        return meanings[found - letters];
    }
    for (int i = 0; i < 3 && **text >= '0' && **text <= '7'; i++, (*text)++)
        value = value * 8 + (**text - '0');
    return (char)value;
}

static const char *read_start(const char *text)
{
    AUTO_STR struct str start = STR_EMPTY;

    while (*text) {
        char c = *text++;

        str_byte(&start, c == '\\' ? escape(&text) : c);
    }
    return str_take(&start);
}

static bool set_value(struct sink *sink, struct choice *choice, int option, const char *value)
{
    switch (option) {
    case 'A': sink->abort_delay = argument_number(value, 0); return true;
    case 'b': sink->soft_reply = value; return true;
    case 'B': sink->hard_reply = value; return true;
    case 'd': sink->dump_single = value; return true;
    case 'D': sink->dump_many = value; return true;
    case 'h': sink->hostname = value; return true;
    case 'H': sink->read_delay = argument_number(value, 1); return true;
    case 'm': sink->connection_limit = argument_number(value, 1); return true;
    case 'M': sink->message_limit = argument_number(value, 1); return true;
    case 'n': sink->session_limit = argument_number(value, 1); return true;
    case 'R': choice->root = value; return true;
    case 'S': sink->dump_start = read_start(value); return true;
    case 't': sink->timeout_seconds = argument_number(value, 1); return true;
    case 'T': sink->window = argument_number(value, 1); return true;
    case 'u': choice->user = value; return true;
    case 'w': sink->mischief[SINK_DATA].delay = argument_number(value, 1); return true;
    case 'W': set_delay(sink, value); return true;
    case 'f': case 'q': case 'Q': case 'r': case 's':
        set_commands(sink, option, value);
        return true;
    default: return false;
    }
}

static void set_switch(struct sink *sink, struct choice *choice, int option)
{
    switch (option) {
    case '4': choice->family = AF_INET; break;
    case '6': choice->family = AF_INET6; break;
    case '8': sink->no_8bitmime = true; break;
    case 'a': sink->no_auth = true; break;
    case 'c': sink->count = true; break;
    case 'C': sink->no_xclient = true; break;
    case 'e': sink->no_esmtp = true; break;
    case 'E': sink->no_enhanced = true; break;
    case 'F': sink->no_xforward = true; break;
    case 'L': sink->lmtp = true; break;
    case 'N': sink->no_dsn = true; break;
    case 'p': sink->no_pipelining = true; break;
    case 'P': sink->pix = sink->no_esmtp = true; break;
    case 'v': sink->verbose = true; break;
    default: usage();
    }
}

static int listen_at(const struct sink *sink, const char *text, int family, int backlog)
{
    struct endpoint endpoint = endpoint_find(text, family, true, "smtp");
    int fd = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;

    if (endpoint.address.ss_family == AF_UNIX)
        (void)unlink(((struct sockaddr_un *)(void *)&endpoint.address)->sun_path);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0
        || (sink->window > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &sink->window,
                                           sizeof(sink->window)) < 0)
        || bind(fd, (struct sockaddr *)&endpoint.address, endpoint.length) < 0
        || listen(fd, backlog) < 0)
        log_fatal("listen on %s: %m", text);
    return fd;
}

static void become(const struct choice *choice)
{
    const struct passwd *user = choice->user ? getpwnam(choice->user) : NULL;

    if (choice->user && !user)
        log_fatal("unknown user: %s", choice->user);
    if (choice->root && (chroot(choice->root) < 0 || chdir("/") < 0))
        log_fatal("chroot(%s): %m", choice->root);
    if (user && geteuid() == 0
        && (initgroups(choice->user, user->pw_gid) < 0 || setgid(user->pw_gid) < 0
            || setuid(user->pw_uid) < 0))
        log_fatal("become %s: %m", choice->user);
    if (geteuid() == 0)
        log_fatal("no -u option: refusing to run with super-user privileges");
}

struct client {
    struct sink *sink;
    int fd;
    struct sockaddr_storage peer;
};

static void *serve(void *argument)
{
    struct client *client = argument;

    sink_serve(client->sink, client->fd, (struct sockaddr *)&client->peer);
    atomic_fetch_sub(&client->sink->connections, 1);
    free(client);
    return NULL;
}

static void accept_all(struct sink *sink, int listener)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        struct client *client = memory_new(1, sizeof(*client));
        socklen_t length = sizeof(client->peer);

        while (atomic_load(&sink->connections) >= sink->connection_limit)
            usleep(1000);
        client->sink = sink;
        client->fd = accept4(listener, (struct sockaddr *)&client->peer, &length, SOCK_CLOEXEC);
        if (client->fd < 0) {
            free(client);
            if (errno != EINTR && errno != ECONNABORTED)
                log_fatal("accept: %m");
            continue;
        }
        atomic_fetch_add(&sink->connections, 1);
        if (pthread_create(&thread, &attributes, serve, client) != 0)
            log_fatal("pthread_create: %m");
    }
}

int main(int argc, char **argv)
{
    struct sink *sink = memory_new(1, sizeof(*sink));
    struct choice choice = { .family = AF_UNSPEC };
    int option;

    log_open(&(struct log_settings){ .tag = "postfix/smtp-sink", .program = "smtp-sink",
                                     .standard_error = true, .syslog = true });
    sink->hostname = "smtp-sink";
    sink->soft_reply = "450 4.3.0 Error: command failed";
    sink->hard_reply = "500 5.3.0 Error: command failed";
    sink->abort_delay = -1;
    sink->timeout_seconds = 100;
    sink->connection_limit = CONNECTION_LIMIT;
    while ((option = getopt(argc, argv,
                            "468aA:b:B:cCd:D:eEf:Fh:H:Lm:M:n:NpPq:Q:r:R:s:S:t:T:u:vw:W:")) != -1)
        if (!set_value(sink, &choice, option, optarg))
            set_switch(sink, &choice, option);
    if (argc - optind != 2)
        usage();
    signal(SIGPIPE, SIG_IGN);

    int listener = listen_at(sink, argv[optind], choice.family,
                             argument_number(argv[optind + 1], 1));

    become(&choice);
    accept_all(sink, listener);
}
