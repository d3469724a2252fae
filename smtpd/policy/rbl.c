#include "rbl.h"

#include "address/address.h"
#include "base/scope.h"
#include "../expansion.h"
#include "config/expand.h"
#include "log/log.h"

#include <arpa/inet.h>

/* --- Patterns: "d.d.d.d", where each d is a number or [n;n..n]. -------------------- */

static bool range_holds(struct slice range, unsigned byte)
{
    size_t dots = slice_find(range, '.');
    uint64_t low, high;

    if (!slice_number(slice_trim(slice_part(range, 0, dots)), 255, &low))
        return false;
    if (dots >= range.length)
        return byte == low;
    return slice_number(slice_trim(slice_from(range, dots + 2)), 255, &high) && low <= byte &&
           byte <= high;
}

static bool field_holds(struct slice field, unsigned byte)
{
    struct slice range;

    if (!slice_starts(field, "[") || !slice_ends(field, "]"))
        return range_holds(field, byte);
    field = slice_part(field, 1, field.length - 2);
    while (slice_take_token(&field, ";", &range))
        if (range_holds(range, byte))
            return true;
    return false;
}

/* The field up to the next dot that stands in no brackets. */
static struct slice take_field(struct slice *pattern)
{
    size_t end = slice_starts(*pattern, "[") ? slice_find(*pattern, ']') + 1
                                             : slice_find(*pattern, '.');
    struct slice field = slice_part(*pattern, 0, end);

    *pattern = slice_from(*pattern, end + 1);
    return field;
}

bool rbl_pattern_matches(struct slice pattern, const unsigned char address[4])
{
    for (int i = 0; i < 4; i++)
        if (!field_holds(take_field(&pattern), address[i]))
            return false;
    return !pattern.length;
}

/* --- Queries. --------------------------------------------------------------------- */

/* What a list said. */
struct listing {
    enum dns_status status;     /* DNS_FOUND: listed */
    const char *reason;         /* of TXT; "" without */
    const char *domain;
};

static bool answer_matches(const struct dns_answer *answer, struct slice pattern)
{
    for (size_t i = 0; i < answer->count; i++) {
        const struct sockaddr_in *found = (const struct sockaddr_in *)&answer->records[i].address;

        if (answer->records[i].type == DNS_A &&
            (!pattern.length ||
             rbl_pattern_matches(pattern, (const unsigned char *)&found->sin_addr)))
            return true;
    }
    return false;
}

static struct listing look_up(struct evaluation *evaluation, const char *what, const char *list)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    size_t equal = slice_find(slice_of(list), '=');
    struct listing listing = {
        .domain = arena_text(evaluation->arena, slice_part(slice_of(list), 0, equal)),
        .reason = "",
    };
    const char *name = arena_format(evaluation->arena, "%s.%s", what, listing.domain);
    struct dns_answer answer = { 0 };

    calls->query(calls->argument, name, DNS_A, evaluation->arena, &answer);
    listing.status = answer.status;
    if (answer.status == DNS_TROUBLE)
        log_warn("%s: RBL lookup error: Host or domain name not found. %s", name, answer.text);
    if (answer.status != DNS_FOUND)
        return listing;
    if (!answer_matches(&answer, slice_from(slice_of(list), equal + 1))) {
        listing.status = DNS_NO_DATA;
        return listing;
    }
    answer = (struct dns_answer){ 0 };
    calls->query(calls->argument, name, DNS_TXT, evaluation->arena, &answer);
    for (size_t i = 0; answer.status == DNS_FOUND && i < answer.count; i++)
        listing.reason = arena_format(evaluation->arena, "%s%s%.*s", listing.reason,
                                      i ? " / " : "", SLICE_ARGS(answer.records[i].data));
    return listing;
}

