#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"

#include <stdio.h>
#include <string.h>

struct command_line {
    const char *directory;
    const char *tag;
    const char *priority;
    int verbose;
};

static void read_command_line(struct command_line *line, int argc, char **argv)
{
    int option;

    argv[0] = (char *)"postlog";    /* getopt(3) complains in its name */
    while ((option = getopt(argc, argv, "c:ip:t:v")) != -1)
        switch (option) {
        case 'c':
            line->directory = optarg;
            break;
        case 'i':       /* the process id stands in every line */
            break;
        case 'p':
            line->priority = optarg;
            break;
        case 't':
            line->tag = optarg;
            break;
        case 'v':
            line->verbose++;
            break;
        default:
            log_fatal("usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] "
                      "[text ...]");
        }
}

static enum log_severity read_priority(const char *name)
{
    static const struct {
        const char *name;
        enum log_severity severity;
    } names[] = {
        { "info", LOG_SEVERITY_INFO }, { "warn", LOG_SEVERITY_WARNING },
        { "warning", LOG_SEVERITY_WARNING }, { "error", LOG_SEVERITY_ERROR },
        { "err", LOG_SEVERITY_ERROR }, { "fatal", LOG_SEVERITY_FATAL },
        { "crit", LOG_SEVERITY_FATAL }, { "panic", LOG_SEVERITY_PANIC },
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].severity;
    log_fatal("%s: unknown severity", name);
}

static void open_log(const struct config *config, const struct command_line *line)
{
    AUTO_STR struct str tag = STR_EMPTY;
    AUTO_STR struct str socket = STR_EMPTY;

    if (line->tag)
        str_text(&tag, line->tag);
    else
        str_format(&tag, "%s/postlog", config->syslog_name);
    log_open(&(struct log_settings){
        .tag = tag.data,
        .program = line->tag ? line->tag : "postlog",
        .facility = config->syslog_facility,
        .postlog_socket = config_log_socket_path(config, &socket),
        .json = config_log_is_json(config),
        .fallback_file = *config->maillog_file ? config->maillog_file : NULL,
        .syslog = true,
        .standard_error = isatty(STDERR_FILENO),
        .verbose = line->verbose,
    });
}

static void log_words(enum log_severity severity, char **words)
{
    AUTO_STR struct str text = STR_EMPTY;

    for (; *words; words++)
        str_format(&text, "%s%s", text.length ? " " : "", *words);
    log_line(severity, "%s", text.data);
}

static void log_input(enum log_severity severity)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        log_line(severity, "%s", line);
    }
    free(line);
}

int main(int argc, char **argv)
{
    struct command_line line = { .priority = "info" };
    struct config_request request = { .program = "postlog" };
    const struct config *config;
    struct error error;

    log_open(&(struct log_settings){ .tag = "postfix/postlog", .program = "postlog",
                                     .syslog = true,
                                     .standard_error = isatty(STDERR_FILENO) });
    read_command_line(&line, argc, argv);
    request.directory = line.directory;
    if (!config_load(&request, &config, &error))
        log_fatal("%s", error.text);

    enum log_severity severity = read_priority(line.priority);

    open_log(config, &line);
    if (argv[optind])
        log_words(severity, argv + optind);
    else
        log_input(severity);
    config_free(config);
    return 0;
}
