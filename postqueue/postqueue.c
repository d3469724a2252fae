/*
 * postqueue(1): list the queue, ask for delivery attempts.  Set-gid: it talks to the sockets
 * in public/ and reads no queue file, but for root while the mail system is down.
 */
#include "base/scope.h"
#include "config/config.h"
#include "flush.h"
#include "log/log.h"
#include "permission.h"
#include "queue/listing.h"
#include "report.h"

#include <errno.h>
#include <sys/socket.h>
#include <sysexits.h>

struct arguments {
    char mode;                  /* the option: f, i, j, p or s */
    const char *directory;
    const char *value;
    int verbose;
};

static void usage(void) NO_RETURN;
static void usage(void)
{
    log_fatal_status(EX_UNAVAILABLE, "usage: postqueue -f | postqueue -i queueid | postqueue -j | "
                                     "postqueue -p | postqueue -s site");
}

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments arguments = { .mode = '\0' };

    for (int option; (option = getopt(argc, argv, "c:fi:jps:v")) > 0;) {
        switch (option) {
        case 'c':
            arguments.directory = optarg;
            break;
        case 'v':
            arguments.verbose += getuid() == 0;
            break;
        case 'f': case 'i': case 'j': case 'p': case 's':
            if (arguments.mode)
                usage();
            arguments.mode = (char)option;
            arguments.value = optarg;
            break;
        default:
            usage();
        }
    }
    if (!arguments.mode || optind < argc)
        usage();
    return arguments;
}

static const struct config *load_config(const char *directory)
{
    struct config_request request = { .directory = directory, .program = "postqueue" };
    const struct config *config;
    struct error error;

    permission_check_directory(directory);
    if (!config_load(&request, &config, &error))
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);
    if (chdir(config->queue_directory) < 0)
        log_fatal_status(EX_UNAVAILABLE, "chdir %s: %m", config->queue_directory);
    return config;
}

static bool feed(void *report, struct slice bytes)
{
    struct error error;

    if (!report_feed(report, bytes, &error))
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);
    return true;
}

/* showq's answer, or for root without a showq, the same from the queue itself. */
static void list_without_showq(const struct config *config, struct report *report)
{
    struct queue_settings settings = { .hash_queue_names = config->hash_queue_names,
                                       .hash_queue_depth = config->hash_queue_depth };
    struct listing_settings listing = {
        .empty_address = config->empty_address_recipient,
        .duplicate_limit = config->duplicate_filter_limit > 0
                               ? (size_t)config->duplicate_filter_limit : 0,
    };
    struct error error;
    const char *reason = strerror(errno);

    if (geteuid() != 0)
        log_fatal_status(EX_UNAVAILABLE, "Queue report unavailable - mail system is down "
                         "(Connect to the Postfix showq service: %s)", reason);
    log_warn("Mail system is down -- accessing queue directly "
             "(Connect to the Postfix showq service: %s)", reason);

    struct queue *queue = queue_open(&settings, &error);

    if (!queue)
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);
    (void)listing_write(queue, &listing, feed, report);
    queue_close(queue);
}

static void list_from(int showq, struct report *report)
{
    enum { PIECE = 4096 };
    char bytes[PIECE];
    ssize_t count;

    while ((count = recv(showq, bytes, sizeof(bytes), 0)) > 0)
        (void)feed(report, slice_bytes(bytes, (size_t)count));
    if (count < 0)
        log_fatal_status(EX_UNAVAILABLE, "read of the queue report: %m");
}

static void list_queue(const struct config *config, enum report_style style)
{
    struct report *report = report_new(style, stdout);
    AUTO_CLOSE int showq = connect_service("public", config->showq_service_name);
    struct error error;

    if (showq >= 0)
        list_from(showq, report);
    else
        list_without_showq(config, report);
    if (!report_end(report, &error))
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);
    report_free(report);
    if (fflush(stdout) != 0)
        log_fatal_status(EX_IOERR, "write: %m");
}

int main(int argc, char **argv)
{
    struct log_settings log = { .tag = "postfix/postqueue", .program = "postqueue",
                                .standard_error = true, .syslog = true };

    log_open(&log);
    argv[0] = (char *)"postqueue";

    struct arguments arguments = read_arguments(argc, argv);

    log.verbose = arguments.verbose;
    log_open(&log);

    const struct config *config = load_config(arguments.directory);
    bool lists = arguments.mode == 'p' || arguments.mode == 'j';

    if (lists)
        permission_check_user(config, "authorized_mailq_users", config->authorized_mailq_users,
                              "view the mail queue");
    else
        permission_check_user(config, "authorized_flush_users", config->authorized_flush_users,
                              "flush the mail queue");
    switch (arguments.mode) {
    case 'f': flush_all(config); break;
    case 'i': flush_message(config, arguments.value); break;
    case 's': flush_site(config, arguments.value); break;
    case 'j': list_queue(config, REPORT_JSON); break;
    default: list_queue(config, config->enable_long_queue_ids ? REPORT_LONG : REPORT_SHORT);
    }
    return 0;
}
