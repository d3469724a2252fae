/*
 * The restrictions by their names, and those that need no file of their own.
 */
#include "check.h"

#include "address/interfaces.h"
#include "log/log.h"
#include "rbl.h"
#include "service.h"

static struct verdict check_permit(UNUSED struct evaluation *evaluation,
                                   UNUSED const struct check *check)
{
    return verdict_permit();
}

/* Nobody has logged in: AUTH is not served. */
static struct verdict check_never(UNUSED struct evaluation *evaluation,
                                  UNUSED const struct check *check)
{
    return verdict_next();
}

static struct verdict check_reject(struct evaluation *evaluation, UNUSED const struct check *check)
{
    return verdict_reject(evaluation, subject_list(evaluation),
                          evaluation->policy->server->config->reject_code, "5.7.1",
                          "Access denied");
}

static struct verdict check_defer(struct evaluation *evaluation, UNUSED const struct check *check)
{
    return verdict_reject(evaluation, subject_list(evaluation),
                          evaluation->policy->server->config->defer_code, "4.3.2",
                          "Try again later");
}

static struct verdict check_defer_if_permit(struct evaluation *evaluation,
                                            UNUSED const struct check *check)
{
    return verdict_defer_if_permit(evaluation,
                                   verdict_reject(evaluation, subject_list(evaluation), 450,
                                                  "4.7.0", "defer_if_permit requested"));
}

static struct verdict check_defer_if_reject(struct evaluation *evaluation,
                                            UNUSED const struct check *check)
{
    return verdict_defer_if_reject(evaluation,
                                   verdict_reject(evaluation, subject_list(evaluation), 450,
                                                  "4.7.0", "defer_if_reject requested"));
}

static struct verdict check_sleep(struct evaluation *evaluation, const struct check *check)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    uint64_t seconds;

    if (!slice_number(slice_of(check->argument), 3600, &seconds)) {
        log_warn("restriction sleep: bad number of seconds: %s", check->argument);
        return verdict_bad_config();
    }
    calls->pause(calls->argument, (int)seconds);
    return verdict_next();
}

static struct verdict check_mynetworks(struct evaluation *evaluation,
                                       UNUSED const struct check *check)
{
    struct error error = ERROR_NONE;
    const struct facts *facts = evaluation->facts;

    switch (match_list_client(evaluation->policy->server->mynetworks, slice_of(facts->name),
                              slice_of(facts->address), &error)) {
    case MATCH_YES:
        safety_network(evaluation->policy->server, facts);
        return verdict_permit();
    case MATCH_NO:
        return verdict_next();
    default:
        return verdict_table_trouble(evaluation, subject_list(evaluation).name, error.text);
    }
}

static struct verdict check_interfaces(struct evaluation *evaluation,
                                       UNUSED const struct check *check)
{
    const struct interfaces *own = lookup_interfaces(evaluation->policy->server->lookup);

    return interfaces_have(own, evaluation->facts->peer) ? verdict_permit() : verdict_next();
}

static struct verdict check_pipelining(struct evaluation *evaluation,
                                       UNUSED const struct check *check)
{
    if (!evaluation->facts->improper_pipelining)
        return verdict_next();
    return verdict_reject(evaluation, subject_list(evaluation), 503, "5.5.0",
                          "Improper use of SMTP command pipelining");
}

static struct verdict check_plaintext(struct evaluation *evaluation,
                                      UNUSED const struct check *check)
{
    return verdict_text(evaluation->policy->server->config->plaintext_reject_code, "4.7.1",
                        "Session encryption is required");
}

static struct verdict check_multi_recipient_bounce(struct evaluation *evaluation,
                                                   UNUSED const struct check *check)
{
    const struct facts *facts = evaluation->facts;

    /* While RCPT is judged, its recipient is one more. */
    if (*facts->sender || facts->recipient_count + !strcmp(facts->stage, "RCPT") < 2)
        return verdict_next();
    return verdict_reject(evaluation, subject_list(evaluation),
                          evaluation->policy->server->config->multi_recipient_bounce_reject_code,
                          "5.5.3", "Multi-recipient bounce");
}

