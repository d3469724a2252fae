/*
 * Restrictions on names: syntax, and whether DNS knows them.
 */
#include "check.h"

#include "address/address.h"
#include "log/log.h"

/* What a temporary failure of DNS leads to: *_tempfail_action. */
static struct verdict tempfail(struct evaluation *evaluation, const char *action,
                               struct verdict verdict)
{
    if (!strcasecmp(action, "defer"))
        return verdict;
    if (!strcasecmp(action, "dunno") || !strcasecmp(action, "ok"))
        return verdict_next();
    return verdict_defer_if_permit(evaluation, verdict);
}

/* "need fully-qualified": at least two labels. */
static bool is_fully_qualified(struct slice domain)
{
    struct slice host;

    if (domain.length && domain.data[domain.length - 1] == '.')
        domain.length--;
    if (address_domain_is_literal(domain, &host))
        return true;
    return address_is_host_name(domain) && slice_find(domain, '.') < domain.length &&
           !address_is_ip(domain, NULL);
}

/* --- HELO. ------------------------------------------------------------------------ */

struct verdict check_invalid_helo(struct evaluation *evaluation, UNUSED const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    struct slice helo = slice_of(evaluation->facts->helo), host;

    if (helo.length > 1 && slice_ends(helo, "."))
        helo.length--;
    if (helo.length && helo.data[0] == '[') {
        if (address_domain_is_literal(helo, &host) && address_is_ip(host, NULL))
            return verdict_next();
        return verdict_reject(evaluation, subject_helo(evaluation),
                              config->invalid_hostname_reject_code, "5.5.2",
                              "invalid ip address");
    }
    if (address_is_host_name(helo) || address_is_ip(helo, NULL))
        return verdict_next();
    return verdict_reject(evaluation, subject_helo(evaluation),
                          config->invalid_hostname_reject_code, "5.5.2", "Invalid name");
}

struct verdict check_non_fqdn_helo(struct evaluation *evaluation, UNUSED const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    struct slice helo = slice_of(evaluation->facts->helo);

    if (helo.length && helo.data[0] == '[')
        return check_invalid_helo(evaluation, check);
    if (is_fully_qualified(helo))
        return verdict_next();
    return verdict_reject(evaluation, subject_helo(evaluation), config->non_fqdn_reject_code,
                          "5.5.2", "need fully-qualified hostname");
}

/* --- DNS. ------------------------------------------------------------------------- */

static enum dns_status query(struct evaluation *evaluation, const char *name, enum dns_type type)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    struct dns_answer answer = { 0 };

    calls->query(calls->argument, name, type, evaluation->arena, &answer);
    return answer.status;
}

/* The name can take mail or connections: an MX record, or an address. */
static enum dns_status query_host(struct evaluation *evaluation, const char *name)
{
    static const enum dns_type types[] = { DNS_MX, DNS_A, DNS_AAAA };
    enum dns_status worst = DNS_NO_DOMAIN;

    for (size_t i = 0; i < COUNT(types); i++) {
        enum dns_status status = query(evaluation, name, types[i]);

        if (status == DNS_FOUND || status == DNS_NULL_MX)
            return status;
        if (status == DNS_TROUBLE || (status == DNS_INVALID && worst != DNS_TROUBLE))
            worst = status;
    }
    return worst;
}

struct verdict check_unknown_helo(struct evaluation *evaluation, const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    const char *helo = evaluation->facts->helo;

    if (*helo == '[')
        return check_invalid_helo(evaluation, check);

    enum dns_status status = query_host(evaluation, helo);

    if (status == DNS_FOUND || status == DNS_NULL_MX)
        return verdict_next();
    if (status == DNS_TROUBLE)
        return tempfail(evaluation, config->unknown_helo_hostname_tempfail_action,
                        verdict_reject(evaluation, subject_helo(evaluation), 450, "4.7.1",
                                       "Host not found"));
    return verdict_reject(evaluation, subject_helo(evaluation),
                          config->unknown_hostname_reject_code, "4.7.1", "Host not found");
}

static const char *domain_of(struct evaluation *evaluation, const char *address)
{
    struct address_parts parts = address_split(slice_of(address));

    return parts.has_domain && parts.domain.length
               ? arena_text(evaluation->arena, parts.domain) : NULL;
}

/* Domains for which we are the last stop need no DNS. */
static bool domain_is_ours(struct evaluation *evaluation, const char *domain)
{
    enum address_class class = ADDRESS_DEFAULT;
    struct error error = ERROR_NONE;

    return resolver_domain_class(evaluation->policy->server->resolver, slice_of(domain), &class,
                                 &error) &&
           (class == ADDRESS_LOCAL || class == ADDRESS_VIRTUAL_ALIAS ||
            class == ADDRESS_VIRTUAL_MAILBOX);
}

