/*
 * Access tables: which keys they are asked for (access(5)).
 */
#include "check.h"

#include "address/address.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "table/fold.h"

/* Ask a table for keys in their order; the first that is there decides. */
static struct verdict ask(struct evaluation *evaluation, const struct check *check,
                          struct subject subject, struct access_keys *keys, bool *found)
{
    AUTO_STR struct str value = STR_EMPTY;
    bool pattern = table_is_pattern(check->table);
    struct verdict verdict = verdict_next();
    struct error error = ERROR_NONE;

    *found = false;
    for (size_t i = 0; i < keys->count && !*found; i++) {
        if (pattern && !keys->items[i].whole)
            continue;

        enum table_result result = table_get(check->table, keys->items[i].text, &value, &error);

        if (result == TABLE_ABSENT)
            continue;
        *found = true;

        const char *key = arena_text(evaluation->arena, keys->items[i].text);

        if (result == TABLE_TROUBLE) {
            AUTO_STR struct str folded = STR_EMPTY;

            fold_text(&folded, keys->items[i].text);
            log_warn("%s lookup error for \"%s\"", check->argument, folded.data);
            str_set(&value, SLICE_LITERAL("451 4.3.5 Server configuration error"));
        }
        verdict = access_obey(evaluation, check, subject, key, str_slice(&value));
        verdict.evidence.table = check->argument;
        verdict.evidence.key = key;
        verdict.evidence.value = arena_text(evaluation->arena, str_slice(&value));
    }
    free(keys->items);
    *keys = (struct access_keys){ 0 };
    return verdict;
}

struct verdict access_ask_domain(struct evaluation *evaluation, const struct check *check,
                                 struct subject subject, const char *domain, bool *found)
{
    struct access_keys keys = { 0 };

    access_keys_of_domain(slice_of(domain), evaluation->policy->access_parent, evaluation->arena,
                          &keys);
    return ask(evaluation, check, subject, &keys, found);
}

struct verdict access_ask_network(struct evaluation *evaluation, const struct check *check,
                                  struct subject subject, const char *address, bool *found)
{
    struct access_keys keys = { 0 };

    access_keys_of_network(slice_of(address), evaluation->arena, &keys);
    return ask(evaluation, check, subject, &keys, found);
}

static struct verdict ask_client(struct evaluation *evaluation, const struct check *check,
                                 const char *name)
{
    struct subject subject = subject_client(evaluation);
    bool found;
    struct verdict verdict = access_ask_domain(evaluation, check, subject, name, &found);

    return found ? verdict : access_ask_network(evaluation, check, subject,
                                                evaluation->facts->address, &found);
}

struct verdict check_client_access(struct evaluation *evaluation, const struct check *check)
{
    return ask_client(evaluation, check, evaluation->facts->name);
}

/* What somebody else claims may not open doors (postconf(5)). */
struct verdict access_forbid_permit(const struct check *check, const char *name,
                                    struct verdict verdict)
{
    if (verdict.result != VERDICT_PERMIT)
        return verdict;
    log_warn("restriction %s returns OK for %s", check->name, name);
    log_warn("this is not allowed for security reasons");
    log_warn("use DUNNO instead of OK if you want to make an exception");
    return verdict_bad_config();
}

struct verdict check_reverse_client_hostname_access(struct evaluation *evaluation,
                                                    const struct check *check)
{
    bool found;
    const char *name = evaluation->facts->reverse_name;
    struct verdict verdict = access_ask_domain(evaluation, check,
                                        (struct subject){ name, "Unverified Client host" },
                                        name, &found);

    return access_forbid_permit(check, name, verdict);
}

struct verdict check_helo_access(struct evaluation *evaluation, const struct check *check)
{
    bool found;

    return access_ask_domain(evaluation, check, subject_helo(evaluation), evaluation->facts->helo,
                      &found);
}

struct verdict check_etrn_access(struct evaluation *evaluation, const struct check *check)
{
    bool found;

    return access_ask_domain(evaluation, check, subject_list(evaluation),
                      evaluation->facts->etrn_domain, &found);
}

/* Keys come from the address as it will be delivered to: rewritten and resolved. */
static struct verdict ask_address(struct evaluation *evaluation, const struct check *check,
                                  struct subject subject, const char *address)
{
    AUTO_RESOLUTION struct resolution resolution = RESOLUTION_EMPTY;
    struct access_keys keys = { 0 };
    struct error error = ERROR_NONE;
    bool found;

    if (!recipient_resolve(evaluation, address, &resolution, &error))
        return verdict_table_trouble(evaluation, subject.name, error.text);
    access_keys_of_address(evaluation->policy->server->lookup, str_slice(&resolution.recipient),
                           evaluation->policy->access_parent, evaluation->arena, &keys);
    return ask(evaluation, check, subject, &keys, &found);
}

struct verdict check_sender_access(struct evaluation *evaluation, const struct check *check)
{
    const char *sender = evaluation->facts->sender;
    struct subject subject = subject_sender(evaluation);
    struct access_keys keys = { 0 };
    bool found;

    if (*sender)
        return ask_address(evaluation, check, subject, sender);
    VECTOR_PUSH(&keys, ((struct access_key){
        slice_of(evaluation->policy->server->config->smtpd_null_access_lookup_key), true }));
    return ask(evaluation, check, subject, &keys, &found);
}

struct verdict check_recipient_access(struct evaluation *evaluation, const struct check *check)
{
    return ask_address(evaluation, check, subject_recipient(evaluation),
                       evaluation->facts->recipient);
}
