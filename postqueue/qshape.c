/*
 * qshape(1): how the mail in queues spreads over domains and ages.
 */
#include "base/scope.h"
#include "config/config.h"
#include "deliver/settle.h"
#include "log/log.h"
#include "queue/queue.h"
#include "shape.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_BATCH = 500, USAGE_STATUS = 255 };

struct arguments {
    const char *directory;
    struct shape_settings table;
    bool senders;
    int batch;              /* messages between intermediate tables */
    int lines;              /* of a table on a terminal */
};

struct walk {
    struct shape *shape;
    const struct arguments *arguments;
    const struct config *config;
    bool terminal;
    long messages;
    time_t now;
};

static void usage(void) NO_RETURN;
static void usage(void)
{
    log_fatal_status(USAGE_STATUS, "usage: qshape [-s] [-p] [-m min_subdomains] [-b bucket_count] "
                     "[-t bucket_time] [-l] [-w terminal_width] [-N batch_msg_count] "
                     "[-n batch_top_domains] [-c config_directory] [queue_name ...]");
}

/* What is no number, or none that makes sense, leaves the default. */
static void take_number(int *number, int least)
{
    int64_t value;

    if (slice_integer(slice_of(optarg), least, INT_MAX, &value))
        *number = (int)value;
}

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments arguments = {
        .table = { .buckets = 10, .minutes = 5, .least_children = 5, .width = 80 },
        .batch = 1000, .lines = 20,
    };
    struct shape_settings *table = &arguments.table;

    for (int option; (option = getopt(argc, argv, "b:c:hlm:n:N:pst:w:")) > 0;) {
        switch (option) {
        case 'b': take_number(&table->buckets, 1); break;
        case 'c': arguments.directory = optarg; break;
        case 'l': table->linear = true; break;
        case 'm': take_number(&table->least_children, 0); break;
        case 'n': take_number(&arguments.lines, 1); break;
        case 'N': take_number(&arguments.batch, 1); break;
        case 'p': table->parents = true; break;
        case 's': arguments.senders = true; break;
        case 't': take_number(&table->minutes, 1); break;
        case 'w': take_number(&table->width, table->width); break;
        default: usage();
        }
    }
    return arguments;
}

/* On a terminal the table of what was seen so far takes the place of the one before. */
static void print_table(const struct walk *walk)
{
    if (walk->terminal)
        fputs("\033[H\033[2J\033[3J", stdout);
    shape_print(walk->shape, walk->terminal ? (size_t)walk->arguments->lines : 0, stdout);
    (void)fflush(stdout);
}

static void add_recipients(struct walk *walk, const struct envelope *envelope)
{
    for (size_t i = 0; i < envelope->recipients.count; i++)
        shape_add(walk->shape, slice_of(envelope->recipients.items[i].address),
                  walk->now - envelope->arrival.tv_sec);
}

static void add_envelopes(struct walk *walk, struct message *message)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct envelope envelope;
    struct error error;
    bool more = true;

    if (!message_envelope(message, arena, &envelope, READ_BATCH, &more, &error))
        return;
    if (walk->arguments->senders) {
        if (envelope.recipients.count > 0)
            shape_add(walk->shape, slice_of(envelope.sender),
                      walk->now - envelope.arrival.tv_sec);
        return;
    }
    add_recipients(walk, &envelope);
    while (more && message_envelope(message, arena, &envelope, READ_BATCH, &more, &error))
        add_recipients(walk, &envelope);
}

static void add_message(struct walk *walk, struct queue *queue, enum queue_place place,
                        const char *id)
{
    struct message *message;
    struct error error;

    if (message_open(queue, place, id, &message, &error) != MESSAGE_READY)
        return;
    add_envelopes(walk, message);
    message_close(message);
    if (walk->terminal && ++walk->messages % walk->arguments->batch == 0)
        print_table(walk);
}

static void settle(struct queue *queue, const struct config *config)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct error error;

    str_format(&path, "public/%s", config->queue_service_name);
    if (!settle_intake(queue, path.data, &error))
        log_warn("%s", error.text);
}

static struct queue *open_queue(const struct walk *walk, const char *directory)
{
    const struct queue_settings settings = {
        .directory = directory, .hash_queue_names = walk->config->hash_queue_names,
        .hash_queue_depth = walk->config->hash_queue_depth,
    };
    struct error error;
    struct queue *queue = queue_open(&settings, &error);

    if (!queue)
        log_fatal("%s", error.text);
    return queue;
}

/* A queue of ours by its name, or a directory of that name in any other place. */
static void walk_over(struct walk *walk, const char *name)
{
    struct slice path = slice_of(name);
    size_t slash = slice_find_last(path, '/');
    bool named = slash == path.length;
    AUTO_STR struct str parent = STR_EMPTY;
    enum queue_place place;
    struct stat found;

    if (stat(name, &found) < 0) {
        log_warn("stat %s: %m", name);
        return;
    }
    str_add(&parent, slice_part(path, 0, slash > 0 ? slash : 1));
    if (!queue_place_find(named ? path : slice_from(path, slash + 1), &place))
        return;     /* there are no messages */

    struct queue *queue = open_queue(walk, named ? NULL : parent.data);

    if (named)
        settle(queue, walk->config);

    struct queue_scan *scan = queue_scan_new(queue, place);

    for (const char *id; (id = queue_scan_next(scan)) != NULL;)
        add_message(walk, queue, place, id);
    queue_scan_free(scan);
    queue_close(queue);
}

int main(int argc, char **argv)
{
    struct log_settings log = { .tag = "qshape", .program = "qshape", .standard_error = true };
    struct config_request request = { .program = "qshape" };
    static const char *const usual[] = { "incoming", "active" };
    struct error error;

    log_open(&log);
    argv[0] = (char *)"qshape";

    struct arguments arguments = read_arguments(argc, argv);
    struct walk walk = { .arguments = &arguments, .terminal = isatty(STDOUT_FILENO),
                         .now = time(NULL) };

    request.directory = arguments.directory;
    if (!config_load(&request, &walk.config, &error))
        log_fatal("%s", error.text);
    if (chdir(walk.config->queue_directory) < 0)
        log_fatal("chdir %s: %m", walk.config->queue_directory);
    walk.shape = shape_new(&arguments.table);
    for (size_t i = 0; optind == argc && i < COUNT(usual); i++)
        walk_over(&walk, usual[i]);
    for (int i = optind; i < argc; i++)
        walk_over(&walk, argv[i]);
    print_table(&walk);
    shape_free(walk.shape);
    return 0;
}
