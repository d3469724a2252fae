/*
 * The tables that main.cf names: there, and not older than what they are made from.
 */
#include "command.h"

#include "base/scope.h"
#include "config/main_cf.h"
#include "log/log.h"
#include "table/braces.h"
#include "table/inspect.h"

/* Lists in which each member is a table; elsewhere a word with a colon may be something else. */
static bool holds_only_tables(struct slice name)
{
    return slice_ends(name, "_maps") || slice_ends(name, "_checks")
        || slice_is(name, "alias_database");
}

/* What a program makes for itself, when it first needs it. */
static bool is_cache(struct slice name)
{
    return slice_is(name, "address_verify_map") || slice_is(name, "postscreen_cache_map")
        || slice_ends(name, "_tls_session_cache_database")
        || slice_ends(name, "_sasl_auth_cache_name");
}

static bool is_table(struct slice name, struct slice word)
{
    size_t colon = slice_find(word, ':');

    if (colon == word.length || colon == 0 || slice_starts(word, "/"))
        return false;
    for (size_t i = 0; i < colon; i++)
        if (!byte_is_alpha(word.data[i]))
            return false;
    /* inet:, unix: and the like are no tables; a path is what a file of a table has. */
    return holds_only_tables(name) || slice_starts(slice_from(word, colon), ":/");
}

static void check_entry(const struct command_context *context, const char *path,
                        const struct main_cf_entry *entry)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct slice name = slice_of(entry->name), rest, word;
    struct error error;

    if (is_cache(name) || !config_expand(context->config, slice_of(entry->value), &value, &error))
        return;     /* said where the value is read */
    rest = str_slice(&value);
    while (braces_next(&rest, &word))
        if (is_table(name, word) && !slice_starts(word, "inet:") && !slice_starts(word, "unix:")
            && !table_inspect(word, &error))
            log_warn("%s, line %d: %s: %s", path, entry->line, entry->name, error.text);
}

void tables_check(const struct command_context *context)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct main_cf *main_cf;
    struct error error;

    str_format(&path, "%s/main.cf", context->directory);
    if (!main_cf_read(context->directory, 0, NULL, NULL, &main_cf, &error))
        return;     /* it was read before: gone a moment ago */
    for (size_t i = 0; i < main_cf_count(main_cf); i++)
        check_entry(context, path.data, main_cf_at(main_cf, i));
    main_cf_free(main_cf);
}