/* The address backwards: "7.2.0.192", or the nibbles of IPv6; NULL for neither. */
static const char *backwards(struct evaluation *evaluation)
{
    const char *text = evaluation->facts->address;
    unsigned char b[16];

    if (inet_pton(AF_INET, text, b) == 1)
        return arena_format(evaluation->arena, "%u.%u.%u.%u", b[3], b[2], b[1], b[0]);
    if (inet_pton(AF_INET6, text, b) != 1)
        return NULL;

    AUTO_STR struct str name = STR_EMPTY;

    for (int i = 15; i >= 0; i--)
        str_format(&name, "%s%x.%x", i < 15 ? "." : "", b[i] & 15u, b[i] >> 4u);
    return arena_text(evaluation->arena, str_slice(&name));
}

/* --- The reply. ------------------------------------------------------------------- */

struct reply_names {
    struct evaluation *evaluation;
    const struct listing *listing;
    struct subject subject;
    const char *code;
    bool broken;            /* a name that nobody knows */
};

static enum expand_answer name_of(void *argument, struct slice name, struct str *value)
{
    struct reply_names *names = argument;
    const struct server *server = names->evaluation->policy->server;
    const struct { const char *name, *value; } rows[] = {
        { "rbl_code", names->code },
        { "rbl_class", names->subject.class },
        { "rbl_what", names->subject.name },
        { "rbl_domain", names->listing->domain },
        { "rbl_reason", names->listing->reason },
        { "rbl_txt", names->listing->reason },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (slice_is(name, rows[i].name)) {
            expansion_add(server, value, rows[i].value);
            return EXPAND_FINAL;
        }
    if (expansion_fact(server, names->evaluation->facts, name, value))
        return EXPAND_FINAL;
    log_warn("unknown macro name \"%.*s\" in expansion request", SLICE_ARGS(name));
    names->broken = true;
    return EXPAND_UNKNOWN;
}

/* Expand the text of rbl_reply_maps for the list, or else, or when that is no good, the default. */
static bool make_reply(struct reply_names *names, struct str *text, struct error *error)
{
    const struct server *server = names->evaluation->policy->server;
    const char *domain = names->listing->domain;
    AUTO_STR struct str template = STR_EMPTY;
    const struct expand_names expand = { name_of, names };
    enum table_result result = table_list_get(server->rbl_replies, slice_of(domain), &template,
                                              NULL, error);

    if (result == TABLE_TROUBLE)
        return false;
    if (result == TABLE_FOUND) {
        if (expand_text(&expand, str_slice(&template), text, error) && !names->broken)
            return true;
        log_warn("rbl_reject_reply: bad rbl reply template for domain %s: %s", domain,
                 template.data);
        str_clear(text);
    }
    return expand_text(&expand, slice_of(server->config->default_rbl_reply), text, error);
}

static struct verdict refuse(struct evaluation *evaluation, const struct listing *listing,
                             struct subject subject)
{
    int code = evaluation->policy->server->config->maps_rbl_reject_code;
    struct reply_names names = { evaluation, listing, subject,
                                 arena_format(evaluation->arena, "%d", code), false };
    AUTO_STR struct str text = STR_EMPTY;
    char status[STATUS_SIZE] = "5.7.1";
    struct error error = ERROR_NONE;
    uint64_t number;

    if (!make_reply(&names, &text, &error)) {
        log_warn("%s", error.text);
        return verdict_bad_config();
    }

    struct slice rest = str_slice(&text);

