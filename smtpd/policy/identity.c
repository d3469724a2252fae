/*
 * Restrictions on a client's login or certificate.  No client has either here: without SASL they
 * are ignored, as Postfix does, and where main.cf wants SASL they keep the door shut.
 */
#include "check.h"

#include "base/scope.h"
#include "log/log.h"

/* A setting of a part that is not there, so that it has no member of its own to read. */
static bool is_switched_on(const struct config *config, const char *name)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;

    return config_lookup(config, name, &text, &error) && slice_is_nocase(str_slice(&text), "yes");
}

static struct verdict without_login(struct evaluation *evaluation, const char *name)
{
    if (is_switched_on(evaluation->policy->server->config, "smtpd_sasl_auth_enable")) {
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
    const struct config *config = evaluation->policy->server->config;

    if (!is_switched_on(config, "smtpd_tls_ask_ccert")
        && !is_switched_on(config, "smtpd_tls_req_ccert"))
        log_warn("%s is requested, but \"smtpd_tls_ask_ccert = no\"", check->kind->name);
    return verdict_next();
}
