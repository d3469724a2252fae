#include "service/process.h"

#include "base/memory.h"
#include "log/log.h"

#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum listener_type type;
} types[] = {
    { "inet", LISTENER_INET }, { "unix", LISTENER_UNIX }, { "fifo", LISTENER_FIFO },
    { "unix-dgram", LISTENER_DGRAM }, { "pass", LISTENER_PASS },
};

static enum listener_type read_type(const char *name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    log_fatal("invalid service type: %s", name);
}

static int read_count(char option, const char *text, uint64_t limit)
{
    uint64_t number;

    if (!slice_number(slice_of(text), limit, &number))
        log_fatal("option -%c: bad number: %s", option, text);
    return (int)number;
}

static void add_override(struct options *options, const char *text)
{
    struct error error;
    size_t count = options->override_count;

    options->overrides = memory_resize(options->overrides, count + 1, sizeof(*options->overrides));
    if (!config_parse_override(slice_of(text), &options->overrides[count], &error))
        log_fatal("%s", error.text);
    if (strcmp(options->overrides[count].name, "stress") == 0)
        options->stress = *options->overrides[count].value != '\0';
    options->override_count++;
}

static void add_rewrite_setting(struct options *options, const char *text)
{
    size_t count = options->rewrite_count++;

    options->rewrite_settings = memory_resize(options->rewrite_settings, count + 1,
                                              sizeof(*options->rewrite_settings));
    options->rewrite_settings[count] = text;
}

static bool read_option(struct options *options, int option)
{
    switch (option) {
    case 'n':
        options->service_name = optarg;
        return true;
    case 't':
        options->type = read_type(optarg);
        return true;
    case 's':
        options->listener_count = read_count('s', optarg, LISTENER_LIMIT);
        return true;
    case 'k':
        options->slots = read_count('k', optarg, SLOT_LIMIT);
        return true;
    case 'u':
        options->unprivileged = true;
        return true;
    case 'c':
        options->chroot = true;
        return true;
    case 'o':
        add_override(options, optarg);
        return true;
    case 'r':
        add_rewrite_setting(options, optarg);
        return true;
    case 'v':
        options->verbose++;
        return true;
    case 'D':
        options->debugged = true;
        return true;
    }
    return false;
}

void options_read(struct options *options, int argc, char **argv)
{
    int option;

    *options = (struct options){ .slots = 1, .type = LISTENER_UNIX };
    opterr = 0;
    while ((option = getopt(argc, argv, "+n:t:s:k:uco:r:vD")) != -1)
        if (!read_option(options, option))
            log_fatal("unknown option -%c; only master starts this program", optopt);
    if (!options->service_name)
        log_fatal("this program is started by master and not by hand");
    if (options->slots < 1)
        options->slots = 1;
    options->words = argv + optind;
    options->word_count = argc - optind;
}