    if (rest.length > 4 && rest.data[3] == ' ' &&
        slice_number(slice_part(rest, 0, 3), 599, &number) && number >= 400) {
        code = (int)number;
        rest = slice_from(rest, 4);
    }
    (void)status_take(&rest, status);
    return verdict_text(code, status, arena_text(evaluation->arena, rest));
}

/* --- The restrictions. ------------------------------------------------------------ */

static struct verdict refuse_listed(struct evaluation *evaluation, const struct check *check,
                                    const char *what, struct subject subject)
{
    if (!what || !*what)
        return verdict_next();

    struct listing listing = look_up(evaluation, what, check->argument);

    return listing.status == DNS_FOUND ? refuse(evaluation, &listing, subject) : verdict_next();
}

struct verdict check_rbl_client(struct evaluation *evaluation, const struct check *check)
{
    return refuse_listed(evaluation, check, backwards(evaluation),
                         (struct subject){ evaluation->facts->address, "Client host" });
}

/* A name that can stand in DNS; NULL for "unknown", literals and what is no name. */
static const char *name_to_ask(const char *name)
{
    if (!name || !strcmp(name, "unknown") || *name == '[' || !address_is_host_name(slice_of(name)))
        return NULL;
    return name;
}

static const char *domain_to_ask(struct evaluation *evaluation, const char *address)
{
    struct address_parts parts = address_split(slice_of(address));

    return parts.has_domain ? name_to_ask(arena_text(evaluation->arena, parts.domain)) : NULL;
}

struct verdict check_rhsbl_client(struct evaluation *evaluation, const struct check *check)
{
    const char *name = evaluation->facts->name;

    return refuse_listed(evaluation, check, name_to_ask(name),
                         (struct subject){ name, "Client host" });
}

struct verdict check_rhsbl_reverse_client(struct evaluation *evaluation, const struct check *check)
{
    const char *name = evaluation->facts->reverse_name;

    return refuse_listed(evaluation, check, name_to_ask(name),
                         (struct subject){ name, "Unverified Client host" });
}

struct verdict check_rhsbl_helo(struct evaluation *evaluation, const struct check *check)
{
    return refuse_listed(evaluation, check, name_to_ask(evaluation->facts->helo),
                         subject_helo(evaluation));
}

struct verdict check_rhsbl_sender(struct evaluation *evaluation, const struct check *check)
{
    return refuse_listed(evaluation, check, domain_to_ask(evaluation, evaluation->facts->sender),
                         subject_sender(evaluation));
}

struct verdict check_rhsbl_recipient(struct evaluation *evaluation, const struct check *check)
{
    return refuse_listed(evaluation, check,
                         domain_to_ask(evaluation, evaluation->facts->recipient),
                         subject_recipient(evaluation));
}

/* The old way to name lists: all of maps_rbl_domains. */
struct verdict check_maps_rbl(struct evaluation *evaluation, const struct check *check)
{
    struct slice rest = slice_of(evaluation->policy->server->config->maps_rbl_domains), word;
    struct verdict verdict = verdict_next();

    log_warn("support for restriction \"%s\" will be removed from Postfix; "
             "use \"reject_rbl_client domain-name\" instead", check->name);
    while (verdict.result == VERDICT_NEXT && config_list_next(&rest, false, &word)) {
        struct check one = *check;

        one.argument = arena_text(evaluation->arena, word);
        verdict = check_rbl_client(evaluation, &one);
    }
    return verdict;
}

/*
 * A list of the good that cannot be asked now must not lead to a refusal for good.  It opens no
 * door to places that are not ours.
 */
static struct verdict permit_listed(struct evaluation *evaluation, const struct check *check,
                                    const char *what, const char *name)
{
    if (!what || (evaluation->facts->recipient &&
                  check_auth_destination(evaluation, check).result != VERDICT_PERMIT))
        return verdict_next();

    struct listing listing = look_up(evaluation, what, check->argument);

    if (listing.status == DNS_TROUBLE)
        return verdict_defer_if_reject(
            evaluation, verdict_reject(evaluation, (struct subject){ name, "Client host" }, 450,
                                       "4.7.1", "Service unavailable"));
    return listing.status == DNS_FOUND ? verdict_permit() : verdict_next();
}

struct verdict check_dnswl_client(struct evaluation *evaluation, const struct check *check)
{
    return permit_listed(evaluation, check, backwards(evaluation), evaluation->facts->address);
}

struct verdict check_rhswl_client(struct evaluation *evaluation, const struct check *check)
{
    return permit_listed(evaluation, check, name_to_ask(evaluation->facts->name),
                         evaluation->facts->name);
}
