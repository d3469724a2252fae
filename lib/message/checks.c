#include "message/checks.h"

#include "base/scope.h"
#include "log/log.h"
#include "message/header.h"

#include <stdio.h>

enum { PARAMETER_SIZE = 64 };

/* The actions that every program has. */
enum common { COMMON_DUNNO, COMMON_IGNORE, COMMON_STRIP, COMMON_WARN, COMMON_INFO, COMMON_PREPEND,
              COMMON_REPLACE };

static const struct { const char *name; enum common common; } commons[] = {
    { "DUNNO", COMMON_DUNNO }, { "OK", COMMON_DUNNO }, { "IGNORE", COMMON_IGNORE },
    { "STRIP", COMMON_STRIP }, { "WARN", COMMON_WARN }, { "INFO", COMMON_INFO },
    { "PREPEND", COMMON_PREPEND }, { "REPLACE", COMMON_REPLACE },
};

enum check_verdict check_complain(const struct check *check, const char *what)
{
    log_warn("%s in %s map", what, check->parameter);
    return CHECK_STAYS;
}

static enum check_verdict act_prepend(const struct check_hooks *hooks, const struct check *check)
{
    if (check->text.length == 0)
        return check_complain(check, "PREPEND action without text");
    hooks->log(hooks->argument, "prepend", check);
    hooks->prepend(hooks->argument, check);
    return CHECK_STAYS;
}

static enum check_verdict act_replace(const struct check_hooks *hooks, const struct check *check,
                                      struct str *replaced)
{
    if (check->text.length == 0)
        return check_complain(check, "REPLACE action without text");
    hooks->log(hooks->argument, "replace", check);
    str_set(replaced, check->text);
    return CHECK_REPLACED;
}

static enum check_verdict act(enum common common, const struct check_hooks *hooks,
                              const struct check *check, struct str *replaced)
{
    switch (common) {
    case COMMON_DUNNO:
        return CHECK_STAYS;
    case COMMON_IGNORE:
        return CHECK_GOES;
    case COMMON_STRIP:
        hooks->log(hooks->argument, "strip", check);
        return CHECK_GOES;
    case COMMON_WARN:
        hooks->log(hooks->argument, "warning", check);
        return CHECK_STAYS;
    case COMMON_INFO:
        hooks->log(hooks->argument, "info", check);
        return CHECK_STAYS;
    case COMMON_PREPEND:
        return act_prepend(hooks, check);
    case COMMON_REPLACE:
        return act_replace(hooks, check, replaced);
    }
    return CHECK_STAYS;
}

static enum check_verdict obey(const struct check_hooks *hooks, struct check *check,
                               struct slice value, struct str *replaced)
{
    struct slice text = value;
    struct slice word = slice_take_word(&text);

    check->text = slice_trim(text);
    for (size_t i = 0; i < COUNT(commons); i++)
        if (slice_is_nocase(word, commons[i].name))
            return act(commons[i].common, hooks, check, replaced);
    for (const struct check_action *action = hooks->actions; action && action->name; action++)
        if (slice_is_nocase(word, action->name))
            return action->act(hooks->argument, check);
    log_warn("unknown command in %s map: %.*s", check->parameter, SLICE_ARGS(value));
    return CHECK_STAYS;
}

static enum check_verdict run_check(const struct check_hooks *hooks, struct check *check,
                                    struct table_list *tables, struct str *replaced)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error;

    if (!tables || table_list_is_empty(tables))
        return CHECK_STAYS;
    switch (table_list_get(tables, check->line, &value, NULL, &error)) {
    case TABLE_ABSENT:
        return CHECK_STAYS;
    case TABLE_FOUND:
        return obey(hooks, check, str_slice(&value), replaced);
    case TABLE_TROUBLE:
        break;
    }
    hooks->trouble(hooks->argument, check->parameter);
    return CHECK_STAYS;
}

enum check_verdict checks_header(const struct checks *checks, const struct check_hooks *hooks,
                                 enum mime_place place, bool mime, struct slice line,
                                 struct str *replaced)
{
    struct table_list *tables = checks->header;
    const char *name = "header_checks";
    char parameter[PARAMETER_SIZE];
    struct header header;

    if (mime && header_parse(line, &header) && header.flags & HEADER_MIME) {
        name = "mime_header_checks";
        tables = checks->mime_header;
    } else if (place == MIME_NESTED) {
        name = "nested_header_checks";
        tables = checks->nested_header;
    }
    snprintf(parameter, sizeof(parameter), "%s%s", checks->prefix, name);
    return run_check(hooks, &(struct check){ .class = "header", .parameter = parameter,
                                             .line = line }, tables, replaced);
}

enum check_verdict checks_body(const struct checks *checks, const struct check_hooks *hooks,
                               struct slice line, struct str *replaced)
{
    char parameter[PARAMETER_SIZE];

    if (line.length == 0)
        return CHECK_STAYS;
    snprintf(parameter, sizeof(parameter), "%sbody_checks", checks->prefix);
    return run_check(hooks, &(struct check){ .class = "body", .parameter = parameter,
                                             .line = line }, checks->body, replaced);
}

void checks_close(struct checks *checks)
{
    struct table_list *lists[] = { checks->header, checks->mime_header, checks->nested_header,
                                   checks->body };

    for (size_t i = 0; i < COUNT(lists); i++)
        if (lists[i])
            table_list_close(lists[i]);
}
