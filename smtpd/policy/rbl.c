#include "rbl.h"

#include "address/address.h"
#include "base/scope.h"
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
        log_warn("%s: RBL lookup error: %s", name, answer.text ? answer.text : "try again");
    if (answer.status != DNS_FOUND)
        return listing;
    if (!answer_matches(&answer, slice_from(slice_of(list), equal + 1))) {
        listing.status = DNS_NO_DATA;
        return listing;
    }
    answer = (struct dns_answer){ 0 };
    calls->query(calls->argument, name, DNS_TXT, evaluation->arena, &answer);
    if (answer.status == DNS_FOUND && answer.count)
        listing.reason = arena_text(evaluation->arena, answer.records[0].data);
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
};

static enum expand_answer name_of(void *argument, struct slice name, struct str *value)
{
    const struct reply_names *names = argument;
    const struct facts *facts = names->evaluation->facts;
    const struct { const char *name, *value; } rows[] = {
        { "rbl_code", names->code },
        { "rbl_class", names->subject.class },
        { "rbl_what", names->subject.name },
        { "rbl_domain", names->listing->domain },
        { "rbl_reason", names->listing->reason },
        { "rbl_txt", names->listing->reason },
        { "client_name", facts->name },
        { "client_address", facts->address },
        { "reverse_client_name", facts->reverse_name },
        { "helo_name", facts->helo },
        { "sender", facts->sender },
        { "recipient", facts->recipient },
        { "mail_name", names->evaluation->policy->server->config->mail_name },
        { "server_name", names->evaluation->policy->server->config->myhostname },
    };

    if (slice_is(name, "client")) {
        str_text(value, facts->client);
        return EXPAND_FINAL;
    }
    for (size_t i = 0; i < COUNT(rows); i++)
        if (slice_is(name, rows[i].name)) {
            str_text(value, rows[i].value ? rows[i].value : "");
            return EXPAND_FINAL;
        }
    return EXPAND_UNKNOWN;
}

/* The text of rbl_reply_maps for the list, else default_rbl_reply. */
static bool find_template(struct evaluation *evaluation, const struct listing *listing,
                          struct str *template, struct error *error)
{
    const struct server *server = evaluation->policy->server;

    switch (table_list_get(server->rbl_replies, slice_of(listing->domain), template, NULL,
                           error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_TROUBLE:
        return false;
    default:
        str_set(template, slice_of(server->config->default_rbl_reply));
        return true;
    }
}

static struct verdict refuse(struct evaluation *evaluation, const struct listing *listing,
                             struct subject subject)
{
    int code = evaluation->policy->server->config->maps_rbl_reject_code;
    struct reply_names names = { evaluation, listing, subject,
                                 arena_format(evaluation->arena, "%d", code) };
    AUTO_STR struct str template = STR_EMPTY, text = STR_EMPTY;
    char status[STATUS_SIZE] = "5.7.1";
    struct error error = ERROR_NONE;
    uint64_t number;

    if (!find_template(evaluation, listing, &template, &error) ||
        !expand_text(&(struct expand_names){ name_of, &names }, str_slice(&template), &text,
                     &error)) {
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

/* A list of the good that cannot be asked now must not lead to a refusal for good. */
static struct verdict permit_listed(struct evaluation *evaluation, const struct check *check,
                                    const char *what)
{
    if (!what)
        return verdict_next();

    struct listing listing = look_up(evaluation, what, check->argument);

    if (listing.status == DNS_TROUBLE)
        return verdict_defer_if_reject(
            evaluation, verdict_reject(evaluation, subject_client(evaluation), 450, "4.7.1",
                                       "Temporary lookup failure"));
    return listing.status == DNS_FOUND ? verdict_permit() : verdict_next();
}

struct verdict check_dnswl_client(struct evaluation *evaluation, const struct check *check)
{
    return permit_listed(evaluation, check, backwards(evaluation));
}

struct verdict check_rhswl_client(struct evaluation *evaluation, const struct check *check)
{
    return permit_listed(evaluation, check, name_to_ask(evaluation->facts->name));
}
