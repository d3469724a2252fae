#include "expand.h"

#include "address/address.h"
#include "alias.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "mailboxes.h"
#include "text_file.h"
#include "user.h"

#include <errno.h>

enum { DEPTH_LIMIT = 100 };

/* --- Where an address belongs. ---------------------------------------------------- */

enum belonging { BELONGS_HERE, BELONGS_ELSEWHERE, BELONGS_NOWHERE, BELONGS_UNKNOWN };

/* Whether this service is the one for the address. */
static enum belonging find_belonging(struct job *job, const char *address)
{
    struct resolution resolution = RESOLUTION_EMPTY;
    struct error error = ERROR_NONE;
    enum belonging found = BELONGS_ELSEWHERE;

    if (!resolver_resolve(job->agent->resolver, slice_of(job->request->envelope.sender),
                          slice_of(address), &resolution, &error)) {
        log_warn("%s: %s", job->request->envelope.queue_id, error.text);
        found = BELONGS_UNKNOWN;
    } else if (resolution.flags & RESOLVE_BAD) {
        found = BELONGS_NOWHERE;
    } else if (slice_is(str_slice(&resolution.transport), job->agent->service_name)) {
        found = BELONGS_HERE;
    }
    resolution_free(&resolution);
    return found;
}

void expand_forward(struct job *job, const char *address, const char *delivered,
                    const struct origin *origin)
{
    struct vector_of_members *members = job->forwarded;

    if (!job_first_time(job, "forward", address, 0))
        return;
    if (members->count == members->capacity) {
        size_t capacity = members->capacity ? members->capacity * 2 : 8;
        struct member *items = arena_take(job->arena, capacity * sizeof(*items));

        if (members->count > 0)
            memcpy(items, members->items, members->count * sizeof(*items));
        members->items = items;
        members->capacity = capacity;
    }
    members->items[members->count++] = (struct member){
        address, origin->sender, delivered,
    };
}

/* --- Targets. ----------------------------------------------------------------------- */

/*
 * Whose rights a file or command gets: the user's in whose .forward it stands, else those of the
 * owner of the list, or of default_privs where that is root.  NULL when there is no such account.
 */
static const struct identity *rights_of(struct job *job, const struct origin *origin)
{
    const char *default_privs = job->agent->config->default_privs;
    struct identities *identities = job->agent->identities;
    const struct identity *identity = origin->owner;
    uid_t uid = origin->list_owner;
    struct error error = ERROR_NONE;

    if (identity)
        return identity;
    if (uid == 0 && identities_find(identities, default_privs, &identity, &error)
                        == IDENTITY_FOUND)
        return identity;
    if (uid != 0 && identities_find_uid(identities, uid, &identity, &error) == IDENTITY_FOUND)
        return identity;
    if (uid == 0)
        log_warn("default_privs: unknown user %s", default_privs);
    else
        log_warn("cannot find the account of uid %lu, who owns the list of %s",
                 (unsigned long)uid, origin->alias);
    return NULL;
}

static void deliver_outside(struct job *job, const struct target *target, const char *member,
                            const struct origin *origin)
{
    const struct config *config = job->agent->config;
    bool file = target->kind == TARGET_FILE;
    const char *list = file ? config->allow_mail_to_files : config->allow_mail_to_commands;

    if (!slice_list_has(slice_of(list), origin->class)) {
        if (job_first_time(job, "restricted", target->text, 0))
            job_fail(job, member, "5.7.1", "mail to %s is restricted",
                     file ? "file" : "command");
        return;
    }

    const struct identity *identity = rights_of(job, origin);

    if (!identity) {
        job_fail(job, member, "4.3.5", "mail system configuration error");
        return;
    }
    if (!job_first_time(job, file ? "file" : "command", target->text, identity->uid))
        return;
    if (file)
        deliver_to_file(job, member, target->text, identity);
    else
        deliver_to_command(job, member, target->text, identity,
                           origin->owner || origin->list_owner != 0);
}

/* A list may be read by those who name it. */
static bool read_as_owner(struct job *job, const char *path, const struct origin *origin,
                          struct str *text, struct stat *status, struct error *error)
{
    struct identities *identities = job->agent->identities;
    const struct identity *reader = origin->owner;

    if (!reader && origin->list_owner != 0
        && identities_find_uid(identities, origin->list_owner, &reader, error) != IDENTITY_FOUND)
        return error_set(error, "cannot find the account of uid %lu",
                         (unsigned long)origin->list_owner);
    if (reader && !identity_become(identities, reader, error))
        return false;

    bool good = text_file_read(path, text, status, error);

    identity_return(identities);
    return good;
}

