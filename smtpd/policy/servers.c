/*
 * Access tables for the servers of a name: its addresses, its mail servers, its name servers
 * (check_sender_mx_access and the like, postconf(5)).
 */
#include "check.h"

#include "address/address.h"
#include "log/log.h"

/* --- Whose servers. --------------------------------------------------------------- */

struct owner {
    const char *name;           /* in log lines: a host name or an address */
    const char *domain;         /* NULL: nothing to look up */
    struct subject subject;
};

static const char *domain_of(struct evaluation *evaluation, const char *address)
{
    const struct config *config = evaluation->policy->server->config;
    struct address_parts parts = address_split(slice_of(address));

    if (!*address)
        return NULL;
    return parts.has_domain ? arena_text(evaluation->arena, parts.domain) : config->myhostname;
}

static const char *known_name(const char *name)
{
    return strcmp(name, "unknown") ? name : NULL;
}

/* what is the middle of the restriction's name: "reverse_client_hostname". */
static struct owner find_owner(struct evaluation *evaluation, struct slice what)
{
    const struct facts *facts = evaluation->facts;

    if (slice_is_nocase(what, "client"))
        return (struct owner){ facts->name, known_name(facts->name), subject_client(evaluation) };
    if (slice_is_nocase(what, "reverse_client_hostname"))
        return (struct owner){ facts->reverse_name, known_name(facts->reverse_name),
                               { facts->reverse_name, "Unverified Client host" } };
    if (slice_is_nocase(what, "helo"))
        return (struct owner){ facts->helo, facts->helo, subject_helo(evaluation) };
    if (slice_is_nocase(what, "sender"))
        return (struct owner){ facts->sender, domain_of(evaluation, facts->sender),
                               subject_sender(evaluation) };
    return (struct owner){ facts->recipient, domain_of(evaluation, facts->recipient),
                           subject_recipient(evaluation) };
}

/* --- The servers. ----------------------------------------------------------------- */

static const char *query_trouble(enum dns_status status)
{
    return status == DNS_NO_DATA ? "Host found but no data record of requested type"
         : status == DNS_TROUBLE ? "Host not found, try again" : "Host not found";
}

static void query(struct evaluation *evaluation, const char *domain, enum dns_type type,
                  struct dns_answer *answer)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;

    *answer = (struct dns_answer){ .status = DNS_NO_DOMAIN };
    if (address_is_host_name(slice_of(domain)) && domain[strlen(domain) - 1] != '.')
        calls->query(calls->argument, domain, type, evaluation->arena, answer);
}

static bool is_absent(enum dns_status status)
{
    return status == DNS_NO_DOMAIN || status == DNS_NO_DATA || status == DNS_INVALID;
}

/* A domain without MX records is its own mail server (RFC 5321 5.1). */
static bool find_mail_servers(struct evaluation *evaluation, const struct owner *owner,
                              struct dns_answer *answer)
{
    query(evaluation, owner->domain, DNS_MX, answer);
    if (is_absent(answer->status)) {
        answer->records = arena_take(evaluation->arena, sizeof(*answer->records));
        answer->records[0].host = owner->domain;
        answer->records[0].type = DNS_MX;
        answer->count = 1;
        return true;
    }
    if (answer->status == DNS_TROUBLE)
        log_warn("Unable to look up MX host for %s: %s", owner->domain,
                 query_trouble(answer->status));
    return answer->status == DNS_FOUND;
}

/* The name servers of the zone that the domain lies in. */
static bool find_name_servers(struct evaluation *evaluation, const struct owner *owner,
                              struct dns_answer *answer)
{
    const char *domain = owner->domain, *dot;

    for (;;) {
        query(evaluation, domain, DNS_NS, answer);
        if (!is_absent(answer->status) || !(dot = strchr(domain, '.')) || !dot[1])
            break;
        domain = dot + 1;
    }
    if (answer->status != DNS_FOUND)
        log_warn("Unable to look up NS host for %s: %s",
                 answer->status == DNS_TROUBLE ? domain : owner->name,
                 query_trouble(answer->status));
    return answer->status == DNS_FOUND;
}

/* --- What the table says of them. ------------------------------------------------- */

/* kind NULL: the host is the name itself, and only its addresses count. */
static struct verdict check_addresses(struct evaluation *evaluation, const struct check *check,
                                      const struct owner *owner, const char *host,
                                      const char *kind)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    struct verdict verdict = verdict_next();
    struct dns_answer answer = { 0 };
    bool found;

    calls->addresses(calls->argument, host, evaluation->arena, &answer);
    if (answer.status != DNS_FOUND && kind)
        log_warn("Unable to look up %s host %s for %s %s: %s", kind, host, owner->subject.class,
                 owner->subject.name,
                 answer.status == DNS_NO_DATA   ? "No address associated with hostname"
                 : answer.status == DNS_TROUBLE ? "Temporary failure in name resolution"
                                                : "Name or service not known");
    for (size_t i = 0; i < answer.count && verdict.result == VERDICT_NEXT; i++)
        verdict = access_ask_network(
            evaluation, check, owner->subject,
            dns_address_text((const struct sockaddr *)&answer.records[i].address,
                             evaluation->arena), &found);
    return verdict;
}

static struct verdict check_server(struct evaluation *evaluation, const struct check *check,
                                   const struct owner *owner, const char *host, const char *kind)
{
    bool found;
    struct verdict verdict = access_ask_domain(evaluation, check, owner->subject, host, &found);

    if (found && verdict.result != VERDICT_NEXT)
        return verdict;
    return check_addresses(evaluation, check, owner, host, kind);
}

/* "[192.0.2.1]" and "192.0.2.1" name their server themselves. */
static bool is_literal(const char *domain, struct slice *host)
{
    *host = slice_of(domain);
    return address_domain_is_literal(slice_of(domain), host) || *domain == '[' ||
           address_is_ip(*host, NULL);
}

static struct verdict check_owner(struct evaluation *evaluation, const struct check *check,
                                  const struct owner *owner, const char *kind)
{
    bool (*find)(struct evaluation *, const struct owner *, struct dns_answer *) =
        *kind == 'M' ? find_mail_servers : find_name_servers;
    struct verdict verdict = verdict_next();
    struct dns_answer answer = { 0 };
    struct slice host;
    bool found;

    if (is_literal(owner->domain, &host) && (*kind != 'N' || *owner->domain == '[')) {
        if (*kind == 'N' || !address_is_ip(host, NULL))
            return verdict;
        return access_ask_network(evaluation, check, owner->subject,
                                  arena_text(evaluation->arena, host), &found);
    }
    if (*kind == 'A')
        return check_addresses(evaluation, check, owner, owner->domain, NULL);
    if (!find(evaluation, owner, &answer))
        return verdict;
    for (size_t i = 0; i < answer.count && verdict.result == VERDICT_NEXT; i++)
        verdict = check_server(evaluation, check, owner, answer.records[i].host, kind);
    return verdict;
}

struct verdict check_server_access(struct evaluation *evaluation, const struct check *check)
{
    /* check_WHAT_KIND_access */
    struct slice name = slice_of(check->kind->name);
    struct slice middle = slice_part(name, 6, name.length - 6 - 7);
    size_t bar = slice_find_last(middle, '_');
    struct owner owner = find_owner(evaluation, slice_part(middle, 0, bar));
    struct slice kind = slice_from(middle, bar + 1);

    if (!owner.domain)
        return verdict_next();
    return access_forbid_permit(check, owner.name,
                                check_owner(evaluation, check, &owner,
                                            slice_is(kind, "a")    ? "A"
                                            : slice_is(kind, "mx") ? "MX" : "NS"));
}
