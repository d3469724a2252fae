#include "command.h"

#include "base/scope.h"
#include "base/vector.h"
#include "config/legacy.h"
#include "log/log.h"

#include <grp.h>
#include <pwd.h>

static int check(const struct command_context *context)
{
    suite_check(context);
    folders_check(context);
    journal_check(context);
    served_check(context);
    tables_check(context);
    return 0;
}

static int refuse_tls(UNUSED const struct command_context *context)
{
    log_fatal("postfix tls is not available: set the smtp_tls_ and smtpd_tls_ parameters with "
              "postconf(1)");
}

static const struct command commands[] = {
    { "start",                 life_start,            false },
    { "start-fg",              life_start_foreground, false },
    { "quick-start",           life_start,            false },
    { "stop",                  life_stop,             true },
    { "quick-stop",            life_quick_stop,       false },
    { "abort",                 life_abort,            true },
    { "reload",                life_reload,           true },
    { "flush",                 life_flush,            false },
    { "status",                life_status,           false },
    { "check",                 check,                 false },
    { "set-permissions",       folders_set,           false },
    { "upgrade-configuration", upgrade_configuration, false },
    { "tls",                   refuse_tls,            false },
    { "logrotate",             log_rotate,            false },
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    log_fatal("unknown command: '%s'. Usage: postfix start (or stop, reload, abort, flush, check, "
              "status, set-permissions, upgrade-configuration, logrotate)", name);
}

static void open_log(const struct command_context *context, const char *tag)
{
    const struct config *config = context->config;
    AUTO_STR struct str socket = STR_EMPTY;

    log_open(&(struct log_settings){
        .tag = tag,
        .program = tag,
        .facility = config->syslog_facility,
        .postlog_socket = config_log_socket(config, &socket),
        .json = config_log_is_json(config),
        .fallback_file = *config->maillog_file ? config->maillog_file : NULL,
        .syslog = true,
        .standard_error = isatty(STDERR_FILENO),
        .verbose = context->verbose,
    });
}

static void check_maillog(const struct config *config)
{
    struct slice rest = slice_of(config->maillog_file_prefixes), prefix;

    if (!config_log_is_json(config) && strcmp(config->maillog_format, "classic") != 0)
        log_fatal("maillog_format value '%s': expected classic or json", config->maillog_format);
    if (!*config->maillog_file)
        return;
    while (config_list_next(&rest, false, &prefix))
        if (strncmp(config->maillog_file, prefix.data, prefix.length) == 0)
            return;
    log_fatal("maillog_file value '%s' does not match any prefix in maillog_file_prefixes",
              config->maillog_file);
}

static void load_config(struct command_context *context)
{
    struct config_request request = { .directory = context->directory, .program = "postfix" };
    struct error error;

    if (!config_load(&request, &context->config, &error))
        config_fatal(&request, true, &error);
    context->directory = context->config->config_directory;
    check_maillog(context->config);
    if (chdir(context->config->queue_directory) < 0)
        log_fatal("chdir %s: %m", context->config->queue_directory);
}

static void find_owners(struct command_context *context)
{
    const struct passwd *owner = getpwnam(context->config->mail_owner);
    const struct group *group = getgrnam(context->config->setgid_group);

    if (!owner)
        log_fatal("mail_owner: unknown user: %s", context->config->mail_owner);
    if (!group)
        log_fatal("setgid_group: unknown group: %s", context->config->setgid_group);
    context->owner = owner->pw_uid;
    context->owner_group = owner->pw_gid;
    context->submit_group = group->gr_gid;
}

static const char *read_command_line(struct command_context *context, int argc, char **argv)
{
    int option;

    argv[0] = (char *)"postfix";    /* getopt(3) complains in its name */
    while ((option = getopt(argc, argv, "+c:Dv")) != -1)
        switch (option) {
        case 'c':
            context->directory = optarg;
            break;
        case 'D':
            break;
        case 'v':
            context->verbose++;
            break;
        default:
            log_fatal("usage: postfix [-c config_dir] [-Dv] command");
        }
    return argv[optind] ? argv[optind] : "";
}

/* multi_instance_wrapper does this for every instance (postfix-wrapper(5)). */
static void run_wrapper(const char *wrapper, char **command) NO_RETURN;
static void run_wrapper(const char *wrapper, char **command)
{
    struct slice rest = slice_of(wrapper), word;
    struct { char **items; size_t count, capacity; } words = { NULL, 0, 0 };

    while (slice_take_token(&rest, " \t", &word))
        VECTOR_PUSH(&words, memory_text(word.data, word.length));
    for (; *command; command++)
        VECTOR_PUSH(&words, *command);
    VECTOR_PUSH(&words, NULL);
    if (words.count > 1)
        execvp(words.items[0], words.items);
    log_fatal("cannot run multi_instance_wrapper %s: %m", wrapper);
}

/* Each command says so, as Postfix's does. */
static void tell_level(const struct command_context *context)
{
    if (!config_level_is_below(context->config, CONFIG_LEVEL_NOW))
        return;
    open_log(context, "postfix");
    log_info("Postfix is using backwards-compatible default settings");
    log_info("See http://www.postfix.org/COMPATIBILITY_README.html for details");
    log_info("To disable backwards compatibility use \"postconf compatibility_level="
             CONFIG_LEVEL_NOW "\" and \"postfix reload\"");
}

int main(int argc, char **argv)
{
    struct command_context context = { 0 };

    log_open(&(struct log_settings){ .tag = "postfix", .program = "postfix", .syslog = true,
                                     .standard_error = true });

    const char *name = read_command_line(&context, argc, argv);

    if (geteuid() != 0) {
        log_error("to submit mail, use the Postfix sendmail command");
        log_fatal("the postfix command is reserved for the superuser");
    }
    bool is_primary = !context.directory && !getenv("MAIL_CONFIG");

    load_config(&context);
    if (is_primary && *context.config->multi_instance_wrapper)
        run_wrapper(context.config->multi_instance_wrapper, argv + optind);
    tell_level(&context);

    AUTO_STR struct str tag = STR_EMPTY;

    str_format(&tag, "%s/postfix-script", context.config->syslog_name);
    open_log(&context, tag.data);

    const struct command *command = find_command(name);

    find_owners(&context);
    if (command->needs_running && master_pid() == 0)
        log_fatal("the Postfix mail system is not running");
    return command->run(&context);
}
