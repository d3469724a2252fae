#include "iterate.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "run.h"

#include <stdio.h>

static const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

static int list_one(const struct instance *instance, UNUSED char **words)
{
    printf("%-15s %-15s %-9s %s\n", or_dash(instance->config->multi_instance_name),
           or_dash(instance->config->multi_instance_group), instance->enabled ? "y" : "n",
           instance->directory);
    return 0;
}

static int run(const struct instance *instance, char **words)
{
    return run_program(instance, words);
}

static int for_each(const struct instances *instances, const struct selection *selection,
                    bool reverse, int (*act)(const struct instance *instance, char **words),
                    char **words)
{
    int worst = 0;

    setenv("MAIL_LOGTAG", instances->items[0].config->syslog_name, 1);

    for (size_t i = 0; i < instances->count; i++) {
        size_t at = reverse ? instances->count - 1 - i : i;

        if (!instance_is_selected(&instances->items[at], selection))
            continue;

        int status = act(&instances->items[at], words);

        worst = status ? status : worst;
    }
    return worst;
}

int iterate_list(const struct instances *instances, const struct selection *selection,
                 bool reverse)
{
    return for_each(instances, selection, reverse, list_one, NULL);
}

int iterate_command(const struct instances *instances, const struct selection *selection,
                    bool reverse, char **words)
{
    return for_each(instances, selection, reverse, run, words);
}

static bool is_listed(const char *list, const char *word)
{
    struct slice rest = slice_of(list), member;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        if (slice_is(member, word))
            return true;
    return false;
}

/* The first word that is no option names the command of postfix(1). */
static char **command_of(char **words)
{
    while (*words && (*words)[0] == '-')
        words++;
    return words;
}

/* "postfix" of the instance with the words; what starts is only checked when it is disabled. */
static int run_postfix(const struct instance *instance, char **words)
{
    const struct config *config = instance->config;
    const char *command = *command_of(words);
    AUTO_STR struct str program = STR_EMPTY;
    size_t count = 0;

    while (words[count])
        count++;
    if (!instance->enabled && (is_listed(config->postmulti_stop_commands, command)
                               || is_listed(config->postmulti_control_commands, command)))
        return 0;

    AUTO_FREE char **all = memory_new(count + 2, sizeof(*all));

    str_format(&program, "%s/postfix", config->command_directory);
    all[0] = program.data;
    memcpy(all + 1, words, count * sizeof(*words));
    if (!instance->enabled && is_listed(config->postmulti_start_commands, command))
        all[command_of(words) - words + 1] = (char[]){ "check" };
    return run_program(instance, all);
}

int iterate_postfix(const struct instances *instances, const struct selection *selection,
                    char **words)
{
    const char *command = *command_of(words);

    if (!command)
        log_fatal("Command required with '-p' or '-x' option");
    return for_each(instances, selection,
                    is_listed(instances->items[0].config->postmulti_stop_commands, command),
                    run_postfix, words);
}
