#include "user.h"

#include "address/address.h"
#include "base/scope.h"
#include "forward_file.h"
#include "log/log.h"
#include "mailboxes.h"
#include "pass.h"

#include <errno.h>
#include <sys/stat.h>

static struct recipient_names names_of(const struct job *job, const char *address)
{
    return (struct recipient_names){
        .user = job->place.user, .extension = job->place.extension,
        .delimiter = job->place.delimiter, .local = job->place.local,
        .recipient = slice_of(address),
    };
}

static void deliver_to_luser(struct job *job, const char *address, const struct origin *origin)
{
    AUTO_STR struct str relay = STR_EMPTY;
    struct origin within = {
        .parent = origin, .class = "luser", .sender = origin->sender, .depth = origin->depth + 1,
    };
    struct recipient_names names = names_of(job, address);
    struct error error = ERROR_NONE;

    if (!names_put(slice_of(job->agent->config->luser_relay), &names, NULL, &relay, &error)) {
        log_warn("luser_relay: %s", error.text);
        job_fail(job, address, "4.3.5", "mail system configuration error");
        return;
    }

    struct slice list = slice_trim(str_slice(&relay));

    for (const struct origin *up = origin; up; up = up->parent)
        if (up->class && strcmp(up->class, "luser") == 0)
            list.length = 0;
    if (list.length == 0) {
        job_fail(job, address, "5.1.1", "unknown user: \"%.*s\"", SLICE_ARGS(job->place.user));
        return;
    }

    struct target target = { .text = arena_text(job->arena, list) };

    /* One address as it stands there, without quotes. */
    if (*target.text != '|' && *target.text != '/' && *target.text != ':')
        expand_target(job, &target, address, &within);
    else
        job_fail(job, address, "4.3.5", "mail system configuration error");
}

static bool is_in_forward_of(const struct identity *identity, const struct origin *origin)
{
    for (; origin; origin = origin->parent)
        if (origin->class && strcmp(origin->class, "forward") == 0 && origin->owner
            && origin->owner->uid == identity->uid)
            return true;
    return false;
}

/* True when a .forward file took care of the mail. */
static bool try_forward(struct job *job, const char *address, const struct identity *identity,
                        const struct recipient_names *names, const struct origin *origin)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct origin within = {
        .parent = origin, .class = "forward", .owner = identity, .sender = origin->sender,
        .depth = origin->depth + 1,
    };

    if (origin->no_forward || is_in_forward_of(identity, origin)
        || !forward_file_find(job->agent->config->forward_path, job->agent->identities, identity,
                              names, job->agent->config->forward_expansion_filter, &text))
        return false;

    const struct target *first = targets_read_file(
        str_slice(&text), (size_t)job->agent->config->line_length_limit, job->arena);

    for (const struct target *target = first; target; target = target->next)
        expand_target(job, target, address, &within);
    return first;
}

/* True when a transport of mailbox_transport or fallback_transport has taken care of it. */
static bool try_transport(struct job *job, struct table_list *maps, const char *plain,
                          struct slice user, const char *address)
{
    AUTO_STR struct str destination = STR_EMPTY;

    if (!pass_find(job, maps, plain, user, address, &destination))
        return false;
    identity_return(job->agent->identities);
    if (destination.length > 0)
        pass_to_transport(job, address, str_slice(&destination));
    return true;
}

static bool try_mailbox_transport(struct job *job, struct slice user, const char *address)
{
    return try_transport(job, job->agent->mailbox_transports,
                         job->agent->config->mailbox_transport, user, address);
}

static void deliver_unknown(struct job *job, const char *address, const struct origin *origin)
{
    struct slice user = job->place.user;

    if (origin->depth > 0 && !job_first_time(job, "unknown", arena_text(job->arena, user), 0))
        return;
    if (try_mailbox_transport(job, user, address)
        || try_transport(job, job->agent->fallback_transports,
                         job->agent->config->fallback_transport, user, address))
        return;
    deliver_to_luser(job, address, origin);
}

/* False, and reported, when it should have a home and it is away (not mounted yet). */
static bool has_home(struct job *job, const char *address, const struct identity *identity)
{
    struct stat status;

    if (!job->agent->config->require_home_directory || stat(identity->home, &status) == 0)
        return true;
    job_fail(job, address, "4.3.0", "cannot access home directory %s: %s", identity->home,
             strerror(errno));
    return false;
}

static void deliver_to_account(struct job *job, const char *address,
                               const struct identity *found, const struct origin *origin)
{
    struct identity identity = *found;      /* what a nested find may replace */
    struct recipient_names names = names_of(job, address);
    const char *local = arena_text(job->arena, job->place.local);

    names.home = slice_of(identity.home);
    names.shell = slice_of(identity.shell);
    identity.name = arena_copy(job->arena, found->name);
    identity.home = arena_copy(job->arena, found->home);
    identity.shell = arena_copy(job->arena, found->shell);
    if (!has_home(job, address, &identity))
        return;
    if (try_forward(job, address, &identity, &names, origin))
        return;
    /* Without aliases there is nothing that could be a duplicate. */
    if ((origin->depth == 0 || job_first_time(job, "user", local, identity.uid))
        && !try_mailbox_transport(job, job->place.user, address))
        deliver_to_mailbox(job, address, &identity);
    identity_return(job->agent->identities);
}

/* Whether the user gets it as a new message: of a list's, and of another user's .forward. */
static bool is_indirect(const struct job *job, const struct origin *origin)
{
    return origin->submit
           || (origin->owner && !slice_is_nocase(job->place.user, origin->owner->name));
}

void deliver_to_user(struct job *job, const char *address, const struct origin *origin)
{
    const char *name = arena_text(job->arena, job->place.user);
    const struct identity *found = NULL;
    struct error error = ERROR_NONE;

    if (is_indirect(job, origin)) {
        expand_forward(job, address, job->place.led_here, origin);
        return;
    }
    switch (identities_find(job->agent->identities, name, &found, &error)) {
    case IDENTITY_FOUND:
        deliver_to_account(job, address, found, origin);
        return;
    case IDENTITY_ABSENT:
        deliver_unknown(job, address, origin);
        return;
    case IDENTITY_TROUBLE:
        job_fail(job, address, "4.3.0", "%s", error.text);
    }
}
