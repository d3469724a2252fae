/*
 * Restrictions on a client's login or certificate.  No client has either here: without SASL they
 * are ignored, as Postfix does, and where main.cf wants SASL they keep the door shut.
 */
#include "check.h"

#include "log/log.h"

static struct verdict without_login(struct evaluation *evaluation, const char *name)
{
    if (evaluation->policy->wants_logins) {
        log_warn("smtpd restriction \"%s\" is not served by this release", name);
        return verdict_bad_config();
    }
    log_warn("restriction `%s' ignored: no SASL support", name);
    return verdict_next();
}

struct verdict check_login(struct evaluation *evaluation, const struct check *check)
{
    return without_login(evaluation, check->kind->name);
}

/* It stands for these two. */
struct verdict check_login_of_sender(struct evaluation *evaluation,
                                     UNUSED const struct check *check)
{
    struct verdict verdict = without_login(evaluation,
                                           "reject_authenticated_sender_login_mismatch");

    return verdict.result == VERDICT_NEXT
               ? without_login(evaluation, "reject_unauthenticated_sender_login_mismatch")
               : verdict;
}

struct verdict check_certificate(struct evaluation *evaluation, const struct check *check)
{
    if (!evaluation->policy->asks_certificates)
        log_warn("%s is requested, but \"smtpd_tls_ask_ccert = no\"", check->kind->name);
    return verdict_next();
}
