#include "alias.h"

#include "address/address.h"
#include "base/scope.h"
#include "expand.h"
#include "log/log.h"
#include "table_owner.h"

#include <strings.h>

static enum table_result find_alias(struct job *job, struct slice key, struct str *value,
                                    const char **source)
{
    AUTO_STR struct str folded = STR_EMPTY;
    struct error error = ERROR_NONE;

    address_fold(&folded, key);

    enum table_result result = table_list_get(job->agent->aliases, str_slice(&folded), value,
                                              source, &error);

    if (result == TABLE_TROUBLE)
        log_warn("%s: %s", job->request->envelope.queue_id, error.text);
    /* An alias of nothing is none. */
    if (result == TABLE_FOUND && slice_trim(str_slice(value)).length == 0)
        return TABLE_ABSENT;
    return result;
}

/* Who owns the list is the sender of what it leads to; failures of its own are told as written. */
static void set_owner(struct job *job, struct slice name, struct origin *within)
{
    AUTO_STR struct str owner = STR_EMPTY, value = STR_EMPTY;
    bool none = !job->agent->config->owner_request_special
                || slice_starts_nocase(name, "owner-") || slice_ends_nocase(name, "-request");

    job->place.owner = NULL;
    str_format(&owner, "owner-%.*s", SLICE_ARGS(name));
    if (none || find_alias(job, str_slice(&owner), &value, NULL) != TABLE_FOUND)
        return;
    job->place.owner = job_rewrite(job, job->agent->config->expand_owner_alias
                                        ? arena_text(job->arena, slice_trim(str_slice(&value)))
                                        : owner.data);
    within->sender = job_fold(job, slice_of(job->place.owner));
    within->submit = true;
}

static bool is_being_expanded(const char *alias, const struct origin *origin)
{
    for (; origin; origin = origin->parent)
        if (origin->alias && strcasecmp(origin->alias, alias) == 0)
            return true;
    return false;
}

/* The first alias ends what the sender wished to know of success. */
static void tell_expanded(struct job *job, const char *address, const char *owner)
{
    struct recipient shown = *job->recipient;

    shown.address = address;
    if (!*shown.original)
        shown.original = job->recipient->address;
    reporter_expanded(job->agent->reporter, job->request, &shown, owner);
    job->expanded = true;
}

/* The alias, folded, as name stands in the address. */
static void expand_alias(struct job *job, const char *alias, struct slice name,
                         const char *source, struct slice list, const char *address,
                         const struct origin *origin)
{
    struct origin within = {
        .parent = origin, .alias = alias, .class = "alias",
        .depth = origin->depth + 1,
        .list_owner = table_owner(slice_of(source)),
    };

    if (!job_first_time(job, "alias", alias, 0))
        return;

    /* Without an owner of its own its users get the mail as users of the list above, or not. */
    within.sender = origin->sender;
    within.submit = origin->submit && !job->agent->config->reset_owner_alias;
    set_owner(job, name, &within);
    if (!job->expanded)
        tell_expanded(job, address, job->place.owner);
    job->place.sender = within.sender;

    const struct target *target = targets_read(list, job->arena);

    for (; target; target = target->next)
        expand_target(job, target, address, &within);
}

bool alias_expand(struct job *job, struct slice name, const char *address,
                  const struct origin *origin)
{
    AUTO_STR struct str value = STR_EMPTY;
    const char *alias = job_fold(job, name), *source = "";
    enum table_result result;

    if (origin->alias && strcasecmp(origin->alias, alias) == 0)
        return false;       /* "john: john, archive": the inner one is the user */
    result = find_alias(job, name, &value, &source);
    if (result == TABLE_ABSENT)
        return false;
    if (result == TABLE_TROUBLE)
        job_fail(job, address, "4.3.0", "alias database unavailable");
    else if (is_being_expanded(alias, origin)) {
        const char *last = origin->alias ? origin->alias : alias;

        log_warn("alias database loop for %s", last);
        job_fail(job, job_rewrite(job, last), "5.4.6", "alias database loop for %s", last);
    } else {
        expand_alias(job, alias, name, source, str_slice(&value), address, origin);
    }
    return true;
}
