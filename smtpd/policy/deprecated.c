/*
 * Restrictions that Postfix 3.7 still has, with a word to whom it should not be.
 */
#include "check.h"

#include "address/address.h"
#include "log/log.h"

struct verdict check_naked_address(struct evaluation *evaluation, const struct check *check)
{
    const char *helo = evaluation->facts->helo;

    log_warn("restriction %s is deprecated. Use permit_mynetworks or permit_sasl_authenticated "
             "instead", check->kind->name);
    if (helo[strspn(helo, "0123456789.:")])
        return verdict_next();
    if (address_is_ip(slice_of(helo), NULL) && !strchr(helo, ':'))
        return verdict_permit();
    return verdict_reject(evaluation, subject_helo(evaluation),
                          evaluation->policy->server->config->invalid_hostname_reject_code, "5.5.2",
                          "invalid ip address");
}

/* The client may send anywhere when its name is in relay_domains; anybody may send to us. */
struct verdict check_relay_domains(struct evaluation *evaluation, const struct check *check)
{
    struct error error = ERROR_NONE;
    enum match_result listed = match_list_get(evaluation->policy->relay_clients,
                                              slice_of(evaluation->facts->name), &error);

    log_warn("support for restriction \"%s\" will be removed from Postfix; use "
             "\"reject_unauth_destination\" instead", check->kind->name);
    if (listed == MATCH_TROUBLE)
        return verdict_table_trouble(evaluation, evaluation->facts->name, error.text);
    if (listed == MATCH_YES)
        return verdict_permit();

    struct verdict verdict = check_auth_destination(evaluation, check);

    return verdict.result == VERDICT_NEXT
               ? verdict_reject(evaluation, subject_recipient(evaluation),
                                evaluation->policy->server->config->relay_domains_reject_code,
                                "5.7.1", "Relay access denied")
               : verdict;
}
