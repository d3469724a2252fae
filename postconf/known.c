/* The set of all names. */
#include "source.h"

#include "base/hash.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/parameter.h"
#include "config/twin.h"

struct known_names {
    struct arena *arena;
    struct hash *seen;          /* to index + 1 */
    struct { struct known_name *items; size_t count, capacity; } list;
};

/* What each delivery agent's line in master.cf makes valid: SERVICE and this. */
static const struct { const char *suffix, *fallback; } transport_family[] = {
    { "_delivery_slot_cost", "$default_delivery_slot_cost" },
    { "_delivery_slot_discount", "$default_delivery_slot_discount" },
    { "_delivery_slot_loan", "$default_delivery_slot_loan" },
    { "_destination_concurrency_failed_cohort_limit",
      "$default_destination_concurrency_failed_cohort_limit" },
    { "_destination_concurrency_limit", "$default_destination_concurrency_limit" },
    { "_destination_concurrency_negative_feedback",
      "$default_destination_concurrency_negative_feedback" },
    { "_destination_concurrency_positive_feedback",
      "$default_destination_concurrency_positive_feedback" },
    { "_destination_rate_delay", "$default_destination_rate_delay" },
    { "_destination_recipient_limit", "$default_destination_recipient_limit" },
    { "_extra_recipient_limit", "$default_extra_recipient_limit" },
    { "_initial_destination_concurrency", "$initial_destination_concurrency" },
    { "_minimum_delivery_slots", "$default_minimum_delivery_slots" },
    { "_recipient_limit", "$default_recipient_limit" },
    { "_recipient_refill_delay", "$default_recipient_refill_delay" },
    { "_recipient_refill_limit", "$default_recipient_refill_limit" },
    { "_transport_rate_delay", "$default_transport_rate_delay" },
};

/* Rows that are members of a family in the table, for the transports of a stock master.cf. */
static const char *const stock_transports[] = { "error", "lmtp", "local", "relay", "retry", "smtp",
                                               "virtual" };

static bool is_family_row(struct slice name)
{
    for (size_t i = 0; i < COUNT(stock_transports); i++) {
        if (!slice_starts(name, stock_transports[i]))
            continue;

        struct slice suffix = slice_from(name, strlen(stock_transports[i]));

        for (size_t j = 0; j < COUNT(transport_family); j++)
            if (slice_is(suffix, transport_family[j].suffix))
                return true;
    }
    return false;
}

static struct known_name *add(struct known_names *known, struct slice name, unsigned class)
{
    if (hash_get(known->seen, name))
        return NULL;

    struct known_name *entry = VECTOR_ADD(&known->list);

    entry->name = arena_text(known->arena, name);
    entry->class = class;
    hash_set(known->seen, name, (void *)(uintptr_t)known->list.count);
    return entry;
}

void known_names_add(struct known_names *known, const char *name, unsigned class)
{
    add(known, slice_of(name), class);
}

static void add_builtin(struct known_names *known)
{
    AUTO_STR struct str twin = STR_EMPTY;

    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);
        struct slice name = slice_of(parameter_name(parameter));

        if (is_family_row(name))
            continue;
        if (parameter->origin == PARAMETER_NEWER && parameter->used_by[0] == '\0')
            continue;

        struct known_name *entry = add(known, name, CLASS_BUILTIN);

        entry->computed = !parameter->fallback;
        entry->raw = parameter->type == PARAMETER_RAW;
        if (twin_name(parameter, &twin))
            add(known, str_slice(&twin), CLASS_BUILTIN);
    }
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static void add_family_member(struct known_names *known, const char *service,
                              const char *suffix, const char *fallback)
{
    AUTO_STR struct str name = STR_EMPTY;

    str_format(&name, "%s%s", service, suffix);

    struct known_name *entry = add(known, str_slice(&name), CLASS_SERVICE);

    if (entry && !parameter_find(str_slice(&name)))
        entry->fallback = fallback;
}

static void add_services(struct known_names *known, const struct master_cf *master_cf)
{
    static const char *const agents[] = { "local", "pipe", "virtual", "smtp", "lmtp", "error",
                                          NULL };
    static const char *const timed[] = { "pipe", "spawn", NULL };

    for (size_t i = 0; i < master_cf_count(master_cf); i++) {
        const struct master_service *service = master_cf_at(master_cf, i);

        if (is_one_of(service->command, agents))
            for (size_t j = 0; j < COUNT(transport_family); j++)
                add_family_member(known, service->name, transport_family[j].suffix,
                                  transport_family[j].fallback);
        if (is_one_of(service->command, timed))
            add_family_member(known, service->name, "_time_limit", "$command_time_limit");
    }
}

struct known_names *known_names_new(const struct source *source)
{
    struct known_names *known = memory_new(1, sizeof(*known));

    known->arena = arena_new();
    known->seen = hash_new();
    add_builtin(known);
    if (source->master_cf)
        add_services(known, source->master_cf);
    return known;
}

void known_names_free(struct known_names *known)
{
    hash_free(known->seen, NULL);
    VECTOR_FREE(&known->list);
    arena_free(known->arena);
    free(known);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct known_name *)left)->name,
                  ((const struct known_name *)right)->name);
}

void known_names_sort(struct known_names *known)
{
    qsort(known->list.items, known->list.count, sizeof(*known->list.items), compare_names);
    for (size_t i = 0; i < known->list.count; i++)
        hash_set(known->seen, slice_of(known->list.items[i].name), (void *)(uintptr_t)(i + 1));
}

size_t known_names_count(const struct known_names *known)
{
    return known->list.count;
}

const struct known_name *known_names_at(const struct known_names *known, size_t index)
{
    return &known->list.items[index];
}

const struct known_name *known_names_find(const struct known_names *known, struct slice name)
{
    uintptr_t place = (uintptr_t)hash_get(known->seen, name);

    return place ? &known->list.items[place - 1] : NULL;
}