/* What a reply about a domain without mail says; recipient and sender have their own codes. */
struct domain_words {
    const char *status;         /* of "Domain not found" */
    int null_code;
    const char *null_status;
    const char *tempfail_action;
};

static struct verdict check_domain(struct evaluation *evaluation, const char *address,
                                   struct subject subject, const struct domain_words *words)
{
    const struct config *config = evaluation->policy->server->config;
    const char *domain = domain_of(evaluation, address);
    struct slice host;

    if (!domain || address_domain_is_literal(slice_of(domain), &host) ||
        domain_is_ours(evaluation, domain))
        return verdict_next();
    switch (query_host(evaluation, domain)) {
    case DNS_FOUND:
        return verdict_next();
    case DNS_NULL_MX:
        return verdict_reject(evaluation, subject, words->null_code, words->null_status,
                              "Domain %s does not accept mail (nullMX)", domain);
    case DNS_INVALID:
        return verdict_reject(evaluation, subject, config->unknown_address_reject_code,
                              words->status, "Malformed DNS server reply");
    case DNS_TROUBLE:
        return tempfail(evaluation, words->tempfail_action,
                        verdict_reject(evaluation, subject, 450, words->status,
                                       "Domain not found"));
    default:
        return verdict_reject(evaluation, subject, config->unknown_address_reject_code,
                              words->status, "Domain not found");
    }
}

struct verdict check_unknown_sender_domain(struct evaluation *evaluation,
                                           UNUSED const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    struct domain_words words = { "4.1.8", 550, "5.7.27",
                                  config->unknown_address_tempfail_action };

    return check_domain(evaluation, evaluation->facts->sender, subject_sender(evaluation), &words);
}

struct verdict check_unknown_recipient_domain(struct evaluation *evaluation,
                                              UNUSED const struct check *check)
{
    const struct config *config = evaluation->policy->server->config;
    struct domain_words words = { "4.1.2", 556, "5.1.10",
                                  config->unknown_address_tempfail_action };

    return check_domain(evaluation, evaluation->facts->recipient, subject_recipient(evaluation),
                        &words);
}

/* --- Addresses. ------------------------------------------------------------------- */

static struct verdict check_non_fqdn(struct evaluation *evaluation, const char *address,
                                     struct subject subject)
{
    struct address_parts parts = address_split(slice_of(address));

    /* The null address, and postmaster who must be reachable without a domain. */
    if (!*address || slice_is_nocase(slice_of(address), "postmaster") ||
        (parts.has_domain && parts.local.length && is_fully_qualified(parts.domain)))
        return verdict_next();
    return verdict_reject(evaluation, subject,
                          evaluation->policy->server->config->non_fqdn_reject_code, "5.5.2",
                          "need fully-qualified address");
}

struct verdict check_non_fqdn_sender(struct evaluation *evaluation,
                                     UNUSED const struct check *check)
{
    return check_non_fqdn(evaluation, evaluation->facts->sender, subject_sender(evaluation));
}

struct verdict check_non_fqdn_recipient(struct evaluation *evaluation,
                                        UNUSED const struct check *check)
{
    return check_non_fqdn(evaluation, evaluation->facts->recipient,
                          subject_recipient(evaluation));
}

/* --- The client's name. ----------------------------------------------------------- */

static struct verdict unknown_client(struct evaluation *evaluation, enum dns_status status,
                                     const char *dsn, const char *words, const char *action)
{
    const struct config *config = evaluation->policy->server->config;
    bool temporary = status == DNS_TROUBLE;
    struct verdict verdict = verdict_text(
        temporary ? 450 : config->unknown_client_reject_code, dsn,
        arena_format(evaluation->arena, "Client host rejected: cannot find your %s, [%s]", words,
                     evaluation->facts->address));

    if (temporary && action)
        return tempfail(evaluation, action, verdict);
    return verdict;
}

struct verdict check_unknown_client(struct evaluation *evaluation,
                                    UNUSED const struct check *check)
{
    if (evaluation->facts->name_status == DNS_FOUND)
        return verdict_next();
    return unknown_client(evaluation, evaluation->facts->name_status, "4.7.25", "hostname", NULL);
}

struct verdict check_unknown_reverse_client(struct evaluation *evaluation,
                                            UNUSED const struct check *check)
{
    if (evaluation->facts->reverse_status == DNS_FOUND)
        return verdict_next();
    return unknown_client(evaluation, evaluation->facts->reverse_status, "4.7.1",
                          "reverse hostname", NULL);
}

struct verdict check_unknown_forward_client(struct evaluation *evaluation,
                                            UNUSED const struct check *check)
{
    if (evaluation->facts->forward_status == DNS_FOUND)
        return verdict_next();
    return unknown_client(evaluation, evaluation->facts->forward_status, "4.7.1", "hostname",
                          NULL);
}
