/*
 * postcat(1): show queue files.
 */
#include "base/scope.h"
#include "config/config.h"
#include "deliver/settle.h"
#include "log/log.h"
#include "queue/queue.h"
#include "show.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct arguments {
    const char *directory;
    unsigned options;
    bool by_id;             /* -q */
    int64_t start;          /* -s */
};

static void usage(void) NO_RETURN;
static void usage(void)
{
    log_fatal("usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] "
              "[-e (envelope records)] [-h (header text)] [-q (access queue)] [-v] [file(s)...]");
}

static struct arguments read_arguments(int argc, char **argv)
{
    struct arguments arguments = { .options = 0 };

    for (int option; (option = getopt(argc, argv, "bc:dehoqrs:v")) > 0;) {
        switch (option) {
        case 'b': arguments.options |= SHOW_BODY; break;
        case 'c': arguments.directory = optarg; break;
        case 'd': arguments.options |= SHOW_TYPES; break;
        case 'e': arguments.options |= SHOW_ENVELOPE; break;
        case 'h': arguments.options |= SHOW_HEADER; break;
        case 'o': arguments.options |= SHOW_OFFSETS; break;
        case 'q': arguments.by_id = true; break;
        case 'r': arguments.options |= SHOW_FILE_ORDER; break;
        case 'v': arguments.options |= SHOW_NAMES; break;
        case 's':
            if (!slice_integer(slice_of(optarg), 0, INT64_MAX, &arguments.start))
                log_fatal("bad offset: %s", optarg);
            break;
        default: usage();
        }
    }
    if (!(arguments.options & (SHOW_ENVELOPE | SHOW_HEADER | SHOW_BODY)))
        arguments.options |= SHOW_ENVELOPE | SHOW_HEADER | SHOW_BODY;
    return arguments;
}

/* What cannot be read at an offset (a pipe) is copied to memory first. */
static int seekable(int fd)
{
    char buffer[4096];
    ssize_t count;

    if (lseek(fd, 0, SEEK_CUR) >= 0)
        return fd;

    int copy = memfd_create("postcat", MFD_CLOEXEC);

    while (copy >= 0 && (count = read(fd, buffer, sizeof(buffer))) > 0)
        if (write(copy, buffer, (size_t)count) != count)
            log_fatal("copy of standard input: %m");
    return copy;
}

static void show(int fd, const char *name, const struct arguments *arguments)
{
    if (!show_file(fd, name, arguments->options, arguments->start)) {
        fflush(stdout);
        log_fatal("record read error");
    }
}

static void show_path(const char *path, const struct arguments *arguments)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        log_fatal("open %s: %m", path);
    show(fd, path, arguments);
}

static void show_id(struct queue *queue, const char *id, const struct arguments *arguments)
{
    AUTO_STR struct str path = STR_EMPTY;

    if (!queue_id_is_valid(slice_of(id)))
        log_fatal("bad mail queue ID: %s", id);
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++)
        if (place != QUEUE_CORRUPT && queue_locate(queue, (enum queue_place)place, id, &path)) {
            show_path(path.data, arguments);
            return;
        }
    str_format(&path, "saved/%s", id);      /* dont_remove */
    if (access(path.data, F_OK) == 0) {
        show_path(path.data, arguments);
        return;
    }
    log_fatal("open queue file %s: No such file or directory", id);
}

static struct queue *open_queue(const char *directory)
{
    struct config_request request = { .directory = directory, .program = "postcat" };
    const struct config *config;
    AUTO_STR struct str path = STR_EMPTY;
    struct error error;

    if (!config_load(&request, &config, &error))
        log_fatal("%s", error.text);
    if (chdir(config->queue_directory) < 0)
        log_fatal("chdir %s: %m", config->queue_directory);

    struct queue_settings settings = { .hash_queue_names = config->hash_queue_names,
                                       .hash_queue_depth = config->hash_queue_depth };
    struct queue *queue = queue_open(&settings, &error);

    if (!queue)
        log_fatal("%s", error.text);
    str_format(&path, "public/%s", config->queue_service_name);
    if (!settle_intake(queue, path.data, &error))
        log_warn("%s", error.text);
    return queue;
}

int main(int argc, char **argv)
{
    struct log_settings log = { .tag = "postcat", .program = "postcat", .standard_error = true };

    log_open(&log);
    argv[0] = (char *)"postcat";

    struct arguments arguments = read_arguments(argc, argv);
    struct queue *queue = arguments.by_id ? open_queue(arguments.directory) : NULL;

    if (optind == argc)
        show(seekable(STDIN_FILENO), "stdin", &arguments);
    for (int i = optind; i < argc; i++) {
        if (queue)
            show_id(queue, argv[i], &arguments);
        else
            show_path(argv[i], &arguments);
    }
    queue_close(queue);
    return 0;
}
