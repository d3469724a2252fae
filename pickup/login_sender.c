#include "login_sender.h"

#include "address/address.h"
#include "base/scope.h"
#include "table/table.h"

#include <pwd.h>
#include <unistd.h>

/* As root or the like: "*" and "@domain", or the address itself, without its extension. */
static bool pattern_fits(const struct config *config, struct slice pattern, struct slice sender)
{
    struct address_parts parts = address_split(sender);
    size_t at = slice_find_last(sender, '@');

    if (slice_is(pattern, "*"))
        return true;
    if (!sender.length)
        return slice_is_nocase(pattern, config->empty_address_local_login_sender_maps_lookup_key);
    if (slice_starts(pattern, "@"))
        return at < sender.length && slice_equal_nocase(slice_from(pattern, 1), parts.domain);

    AUTO_STR struct str plain = STR_EMPTY;
    struct slice user = parts.local, extension;

    (void)address_split_extension(parts.local, config->recipient_delimiter, &user, &extension,
                                  NULL);
    str_add(&plain, user);
    str_add(&plain, slice_from(sender, parts.local.length));
    return slice_equal_nocase(pattern, str_slice(&plain));
}

static void name_login(struct str *name)
{
    const struct passwd *user = getpwuid(getuid());

    if (user)
        str_text(name, user->pw_name);
    else
        str_format(name, "uid:%ld", (long)getuid());
}

static enum login_verdict judge(const struct config *config, struct table_list *list,
                                struct slice sender, struct error *error)
{
    AUTO_STR struct str name = STR_EMPTY, patterns = STR_EMPTY;
    struct error reason = ERROR_NONE;
    struct slice rest, pattern;

    name_login(&name);
    switch (table_list_get(list, str_slice(&name), &patterns, NULL, &reason)) {
    case TABLE_TROUBLE:
        error_set(error, "local_login_sender_maps table lookup error: %s", reason.text);
        return LOGIN_TROUBLE;
    case TABLE_FOUND:
        for (rest = str_slice(&patterns); slice_take_token(&rest, ", \t\r\n", &pattern);)
            if (pattern_fits(config, pattern, sender))
                return LOGIN_MAY;
        break;
    case TABLE_ABSENT:
        break;
    }
    error_set(error, "not authorized to use sender='%.*s'", SLICE_ARGS(sender));
    return LOGIN_MAY_NOT;
}

enum login_verdict login_may_send(const struct config *config, struct slice sender,
                                  struct error *error)
{
    const struct table_context tables = table_context_of(config, ".");

    if (strcmp(config->local_login_sender_maps, "static:*") == 0)
        return LOGIN_MAY;

    struct table_list *list = table_list_open(&tables, "local_login_sender_maps",
                                              config->local_login_sender_maps, TABLE_FOLD, error);

    if (!list)
        return LOGIN_TROUBLE;

    enum login_verdict verdict = judge(config, list, sender, error);

    table_list_close(list);
    return verdict;
}
