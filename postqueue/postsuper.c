/*
 * postsuper(1): what only the superuser may do with the queue.
 */
#include "base/scope.h"
#include "base/vector.h"
#include "config/config.h"
#include "deliver/settle.h"
#include "log/log.h"
#include "superintend.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

struct orders {
    struct order *items;
    size_t count, capacity;
};

struct arguments {
    const char *directory;
    bool purge, structure;
    int verbose;
    struct orders orders;
};

static void usage(void) NO_RETURN;
static void usage(void)
{
    log_fatal("usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
              "[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] "
              "[-H queue_id (un-hold)] [-p (purge temporary files)] [-r queue_id (requeue)] "
              "[-s (structure fix)] [-S (redundant structure fix)][-v (verbose)] [queue...]");
}

static void add_order(struct arguments *arguments, int option)
{
    struct order *order = VECTOR_ADD(&arguments->orders);

    order->id = optarg;
    order->actions[ACTION_DELETE] = option == 'd';
    order->actions[ACTION_EXPIRE] = option == 'e' || option == 'f';
    order->actions[ACTION_HOLD] = option == 'h';
    order->actions[ACTION_RELEASE] = option == 'H' || option == 'f';
    order->actions[ACTION_REQUEUE] = option == 'r';
}

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments arguments = { .directory = NULL };

    for (int option; (option = getopt(argc, argv, "+c:d:e:f:h:H:pr:sSv")) > 0;) {
        switch (option) {
        case 'c': arguments.directory = optarg; break;
        case 'p': arguments.purge = true; break;
        case 's': case 'S': arguments.structure = true; break;
        case 'v': arguments.verbose++; break;
        case 'd': case 'e': case 'f': case 'h': case 'H': case 'r':
            add_order(&arguments, option);
            break;
        default: usage();
        }
    }
    if (arguments.orders.count == 0 && !arguments.purge && !arguments.structure)
        arguments.purge = arguments.structure = true;
    return arguments;
}

static void name_places(struct superintendent *superintendent, char **names)
{
    static const char *const logs[] = { "bounce", "defer", "trace", "flush" };

    for (; *names; names++) {
        enum queue_place place;
        bool known = false;

        superintendent->named = true;
        for (size_t i = 0; i < COUNT(logs); i++)
            known = known || strcmp(*names, logs[i]) == 0;
        if (queue_place_find(slice_of(*names), &place) && place != QUEUE_CORRUPT)
            superintendent->places[place] = known = true;
        if (!known)
            log_fatal("invalid directory name: %s", *names);
    }
}

/* What is made in the queue belongs to the mail owner, and nothing else can be touched. */
static void become_mail_owner(const struct config *config)
{
    const struct passwd *owner = getpwnam(config->mail_owner);

    if (!owner)
        log_fatal("unknown mail_owner: %s", config->mail_owner);
    if (setgroups(0, NULL) < 0 || setgid(owner->pw_gid) < 0 || setuid(owner->pw_uid) < 0)
        log_fatal("become %s: %m", config->mail_owner);
}

static struct queue *open_queue(const struct config *config)
{
    struct queue_settings settings = { .hash_queue_names = config->hash_queue_names,
                                       .hash_queue_depth = config->hash_queue_depth,
                                       .long_ids = config->enable_long_queue_ids };
    struct error error;

    become_mail_owner(config);

    struct queue *queue = queue_open(&settings, &error);

    if (!queue)
        log_fatal("%s", error.text);
    return queue;
}

static void settle(struct queue *queue, const struct config *config)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct error error;

    str_format(&path, "public/%s", config->queue_service_name);
    if (!settle_intake(queue, path.data, &error))
        log_warn("%s", error.text);
}

/* -p and -s come before everything else. */
static void maintain(struct queue *queue, const struct arguments *arguments)
{
    struct error error;

    if (arguments->purge && !queue_purge(queue, &error))
        log_warn("%s", error.text);
    if (arguments->structure && !queue_settle(queue, &error))
        log_warn("%s", error.text);
}

int main(int argc, char **argv)
{
    struct log_settings log = { .tag = "postfix/postsuper", .program = "postsuper",
                                .standard_error = true, .syslog = true };
    struct config_request request = { .program = "postsuper" };
    const struct config *config;
    struct error error;

    log_open(&log);
    argv[0] = (char *)"postsuper";
    if (getuid() != 0)
        log_fatal("use of this command is reserved for the superuser");

    struct arguments arguments = read_arguments(argc, argv);

    request.directory = arguments.directory;
    if (!config_load(&request, &config, &error))
        log_fatal("%s", error.text);

    AUTO_STR struct str tag = STR_EMPTY, socket = STR_EMPTY;

    str_format(&tag, "%s/postsuper", config->syslog_name);
    log.tag = tag.data;
    log.facility = config->syslog_facility;
    log.verbose = arguments.verbose;

    /* Connected to public/postlog below the queue directory, while still root. */
    if (chdir(config->queue_directory) < 0)
        log_fatal("chdir %s: %m", config->queue_directory);
    log.postlog_socket = config_log_socket(config, &socket);
    log.json = config_log_is_json(config);
    log_open(&log);

    struct superintendent superintendent = { .queue = open_queue(config) };
    bool wanted[ACTION_COUNT] = { false };

    name_places(&superintendent, argv + optind);
    settle(superintendent.queue, config);
    maintain(superintendent.queue, &arguments);
    for (size_t i = 0; i < arguments.orders.count; i++) {
        superintendent_obey(&superintendent, &arguments.orders.items[i]);
        for (int action = 0; action < ACTION_COUNT; action++)
            wanted[action] = wanted[action] || arguments.orders.items[i].actions[action];
    }
    superintendent_report(&superintendent, wanted);
    queue_close(superintendent.queue);
    VECTOR_FREE(&arguments.orders);
    return 0;
}
