/*
 * Running programs: in which order the lists speak, and who has the last word
 * (SMTPD_ACCESS_README, "Delayed evaluation").
 */
#include "check.h"

#include "base/scope.h"
#include "deliver/postmaster.h"
#include "log/log.h"

enum { DEPTH_LIMIT = 100 };

/* A rejection that only warns is logged and forgotten. */
static struct verdict only_warn(struct evaluation *evaluation, const struct verdict *verdict)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%d %s %s", verdict->code, verdict->status, verdict->text);
    facts_log(evaluation->facts, "reject_warning", str_slice(&text));
    return verdict_next();
}

static bool facts_are_there(const struct facts *facts, enum check_needs needs)
{
    switch (needs) {
    case NEEDS_HELO:
        return facts->helo != NULL;
    case NEEDS_SENDER:
        return facts->sender != NULL;
    case NEEDS_RECIPIENT:
        return facts->recipient != NULL;
    case NEEDS_ETRN:
        return facts->etrn_domain != NULL;
    default:
        return true;
    }
}

static struct verdict run_check(struct evaluation *evaluation, const struct check *check)
{
    if (check->program)
        return program_run(evaluation, check->program);
    if (!check->kind) {
        log_warn("unknown smtpd restriction: \"%s\"", check->name);
        return verdict_bad_config();
    }
    if (!facts_are_there(evaluation->facts, check->kind->needs))
        return verdict_next();

    struct verdict verdict = check->kind->run(evaluation, check);

    if (verdict.result == VERDICT_PERMIT && check->kind->permits)
        permit_log(evaluation, check->name, check->kind->permits(evaluation), NULL);
    return verdict;
}

static bool is_warning(const struct check *check)
{
    return !strcasecmp(check->name, "warn_if_reject");
}

struct verdict program_run(struct evaluation *evaluation, const struct program *program)
{
    if (++evaluation->depth > DEPTH_LIMIT) {
        log_warn("restriction classes are nested too deeply");
        return verdict_bad_config();
    }
    for (size_t i = 0; i < program->count; i++) {
        const struct check *check = &program->items[i];

        if (is_warning(check)) {
            evaluation->warn = true;
            continue;
        }

        struct verdict verdict = run_check(evaluation, check);
        bool server_error = verdict.blame & (NOTIFY_SOFTWARE | NOTIFY_DATA);

        if (verdict.result == VERDICT_REJECT && evaluation->warn && !server_error)
            verdict = only_warn(evaluation, &verdict);
        evaluation->warn = false;
        if (verdict.result == VERDICT_NEXT)
            continue;
        if (!verdict.evidence.check)
            verdict.evidence.check = check->name;
        evaluation->depth--;
        return verdict;
    }
    evaluation->depth--;
    return verdict_next();
}

/* A list as a whole: a refusal for good gives way to one that was only for now. */
static struct verdict run_list(struct evaluation *evaluation, enum list_id list)
{
    evaluation->list = list;
    evaluation->if_reject = verdict_next();

    struct verdict verdict = program_run(evaluation, &evaluation->policy->lists[list]);

    if (verdict.result == VERDICT_REJECT && verdict.code / 100 == 5 &&
        evaluation->if_reject.result == VERDICT_REJECT)
        verdict = evaluation->if_reject;
    verdict.evidence.list = list_parameters[list];
    return verdict;
}

static struct evaluation evaluation_of(struct policy *policy, const struct facts *facts,
                                       struct arena *arena, struct effects *effects)
{
    return (struct evaluation){
        .policy = policy, .facts = facts, .arena = arena, .effects = effects,
    };
}

/* When nobody refused it, what was deferred in case of a permit is. */
static struct verdict conclude(struct evaluation *evaluation, struct verdict verdict)
{
    if (verdict.result != VERDICT_REJECT && evaluation->if_permit.result == VERDICT_REJECT)
        return evaluation->if_permit;
    return verdict;
}

static struct verdict run_alone(struct policy *policy, const struct facts *facts,
                                struct arena *arena, struct effects *effects, enum list_id list)
{
    struct evaluation evaluation = evaluation_of(policy, facts, arena, effects);

    return conclude(&evaluation, run_list(&evaluation, list));
}

struct verdict policy_connect(struct policy *policy, const struct facts *facts,
                              struct arena *arena)
{
    if (!policy || policy->server->config->smtpd_delay_reject)
        return verdict_next();
    return run_alone(policy, facts, arena, NULL, LIST_CLIENT);
}

struct verdict policy_helo(struct policy *policy, const struct facts *facts, struct arena *arena)
{
    if (!policy || policy->server->config->smtpd_delay_reject)
        return verdict_next();
    return run_alone(policy, facts, arena, NULL, LIST_HELO);
}

struct verdict policy_sender(struct policy *policy, const struct facts *facts,
                             struct arena *arena, struct effects *effects)
{
    if (!policy || policy->server->config->smtpd_delay_reject)
        return verdict_next();

    struct evaluation evaluation = evaluation_of(policy, facts, arena, effects);
    struct verdict verdict = run_list(&evaluation, LIST_SENDER);

    if (verdict.result != VERDICT_REJECT && policy->server->config->smtpd_reject_unlisted_sender &&
        *facts->sender)
        verdict = recipient_check_listed(&evaluation, facts->sender, subject_sender(&evaluation),
                                         true);
    effects->if_permit = evaluation.if_permit;
    return verdict;
}

static bool recipients_are_checked(const struct policy *policy)
{
    return policy->server->config->smtpd_reject_unlisted_recipient &&
           policy->server->check_recipients;
}