/* What a list is good for, "" for all; the rest is said here. */
static const char *check_include(struct job *job, const char *path, const struct origin *origin,
                                 struct str *text, struct stat *status)
{
    const struct identity *identity = NULL;
    struct error error = ERROR_NONE;

    if (*path != '/')
        log_warn(":include:%s uses a relative path", path);
    else if (!read_as_owner(job, path, origin, text, status, &error))
        log_warn(error.code == EINVAL ? ":include: file %s is %s"
                                      : "unable to lookup :include: file %s: %s",
                 path, error.text);
    else if (status->st_mode & S_IWOTH)
        log_warn(":include: file %s is world writable", path);
    else if (origin->owner || origin->list_owner != 0 || status->st_uid == 0
             || identities_find_uid(job->agent->identities, status->st_uid, &identity, &error)
                    == IDENTITY_FOUND)
        return "";
    else {
        log_warn("%s: cannot find :include: file owner username", path);
        return "4.3.5";
    }
    return "5.3.5";
}

static void include(struct job *job, const char *path, const char *member,
                    const struct origin *origin)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct origin within = *origin;
    struct stat status = { .st_mode = 0 };
    const char *wrong = check_include(job, path, origin, &text, &status);

    if (*wrong) {
        const char *owner = job->place.owner;

        /* As with a Maildir the sender of the message is told. */
        job->place.owner = NULL;
        job_fail(job, member, wrong, "mail system configuration error");
        job->place.owner = owner;
        return;
    }
    within.parent = origin;
    within.class = "include";
    within.submit = true;       /* as the list is somebody's, who may be not the alias's owner */
    within.depth++;
    if (within.list_owner == 0)
        within.list_owner = status.st_uid;

    const struct target *target = targets_read_file(
        str_slice(&text), (size_t)job->agent->config->line_length_limit, job->arena);

    for (; target; target = target->next)
        expand_target(job, target, member, &within);
}

static void expand_address(struct job *job, const struct target *target, const char *member,
                           const struct origin *origin)
{
    const char *address = job_rewrite(job, target->text);
    struct origin within = *origin;

    within.no_alias = within.no_forward = target->escaped;
    switch (target->escaped ? BELONGS_HERE : find_belonging(job, address)) {
    case BELONGS_HERE:
        expand_local(job, address, &within);
        return;
    case BELONGS_ELSEWHERE:
        expand_forward(job, address, job->place.delivered, origin);
        return;
    case BELONGS_NOWHERE:
        job_fail(job, member, "5.1.3", "bad recipient address syntax: %s", address);
        return;
    case BELONGS_UNKNOWN:
        job_fail(job, member, "4.3.0", "address resolver failure");
    }
}

void expand_target(struct job *job, const struct target *target, const char *member,
                   const struct origin *origin)
{
    if (origin->depth > DEPTH_LIMIT) {
        log_warn("possible alias database loop for %s", member);
        job_fail(job, member, "5.4.6", "possible alias database loop for %s", member);
        return;
    }
    switch (target->kind) {
    case TARGET_ADDRESS:
        expand_address(job, target, member, origin);
        return;
    case TARGET_INCLUDE:
        include(job, target->text, member, origin);
        return;
    case TARGET_FILE:
    case TARGET_COMMAND:
        deliver_outside(job, target, member, origin);
        return;
    }
}

/* --- Addresses. ------------------------------------------------------------------------- */

static void expand_place(struct job *job, const char *address, const struct origin *origin)
{
    struct slice local = address_split(slice_of(address)).local, user, extension;
    bool has_extension = address_split_extension(local, job->agent->config->recipient_delimiter,
                                                 &user, &extension, NULL);

    if (!origin->no_alias
        && (alias_expand(job, local, address, origin)
            || (has_extension && extension.length > 0
                && alias_expand(job, user, address, origin))))
        return;
    deliver_to_user(job, address, origin);
}

/* Commands and names are told of the address that led to them last. */
void expand_local(struct job *job, const char *address, const struct origin *origin)
{
    const struct config *config = job->agent->config;
    struct place outer = job->place;
    struct slice tail = { "", 0 };
    struct place place = {
        .delivered = outer.delivered && config->frozen_delivered_to ? outer.delivered : address,
        .led_here = outer.delivered,
        .local = slice_of(job_fold(job, address_split(slice_of(address)).local)),
        .extension = { "", 0 }, .owner = outer.owner, .sender = outer.sender,
    };

    place.user = place.local;
    (void)address_split_extension(place.local, config->recipient_delimiter, &place.user,
                                  &place.extension, &tail);
    place.delimiter = slice_part(tail, 0, 1);
    job->place = place;
    expand_place(job, address, origin);
    job->place = outer;
}
