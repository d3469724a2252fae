/*
 * permit_mx_backup: mail for domains whose MX records name this host, though not first
 * (postconf(5)).
 */
#include "check.h"

#include "address/address.h"
#include "address/interfaces.h"
#include "log/log.h"

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_TROUBLE };

static struct verdict put_off(struct evaluation *evaluation, const char *what, const char *why)
{
    return verdict_defer_if_reject(
        evaluation, verdict_reject(evaluation, subject_recipient(evaluation), 450, "4.4.4",
                                   "Unable to look up mail exchanger %s: %s", what, why));
}

static const char *address_trouble(enum dns_status status)
{
    return status == DNS_NO_DATA   ? "No address associated with hostname"
         : status == DNS_TROUBLE ? "Temporary failure in name resolution"
                                 : "Name or service not known";
}

/* What is asked of the addresses of mail servers; one that is not known is trouble. */
typedef bool address_test(struct evaluation *evaluation, const struct sockaddr *address);

static bool is_own(struct evaluation *evaluation, const struct sockaddr *address)
{
    const struct interfaces *own = lookup_interfaces(evaluation->policy->server->lookup);

    return interfaces_have(own, address) ||
           interfaces_have_proxy_text(own, slice_of(dns_address_text(address, evaluation->arena)));
}

static bool is_in_backup_networks(struct evaluation *evaluation, const struct sockaddr *address)
{
    struct error error = ERROR_NONE;

    return match_list_client(evaluation->policy->server->backup_networks, slice_of("unknown"),
                             slice_of(dns_address_text(address, evaluation->arena)),
                             &error) == MATCH_YES;
}

/* Some address of the hosts passes; only the most preferred hosts when primary. */
static enum answer some_passes(struct evaluation *evaluation, const struct dns_answer *hosts,
                               bool primary, address_test *test, struct verdict *trouble)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;

    for (size_t i = 0; i < hosts->count; i++) {
        const struct dns_record *host = &hosts->records[i];
        struct dns_answer found = { 0 };

        if (primary && host->preference != hosts->records[0].preference)
            break;
        calls->addresses(calls->argument, host->host, evaluation->arena, &found);
        if (found.status != DNS_FOUND) {
            *trouble = put_off(evaluation,
                               arena_format(evaluation->arena, "host %s", host->host),
                               address_trouble(found.status));
            return ANSWER_TROUBLE;
        }
        for (size_t k = 0; k < found.count; k++)
            if (test(evaluation, (const struct sockaddr *)&found.records[k].address))
                return ANSWER_YES;
    }
    return ANSWER_NO;
}

static void sort_hosts(struct dns_answer *hosts)
{
    for (size_t i = 1; i < hosts->count; i++)
        for (size_t k = i; k > 0 && hosts->records[k].preference <
                                    hosts->records[k - 1].preference; k--) {
            struct dns_record moved = hosts->records[k];

            hosts->records[k] = hosts->records[k - 1];
            hosts->records[k - 1] = moved;
        }
}

static struct verdict check_hosts(struct evaluation *evaluation, struct dns_answer *hosts)
{
    struct verdict trouble = verdict_next();

    sort_hosts(hosts);
    if (some_passes(evaluation, hosts, false, is_own, &trouble) != ANSWER_YES ||
        some_passes(evaluation, hosts, true, is_own, &trouble) != ANSWER_NO)
        return trouble;
    if (*evaluation->policy->server->config->permit_mx_backup_networks &&
        some_passes(evaluation, hosts, true, is_in_backup_networks, &trouble) != ANSWER_YES)
        return trouble;
    return verdict_permit();
}

struct verdict check_mx_backup(struct evaluation *evaluation, const struct check *check)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    struct verdict verdict = check_auth_destination(evaluation, check);
    struct address_parts parts = address_split(slice_of(evaluation->facts->recipient));
    struct dns_answer hosts = { 0 };

    if (verdict.result != VERDICT_NEXT || !parts.has_domain || !parts.domain.length ||
        parts.domain.data[0] == '[' || recipient_is_routed(evaluation))
        return verdict;
    calls->query(calls->argument, arena_text(evaluation->arena, parts.domain), DNS_MX,
                 evaluation->arena, &hosts);
    if (hosts.status == DNS_TROUBLE)
        return put_off(evaluation, "information", "Host not found, try again");
    return hosts.status == DNS_FOUND ? check_hosts(evaluation, &hosts) : verdict_next();
}