/* What stands behind the list of senders. */
static struct verdict check_sender_listed(struct evaluation *evaluation)
{
    const char *sender = evaluation->facts->sender;

    if (!evaluation->policy->server->config->smtpd_reject_unlisted_sender || !*sender)
        return verdict_next();
    return recipient_check_listed(evaluation, sender, subject_sender(evaluation), true);
}

/* What stands behind the last list of a recipient, unless DISCARD took the mail. */
static struct verdict check_listed(struct evaluation *evaluation)
{
    struct verdict verdict = verdict_next();

    if (recipients_are_checked(evaluation->policy))
        verdict = recipient_check_listed(evaluation, evaluation->facts->recipient,
                                         subject_recipient(evaluation), false);
    if (verdict.result == VERDICT_REJECT && verdict.code / 100 == 5 &&
        evaluation->if_reject.result == VERDICT_REJECT)
        return evaluation->if_reject;
    return verdict;
}

static bool is_probe_sender(const struct config *config, const char *recipient)
{
    AUTO_STR struct str whole = STR_EMPTY;

    str_text(&whole, recipient);
    if (!strchr(recipient, '@'))
        str_format(&whole, "@%s", config->myorigin);
    return verify_sender_is(str_slice(&whole), config->address_verify_sender,
                            config->address_verify_sender_ttl, config->myorigin,
                            wall_now().tv_sec);
}

/* While smtpd_relay_restrictions have their old, empty default: say who would be refused. */
static void look_at_relaying(struct evaluation *evaluation)
{
    if (!evaluation->policy->server->safety.relay_list)
        return;

    struct evaluation trial = *evaluation;

    trial.quiet = true;
    if (program_run(&trial, &evaluation->policy->relay_default).result == VERDICT_NEXT)
        safety_relay(evaluation->facts);
}

struct verdict policy_recipient(struct policy *policy, const struct facts *facts,
                                struct arena *arena, struct effects *effects)
{
    static const enum list_id order[2][5] = {
        { LIST_CLIENT, LIST_HELO, LIST_SENDER, LIST_RECIPIENT, LIST_RELAY },
        { LIST_CLIENT, LIST_HELO, LIST_SENDER, LIST_RELAY, LIST_RECIPIENT },
    };

    if (!policy)
        return verdict_permit();

    const struct config *config = policy->server->config;
    struct evaluation evaluation = evaluation_of(policy, facts, arena, effects);
    const enum list_id *lists = order[config->smtpd_relay_before_recipient_restrictions];
    struct verdict verdict = verdict_next();

    if (effects)
        evaluation.if_permit = effects->if_permit;
    /*
     * Who cannot reach postmaster cannot ask for help (RFC 5321 4.5.1); and whoever probes our
     * probe's sender must get an answer.
     */
    if (slice_is_nocase(slice_of(facts->recipient), "postmaster") ||
        is_probe_sender(config, facts->recipient) ||
        (!config->smtpd_delay_reject && effects && effects->discard))
        return verdict_permit();
    for (size_t i = config->smtpd_delay_reject ? 0 : 3; i < 5; i++) {
        /* What has not been said is not judged: VRFY has no sender, a client may have no name. */
        if ((lists[i] == LIST_SENDER && !facts->sender) ||
            (lists[i] == LIST_HELO && !facts->helo))
            continue;
        verdict = run_list(&evaluation, lists[i]);
        if (lists[i] == LIST_RELAY && verdict.result != VERDICT_REJECT)
            look_at_relaying(&evaluation);
        if (verdict.result != VERDICT_REJECT && lists[i] == LIST_SENDER &&
            !(effects && effects->discard)) {
            struct verdict listed = check_sender_listed(&evaluation);

            verdict = listed.result == VERDICT_REJECT ? listed : verdict;
        }
        if (verdict.result == VERDICT_REJECT)
            return verdict;
        if (effects && effects->discard)
            return verdict_permit();
    }
    verdict = conclude(&evaluation, verdict);
    return verdict.result == VERDICT_REJECT ? verdict : check_listed(&evaluation);
}

struct verdict policy_data(struct policy *policy, const struct facts *facts, struct arena *arena,
                           struct effects *effects)
{
    return !policy || effects->discard ? verdict_permit()
                            : run_alone(policy, facts, arena, effects, LIST_DATA);
}

struct verdict policy_end_of_data(struct policy *policy, const struct facts *facts,
                                  struct arena *arena, struct effects *effects)
{
    return !policy || effects->discard ? verdict_permit()
                            : run_alone(policy, facts, arena, effects, LIST_END_OF_DATA);
}

struct verdict policy_etrn(struct policy *policy, const struct facts *facts, struct arena *arena)
{
    if (!policy)
        return verdict_permit();

    struct evaluation evaluation = evaluation_of(policy, facts, arena, NULL);
    struct verdict verdict = verdict_next();

    if (policy->server->config->smtpd_delay_reject) {
        verdict = run_list(&evaluation, LIST_CLIENT);
        if (verdict.result != VERDICT_REJECT && facts->helo)
            verdict = run_list(&evaluation, LIST_HELO);
    }
    if (verdict.result != VERDICT_REJECT)
        verdict = run_list(&evaluation, LIST_ETRN);
    return conclude(&evaluation, verdict);
}

bool policy_rewrites_locally(struct policy *policy, const struct facts *facts)
{
    if (!policy)
        return true;

    AUTO_ARENA struct arena *arena = arena_new();
    struct evaluation evaluation = evaluation_of(policy, facts, arena, NULL);

    evaluation.list = LIST_CLIENT;
    evaluation.quiet = true;
    return program_run(&evaluation, &policy->local_clients).result == VERDICT_PERMIT;
}
