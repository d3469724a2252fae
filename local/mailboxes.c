#include "mailboxes.h"

#include "base/scope.h"
#include "biff.h"
#include "command.h"
#include "delivery.h"
#include "log/log.h"
#include "pass.h"

#include <errno.h>
#include <sys/stat.h>

/* --- Files. -------------------------------------------------------------------------- */

static bool is_folder_name(const char *path)
{
    return slice_ends(slice_of(path), "/");
}

static bool put(struct job *job, const struct mailbox_file *file,
                struct mailbox_trouble *trouble)
{
    AUTO_STR struct str headers = STR_EMPTY;

    job_headers(job, "file", &headers);

    struct mailbox_message message = job_message(job, &headers);

    return is_folder_name(file->path)
               ? maildir_deliver(file->path, file->status, &message, &job->agent->mailbox, trouble)
               : mailbox_append(file, &message, &job->agent->mailbox, trouble);
}

static void fail_maildir(struct job *job, const char *member, const struct identity *identity,
                         const struct mailbox_trouble *trouble)
{
    const char *owner = job->place.owner;

    if (trouble->error.code == EACCES) {
        log_warn("maildir access problem for UID/GID=%lu/%lu: %s",
                 (unsigned long)identity->uid, (unsigned long)identity->gid,
                 trouble->error.text);
        log_warn("perhaps you need to create the maildirs in advance");
    }
    /* This one failure is told the sender of the message, whoever owns the list. */
    job->place.owner = NULL;
    job_fail(job, member, trouble->dsn, "maildir delivery failed: %s", trouble->error.text);
    job->place.owner = owner;
}

static bool become(struct job *job, const char *member, const struct identity *identity)
{
    struct error error = ERROR_NONE;

    if (identity_become(job->agent->identities, identity, &error))
        return true;
    log_warn("%s", error.text);
    job_fail(job, member, "4.3.0", "mail system configuration error");
    return false;
}

void deliver_to_file(struct job *job, const char *member, const char *path,
                     const struct identity *identity)
{
    struct mailbox_file file = { path, (uid_t)-1, true, "5.2.0" };
    struct mailbox_trouble trouble = { .dsn = "4.2.0" };

    if (job_is_probe(job)) {
        job_sent(job, member,
                 is_folder_name(path) ? "delivers to maildir"
                                      : arena_format(job->arena, "delivers to file: %s", path));
        return;
    }
    if (!become(job, member, identity))
        return;

    bool done = put(job, &file, &trouble);

    identity_return(job->agent->identities);
    if (done)
        job_sent(job, member,
                 is_folder_name(path) ? "delivered to maildir"
                                      : arena_format(job->arena, "delivered to file: %s", path));
    else if (is_folder_name(path))
        fail_maildir(job, member, identity, &trouble);
    else
        job_fail(job, member, trouble.dsn, "cannot append message to file %s: %s", path,
                 trouble.error.text);
}

/* --- The user's mailbox. -------------------------------------------------------------- */

/*
 * The identity that may make files in the spool folder: the user where everybody may, else
 * root with the folder's group.
 */
static struct identity spool_identity(const struct config *config,
                                      const struct identity *identity)
{
    struct identity keeper = *identity;
    struct stat status;

    if (stat(config->mail_spool_directory, &status) < 0 || (status.st_mode & S_IWOTH))
        return keeper;
    keeper.uid = 0;
    if (status.st_mode & S_IWGRP)
        keeper.gid = status.st_gid;
    return keeper;
}

static const char *mailbox_path(struct job *job, const struct identity *identity)
{
    const struct config *config = job->agent->config;
    const char *folder = config->mail_spool_directory;

    if (*config->home_mailbox)
        return arena_format(job->arena, "%s/%s", identity->home, config->home_mailbox);
    if (is_folder_name(folder))
        return arena_format(job->arena, "%s%s/", folder, identity->name);
    return arena_format(job->arena, "%s/%s", folder, identity->name);
}

static void deliver_to_box(struct job *job, const char *member, const struct identity *identity)
{
    const struct config *config = job->agent->config;
    const char *path = mailbox_path(job, identity);
    bool in_spool = !*config->home_mailbox && !is_folder_name(path);
    struct identity actor = in_spool ? spool_identity(config, identity) : *identity;
    struct mailbox_file file = {
        .path = path, .status = "5.2.0",
        .owner = config->strict_mailbox_ownership || actor.uid != identity->uid ? identity->uid
                                                                                : (uid_t)-1,
    };
    struct mailbox_trouble trouble = { .dsn = "4.2.0" };

    if (job_is_probe(job)) {
        job_sent(job, member,
                 is_folder_name(path) ? "delivers to maildir" : "delivers to mailbox");
        return;
    }
    if (!become(job, member, &actor))
        return;

    bool done = put(job, &file, &trouble);

    identity_return(job->agent->identities);
    if (done && config->biff && !is_folder_name(path))
        biff_tell(identity->name, trouble.offset);
    if (trouble.not_owned)
        log_warn("specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch");
    if (done)
        job_sent(job, member,
                 is_folder_name(path) ? "delivered to maildir" : "delivered to mailbox");
    else if (is_folder_name(path))
        fail_maildir(job, member, identity, &trouble);
    else
        job_fail(job, member, trouble.dsn, "cannot update mailbox %s for user %s. %s", path,
                 identity->name, trouble.error.text);
}

/* --- Commands. ------------------------------------------------------------------------- */

static void run_command(struct job *job, struct command_request *request)
{
    AUTO_STR struct str headers = STR_EMPTY;
    struct program_result result;

    identity_return(job->agent->identities);
    if (job_is_probe(job)) {
        job_sent(job, request->member,
                 arena_format(job->arena, "delivers to command: %s", request->command));
        return;
    }
    job_headers(job, "command", &headers);

    struct mailbox_message message = job_message(job, &headers);

    request->message = &message;
    request->job = job;
    request->extension = job->place.extension;
    request->delimiter = job->place.delimiter;

    bool ran = command_run(request, &result);

    request->message = NULL;
    if (ran) {
        job_sent(job, request->member,
                 arena_format(job->arena, "delivered to command: %s", request->command));
        return;
    }

    struct outcome outcome = delivery_outcome_of_program("local", &result);

    job_report(job, request->member, &outcome);
}

void deliver_to_command(struct job *job, const char *member, const char *command,
                        const struct identity *identity, bool has_account)
{
    struct command_request request = {
        .command = command, .identity = identity, .member = member, .user = job->place.user,
        .has_account = has_account,
    };

    run_command(job, &request);
}

void deliver_to_mailbox(struct job *job, const char *member, const struct identity *identity)
{
    const struct agent *agent = job->agent;
    AUTO_STR struct str command = STR_EMPTY;

    if (!pass_find(job, agent->mailbox_commands, agent->config->mailbox_command,
                   slice_of(identity->name), member, &command)) {
        deliver_to_box(job, member, identity);
        return;
    }
    if (command.length == 0
        || !job_first_time(job, "command", command.data, identity->uid))
        return;

    struct command_request request = {
        .command = command.data, .identity = identity, .member = member,
        .user = slice_of(identity->name), .has_account = true,
    };

    run_command(job, &request);
}
