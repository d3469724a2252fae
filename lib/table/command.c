#include "table/command.h"

#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"
#include "table/job.h"

#include <stdio.h>

static void usage(const struct table_command *command) NO_RETURN;
static void usage(const struct table_command *command)
{
    log_fatal("usage: %s [-%s] [-c config_dir] [-d key] [-q key] [map_type:]file...",
              command->name, command->usage);
}

struct arguments {
    const char *directory;
    int verbose;
    bool no_utf8;           /* -u */
    bool force_utf8;        /* -U */
};

static void take_verb(const char **place, const char *value, const struct table_job *job,
                      const char *other)
{
    if (job->sequence || other)
        log_fatal("specify only one of -s -q or -d");
    if (!*place)
        *place = value;
}

static void take_option(struct table_job *job, struct arguments *arguments, int option)
{
    switch (option) {
    case 'b': job->body = true; break;
    case 'c': arguments->directory = optarg; break;
    case 'd': take_verb(&job->deletion, optarg, job, job->query); break;
    case 'f': job->keep_case = true; break;
    case 'F': job->file_contents = true; break;
    case 'h': job->header = true; break;
    case 'i': job->incremental = true; break;
    case 'm': job->mime = true; break;
    case 'N': job->with_nul = true; job->without_nul = false; break;
    case 'n': job->with_nul = false; job->without_nul = true; break;
    case 'o': job->keep_root = true; break;
    case 'p': job->default_mode = true; break;
    case 'q': take_verb(&job->query, optarg, job, job->deletion); break;
    case 'r': job->replace = true; job->ignore_duplicates = false; break;
    case 's':
        if (job->query || job->deletion)
            log_fatal("specify only one of -s -q or -d");
        job->sequence = true;
        break;
    case 'u': arguments->no_utf8 = true; break;
    case 'U': arguments->force_utf8 = true; break;
    case 'v': arguments->verbose++; break;
    case 'w': job->ignore_duplicates = true; job->replace = false; break;
    default: usage(job->command);
    }
}

static void check_options(const struct table_job *job)
{
    bool from_stdin = job->query && slice_is(slice_of(job->query), "-");
    bool message = job->body || job->header;

    if ((message || job->mime) && !from_stdin)
        log_fatal("specify -b -h or -m only with \"-q -\"");
    if (job->mime && !message)
        log_warn("ignoring -m option without -b or -h");
}

static void load_config(struct table_job *job, const struct arguments *arguments)
{
    struct config_request request = { .directory = arguments->directory,
                                      .program = job->command->name };
    struct error error = ERROR_NONE;

    if (!config_load(&request, &job->config, &error))
        log_fatal("%s", error.text);
    job->default_type = job->config->default_database_type;
    job->utf8 = job->config->smtputf8_enable && !arguments->no_utf8
        && (!(job->body || job->header) || arguments->force_utf8);
}

static int run_all(const struct table_job *job, int count, char **names)
{
    if (job->query)
        return job_query(job, names, count);
    if (job->deletion)
        return job_delete(job, names, count);
    if (job->sequence && count)     /* as in Postfix: the first one only */
        job_list(job, names[0]);
    for (int i = 0; i < count && !job->sequence; i++)
        job_make(job, names[i]);
    return 0;
}

int table_command_main(const struct table_command *command, int argc, char **argv)
{
    struct table_job job = { .command = command };
    struct arguments arguments = { .directory = NULL };
    struct log_settings log = { .tag = command->name, .program = command->name,
                                .standard_error = true };

    log_open(&log);
    memcpy(&argv[0], &command->name, sizeof(argv[0]));   /* getopt names the program with it */
    for (int option; (option = getopt(argc, argv, command->options)) > 0;)
        take_option(&job, &arguments, option);
    check_options(&job);
    load_config(&job, &arguments);

    AUTO_STR struct str tag = STR_EMPTY;

    str_format(&tag, "%s/%s", job.config->syslog_name, command->name);
    log = (struct log_settings){ .tag = tag.data, .program = command->name,
                                 .facility = job.config->syslog_facility, .syslog = true,
                                 .standard_error = true, .verbose = arguments.verbose };
    log_open(&log);
    if (optind == argc && !job.sequence)
        usage(command);

    int status = run_all(&job, argc - optind, argv + optind);

    fflush(stdout);
    config_free(job.config);
    return status;
}
