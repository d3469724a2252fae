/*
 * reject_unverified_sender and reject_unverified_recipient: addresses that a probe could not
 * deliver to (ADDRESS_VERIFICATION_README).
 */
#include "check.h"

#include "address/rewrite.h"
#include "base/scope.h"
#include "log/log.h"

/* What sender and recipient have of their own. */
struct verified {
    const char *address;
    struct subject subject;
    const char *status;         /* enhanced */
    int reject_code, defer_code;
    const char *reason;         /* "" : the probe's */
    const char *tempfail_action;
};

/* A code of 2xx lets in who could not be verified, one of 4xx only puts off. */
static struct verdict refuse(struct evaluation *evaluation, const struct verified *verified,
                             int code, const char *text)
{
    if (code / 100 == 2)
        return verdict_next();

    struct verdict verdict = verdict_reject(
        evaluation, verified->subject, code, verified->status, "%s address: %.250s",
        code / 100 == 5 ? "undeliverable" : "unverified",
        *verified->reason ? verified->reason : text);

    return code / 100 == 5 || !strcasecmp(verified->tempfail_action, "defer")
               ? verdict : verdict_defer_if_permit(evaluation, verdict);
}

static struct verdict check_verified(struct evaluation *evaluation,
                                     const struct verified *verified)
{
    const struct server *server = evaluation->policy->server;
    const struct config *config = server->config;
    int64_t wait = (int64_t)config->address_verify_poll_delay * 1000 *
                   (config->address_verify_poll_count - 1);
    AUTO_STR struct str rewritten = STR_EMPTY;
    struct verify_reply reply = { 0 };
    struct error error = ERROR_NONE;

    rewrite_address(&server->rewrite, REWRITE_LOCAL, slice_of(verified->address), &rewritten);
    if (!server->calls.verify ||
        !server->calls.verify(server->calls.argument, rewritten.data, wait, evaluation->arena,
                              &reply, &error)) {
        log_warn("verify service: %s", error.text);
        return refuse(evaluation, verified, verified->defer_code, "address verification problem");
    }
    switch ((enum verify_status)reply.status) {
    case VERIFY_DELIVERABLE:
        return verdict_next();
    case VERIFY_BOUNCED:
        return refuse(evaluation, verified, verified->reject_code, reply.text);
    case VERIFY_DEFERRED:
        return refuse(evaluation, verified, verified->defer_code, reply.text);
    default:
        return refuse(evaluation, verified, verified->defer_code,
                      "Address verification in progress");
    }
}

struct verdict check_unverified_sender(struct evaluation *evaluation,
                                       UNUSED const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    struct verified verified = {
        evaluation->facts->sender, subject_sender(evaluation), "4.1.7",
        config->unverified_sender_reject_code, config->unverified_sender_defer_code,
        config->unverified_sender_reject_reason, config->unverified_sender_tempfail_action,
    };

    return *verified.address ? check_verified(evaluation, &verified) : verdict_next();
}

struct verdict check_unverified_recipient(struct evaluation *evaluation,
                                          UNUSED const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    struct verified verified = {
        evaluation->facts->recipient, subject_recipient(evaluation), "4.1.1",
        config->unverified_recipient_reject_code, config->unverified_recipient_defer_code,
        config->unverified_recipient_reject_reason,
        config->unverified_recipient_tempfail_action,
    };

    return check_verified(evaluation, &verified);
}