static const struct check_kind kinds[] = {
    { "permit", TAKES_NOTHING, NEEDS_NOTHING, check_permit, subject_list },
    { "reject", TAKES_NOTHING, NEEDS_NOTHING, check_reject, NULL },
    { "defer", TAKES_NOTHING, NEEDS_NOTHING, check_defer, NULL },
    { "defer_if_permit", TAKES_NOTHING, NEEDS_NOTHING, check_defer_if_permit, NULL },
    { "defer_if_reject", TAKES_NOTHING, NEEDS_NOTHING, check_defer_if_reject, NULL },
    { "warn_if_reject", TAKES_NOTHING, NEEDS_NOTHING, check_never, NULL },
    { "sleep", TAKES_WORD, NEEDS_NOTHING, check_sleep, NULL },
    { "permit_mynetworks", TAKES_NOTHING, NEEDS_NOTHING, check_mynetworks, subject_client },
    { "permit_inet_interfaces", TAKES_NOTHING, NEEDS_NOTHING, check_interfaces, subject_client },
    { "permit_sasl_authenticated", TAKES_NOTHING, NEEDS_NOTHING, check_never, NULL },
    { "permit_tls_clientcerts", TAKES_NOTHING, NEEDS_NOTHING, check_never, NULL },
    { "permit_tls_all_clientcerts", TAKES_NOTHING, NEEDS_NOTHING, check_never, NULL },
    { "reject_unauth_pipelining", TAKES_NOTHING, NEEDS_NOTHING, check_pipelining, NULL },
    { "reject_plaintext_session", TAKES_NOTHING, NEEDS_NOTHING, check_plaintext, NULL },
    { "check_policy_service", TAKES_SERVICE, NEEDS_NOTHING, check_policy_service, NULL },
    { "reject_multi_recipient_bounce", TAKES_NOTHING, NEEDS_SENDER,
      check_multi_recipient_bounce, NULL },

    { "check_client_access", TAKES_TABLE, NEEDS_NOTHING, check_client_access, NULL },
    { "check_reverse_client_hostname_access", TAKES_TABLE, NEEDS_NOTHING,
      check_reverse_client_hostname_access, NULL },
    { "reject_unknown_client_hostname", TAKES_NOTHING, NEEDS_NOTHING, check_unknown_client, NULL },
    { "reject_unknown_client", TAKES_NOTHING, NEEDS_NOTHING, check_unknown_client, NULL },
    { "reject_unknown_reverse_client_hostname", TAKES_NOTHING, NEEDS_NOTHING,
      check_unknown_reverse_client, NULL },
    { "reject_unknown_forward_client_hostname", TAKES_NOTHING, NEEDS_NOTHING,
      check_unknown_forward_client, NULL },

    { "check_helo_access", TAKES_TABLE, NEEDS_HELO, check_helo_access, NULL },
    { "reject_invalid_helo_hostname", TAKES_NOTHING, NEEDS_HELO, check_invalid_helo, NULL },
    { "reject_invalid_hostname", TAKES_NOTHING, NEEDS_HELO, check_invalid_helo, NULL },
    { "reject_non_fqdn_helo_hostname", TAKES_NOTHING, NEEDS_HELO, check_non_fqdn_helo, NULL },
    { "reject_non_fqdn_hostname", TAKES_NOTHING, NEEDS_HELO, check_non_fqdn_helo, NULL },
    { "reject_unknown_helo_hostname", TAKES_NOTHING, NEEDS_HELO, check_unknown_helo, NULL },
    { "reject_unknown_hostname", TAKES_NOTHING, NEEDS_HELO, check_unknown_helo, NULL },

    { "check_sender_access", TAKES_TABLE, NEEDS_SENDER, check_sender_access, NULL },
    { "reject_non_fqdn_sender", TAKES_NOTHING, NEEDS_SENDER, check_non_fqdn_sender, NULL },
    { "reject_unknown_sender_domain", TAKES_NOTHING, NEEDS_SENDER,
      check_unknown_sender_domain, NULL },
    { "reject_unknown_address", TAKES_NOTHING, NEEDS_SENDER, check_unknown_sender_domain, NULL },
    { "reject_unlisted_sender", TAKES_NOTHING, NEEDS_SENDER, check_unlisted_sender, NULL },

    { "check_recipient_access", TAKES_TABLE, NEEDS_RECIPIENT, check_recipient_access, NULL },
    { "permit_auth_destination", TAKES_NOTHING, NEEDS_RECIPIENT,
      check_auth_destination, subject_recipient },
    { "reject_unauth_destination", TAKES_NOTHING, NEEDS_RECIPIENT, check_unauth_destination, NULL },
    { "defer_unauth_destination", TAKES_NOTHING, NEEDS_RECIPIENT,
      check_defer_unauth_destination, NULL },
    { "permit_mx_backup", TAKES_NOTHING, NEEDS_RECIPIENT, check_mx_backup, subject_recipient },
    { "reject_non_fqdn_recipient", TAKES_NOTHING, NEEDS_RECIPIENT, check_non_fqdn_recipient, NULL },
    { "reject_unknown_recipient_domain", TAKES_NOTHING, NEEDS_RECIPIENT,
      check_unknown_recipient_domain, NULL },
    { "reject_unlisted_recipient", TAKES_NOTHING, NEEDS_RECIPIENT, check_unlisted_recipient, NULL },
    { "check_recipient_maps", TAKES_NOTHING, NEEDS_RECIPIENT, check_unlisted_recipient, NULL },

    { "reject_unverified_sender", TAKES_NOTHING, NEEDS_SENDER, check_unverified_sender, NULL },
    { "reject_unverified_recipient", TAKES_NOTHING, NEEDS_RECIPIENT, check_unverified_recipient,
      NULL },

    { "check_etrn_access", TAKES_TABLE, NEEDS_ETRN, check_etrn_access, NULL },

    { "reject_rbl_client", TAKES_WORD, NEEDS_NOTHING, check_rbl_client, NULL },
    { "reject_rhsbl_client", TAKES_WORD, NEEDS_NOTHING, check_rhsbl_client, NULL },
    { "reject_rhsbl_reverse_client", TAKES_WORD, NEEDS_NOTHING, check_rhsbl_reverse_client, NULL },
    { "reject_rhsbl_helo", TAKES_WORD, NEEDS_HELO, check_rhsbl_helo, NULL },
    { "reject_rhsbl_sender", TAKES_WORD, NEEDS_SENDER, check_rhsbl_sender, NULL },
    { "reject_rhsbl_recipient", TAKES_WORD, NEEDS_RECIPIENT, check_rhsbl_recipient, NULL },
    { "permit_dnswl_client", TAKES_WORD, NEEDS_NOTHING, check_dnswl_client, subject_client },
    { "reject_maps_rbl", TAKES_NOTHING, NEEDS_NOTHING, check_maps_rbl, NULL },
    { "permit_rhswl_client", TAKES_WORD, NEEDS_NOTHING, check_rhswl_client, subject_client },

    { "check_client_a_access", TAKES_TABLE, NEEDS_NOTHING, check_server_access, NULL },
    { "check_client_mx_access", TAKES_TABLE, NEEDS_NOTHING, check_server_access, NULL },
    { "check_client_ns_access", TAKES_TABLE, NEEDS_NOTHING, check_server_access, NULL },
    { "check_reverse_client_hostname_a_access", TAKES_TABLE, NEEDS_NOTHING,
      check_server_access, NULL },
    { "check_reverse_client_hostname_mx_access", TAKES_TABLE, NEEDS_NOTHING,
      check_server_access, NULL },
    { "check_reverse_client_hostname_ns_access", TAKES_TABLE, NEEDS_NOTHING,
      check_server_access, NULL },
    { "check_helo_a_access", TAKES_TABLE, NEEDS_HELO, check_server_access, NULL },
    { "check_helo_mx_access", TAKES_TABLE, NEEDS_HELO, check_server_access, NULL },
    { "check_helo_ns_access", TAKES_TABLE, NEEDS_HELO, check_server_access, NULL },
    { "check_sender_a_access", TAKES_TABLE, NEEDS_SENDER, check_server_access, NULL },
    { "check_sender_mx_access", TAKES_TABLE, NEEDS_SENDER, check_server_access, NULL },
    { "check_sender_ns_access", TAKES_TABLE, NEEDS_SENDER, check_server_access, NULL },
    { "check_recipient_a_access", TAKES_TABLE, NEEDS_RECIPIENT, check_server_access, NULL },
    { "check_recipient_mx_access", TAKES_TABLE, NEEDS_RECIPIENT, check_server_access, NULL },
    { "check_recipient_ns_access", TAKES_TABLE, NEEDS_RECIPIENT, check_server_access, NULL },

    { "check_ccert_access", TAKES_WORD, NEEDS_NOTHING, check_certificate, NULL },
    { "check_sasl_access", TAKES_WORD, NEEDS_NOTHING, check_login, NULL },
    { "reject_sender_login_mismatch", TAKES_NOTHING, NEEDS_SENDER, check_login_of_sender, NULL },
    { "reject_authenticated_sender_login_mismatch", TAKES_NOTHING, NEEDS_SENDER, check_login,
      NULL },
    { "reject_unauthenticated_sender_login_mismatch", TAKES_NOTHING, NEEDS_SENDER, check_login,
      NULL },
    { "reject_known_sender_login_mismatch", TAKES_NOTHING, NEEDS_SENDER, check_login, NULL },

    { "permit_naked_ip_address", TAKES_NOTHING, NEEDS_HELO, check_naked_address, subject_helo },
    { "check_relay_domains", TAKES_NOTHING, NEEDS_RECIPIENT, check_relay_domains,
      subject_recipient },
};

const struct check_kind *check_kind_find(struct slice name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (slice_is_nocase(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}
