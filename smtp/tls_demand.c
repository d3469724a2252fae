#include "tls_demand.h"

#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"

#include <strings.h>

static bool allows_clear(struct slice level)
{
    return !level.length || slice_is_nocase(level, "none") || slice_is_nocase(level, "may");
}

/* These are named as not served, so they have no member of their own to read. */
static struct table_list *open_list(const struct config *config, bool lmtp, const char *name,
                                    const struct table_context *context, struct error *error)
{
    AUTO_STR struct str title = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;

    str_format(&title, "%s_%s", lmtp ? "lmtp" : "smtp", name);
    if (!config_lookup(config, title.data, &value, error))
        return NULL;
    return table_list_open(context, title.data, value.data, TABLE_FOLD, error);
}

bool tls_demand_open(struct tls_demand *demand, const struct config *config, bool lmtp,
                     const struct table_context *context, struct error *error)
{
    demand->policies = open_list(config, lmtp, "tls_policy_maps", context, error);
    if (!demand->policies)
        return false;
    demand->sites = open_list(config, lmtp, "tls_per_site", context, error);
    if (!demand->sites)
        return false;
    demand->demanded = config->smtp_tls_wrappermode
        || (*config->smtp_tls_security_level
                ? !allows_clear(slice_of(config->smtp_tls_security_level))
                : config->smtp_enforce_tls);
    return true;
}

/* What a list says of a key; trouble counts as the strictest answer. */
static bool find(struct table_list *list, struct slice key, struct str *value)
{
    struct error error;

    str_clear(value);
    switch (table_list_get(list, key, value, NULL, &error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_ABSENT:
        return false;
    default:
        log_warn("TLS policy of %.*s: %s", SLICE_ARGS(key), error.text);
        str_set(value, SLICE_LITERAL("must encrypt"));
        return true;
    }
}

/* The next hop as it is written; for a domain also ".parent". */
static bool find_policy(struct table_list *list, const struct destination *destination,
                        struct str *value)
{
    struct slice name = slice_of(destination->text);

    if (find(list, name, value))
        return true;
    if (destination->exact || *destination->service)
        return false;
    while (name.length) {
        size_t dot = 1 + slice_find(slice_from(name, 1), '.');

        name = slice_from(name, dot);
        if (name.length && find(list, name, value))
            return true;
    }
    return false;
}

/* The next hop and the server may both be listed: what demands more counts. */
static bool site_demands(const struct tls_demand *demand,
                         const struct destination *destination, const char *server)
{
    const char *const names[] = { destination->host, server };
    bool demanded = demand->demanded;

    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_STR struct str value = STR_EMPTY;

        if (!find(demand->sites, slice_of(names[i]), &value))
            continue;
        if (slice_starts_nocase(str_slice(&value), "MUST"))
            return true;
        if (slice_is_nocase(slice_trim(str_slice(&value)), "NONE"))
            demanded = false;
    }
    return demanded;
}

bool tls_demand_holds(const struct tls_demand *demand,
                            const struct destination *destination, const char *server)
{
    AUTO_STR struct str value = STR_EMPTY;

    if (!table_list_is_empty(demand->policies)) {
        if (!find_policy(demand->policies, destination, &value))
            return demand->demanded;

        struct slice rest = str_slice(&value), level;

        return !slice_take_token(&rest, " \t,", &level) || !allows_clear(level);
    }
    return table_list_is_empty(demand->sites) ? demand->demanded
                                                  : site_demands(demand, destination, server);
}
