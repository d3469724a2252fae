#include "masquerade.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/vector.h"
#include "config/config.h"

#include <stdlib.h>

struct masked_domain {
    struct slice name;
    bool stays;             /* ! was before it */
};

struct masquerade {
    struct { struct masked_domain *items; size_t count, capacity; } domains;
    struct match_list *exceptions;
};

static void read_domains(struct masquerade *masquerade, const char *list)
{
    struct slice rest = slice_of(list), word;

    while (config_list_next(&rest, false, &word)) {
        struct masked_domain domain = { word, false };

        while (slice_starts(domain.name, "!")) {
            domain.stays = !domain.stays;
            domain.name = slice_from(domain.name, 1);
        }
        VECTOR_PUSH(&masquerade->domains, domain);
    }
}

struct masquerade *masquerade_open(const struct config *config,
                                   const struct table_context *tables, struct error *error)
{
    struct masquerade *masquerade = memory_new(1, sizeof(*masquerade));

    read_domains(masquerade, config->masquerade_domains);
    masquerade->exceptions = match_list_open(tables, "masquerade_exceptions",
                                             config->masquerade_exceptions, MATCH_STRING, 0,
                                             error);
    if (masquerade->exceptions)
        return masquerade;
    masquerade_close(masquerade);
    return NULL;
}

void masquerade_close(struct masquerade *masquerade)
{
    if (!masquerade)
        return;
    if (masquerade->exceptions)
        match_list_close(masquerade->exceptions);
    free(masquerade->domains.items);
    free(masquerade);
}

bool masquerade_is_empty(const struct masquerade *masquerade)
{
    return masquerade->domains.count == 0;
}

static bool is_below(struct slice domain, struct slice parent)
{
    size_t length = domain.length - parent.length;

    return domain.length > parent.length && domain.data[length - 1] == '.'
           && slice_equal_nocase(slice_from(domain, length), parent);
}

/* What the domain becomes; the domain itself when it stays. */
static struct slice find_mask(const struct masquerade *masquerade, struct slice domain)
{
    for (size_t i = 0; i < masquerade->domains.count; i++) {
        const struct masked_domain *mask = &masquerade->domains.items[i];

        if (slice_equal_nocase(domain, mask->name))
            return domain;
        if (is_below(domain, mask->name))
            return mask->stays ? domain : mask->name;
    }
    return domain;
}

bool masquerade_apply(const struct masquerade *masquerade, struct arena *arena,
                      const char **address, struct error *error)
{
    struct address_parts parts = address_split(slice_of(*address));
    struct slice domain = find_mask(masquerade, parts.domain);

    if (domain.length == parts.domain.length)
        return true;
    switch (match_list_get(masquerade->exceptions, parts.local, error)) {
    case MATCH_NO:
        *address = arena_format(arena, "%.*s@%.*s", SLICE_ARGS(parts.local), SLICE_ARGS(domain));
        return true;
    case MATCH_YES:
        return true;
    default:
        return false;
    }
}
