#include "addresses.h"

#include "address/address.h"
#include "base/scope.h"
#include "base/vector.h"

const char *address_standard(const struct cleanup *cleanup, struct arena *arena,
                             struct slice internal)
{
    AUTO_STR struct str text = STR_EMPTY;

    rewrite_address(&cleanup->rewrite, REWRITE_LOCAL, internal, &text);
    return arena_text(arena, str_slice(&text));
}

/* One table list: the first address of a result counts, in standard form. */
static bool map_once(const struct cleanup *cleanup, struct arena *arena,
                     const struct address_maps *maps, enum address_use use, const char **address,
                     struct error *error)
{
    if (!(maps->uses & use) || table_list_is_empty(maps->tables))
        return true;

    struct address_list found = { NULL, 0, 0 };
    enum table_result result = lookup_map(cleanup->lookup, maps->tables, slice_of(*address),
                                          cleanup->propagate_canonical, arena, &found, error);

    if (result == TABLE_FOUND && found.count > 0)
        *address = address_standard(cleanup, arena, found.items[0]);
    free(found.items);
    return result != TABLE_TROUBLE;
}

bool address_map(const struct cleanup *cleanup, struct arena *arena, enum address_use use,
                 const char *address, const char **result, struct error *error)
{
    bool of_sender = use & (USE_ENVELOPE_SENDER | USE_HEADER_SENDER);

    *result = address;
    return map_once(cleanup, arena,
                    of_sender ? &cleanup->sender_canonical : &cleanup->recipient_canonical, use,
                    result, error)
           && map_once(cleanup, arena, &cleanup->canonical, use, result, error)
           && (!(cleanup->masquerade_uses & use)
               || masquerade_apply(cleanup->masquerade, arena, result, error));
}

bool address_prepare(const struct cleanup *cleanup, struct arena *arena, enum address_use use,
                     bool map, struct slice internal, const char **result, struct error *error)
{
    *result = address_standard(cleanup, arena, internal);
    return !map || !**result || address_map(cleanup, arena, use, *result, result, error);
}

/* An address that still has to be looked up. */
struct pending {
    const char *address;
    int depth;
};

struct expansion {
    struct { struct pending *items; size_t count, capacity; } pending;    /* a stack */
    int found;
};

static bool refuse_expansion(const char *what, const char *address, struct error *error)
{
    return error_set(error, "unreasonable virtual_alias_maps map %s for %s"
                     " -- message not accepted, try again later", what, address);
}

/* The results of one lookup, the last first, so that they leave the stack in their order. */
static bool add_results(const struct cleanup *cleanup, struct arena *arena,
                        struct expansion *expansion, const struct pending *from,
                        const struct address_list *results, struct error *error)
{
    for (size_t i = results->count; i-- > 0; ) {
        struct pending next = {
            address_standard(cleanup, arena, results->items[i]), from->depth + 1,
        };

        if ((int64_t)strlen(next.address) > cleanup->config->virtual_alias_address_length_limit)
            return refuse_expansion("result length", next.address, error);
        /* An address that maps to itself is final (virtual(5)). */
        if (slice_is_nocase(slice_of(next.address), from->address))
            next.depth = -1;
        VECTOR_PUSH(&expansion->pending, next);
    }
    return true;
}

static bool expand_all(const struct cleanup *cleanup, struct arena *arena,
                       struct expansion *expansion,
                       void (*found)(void *argument, const char *address), void *argument,
                       struct error *error)
{
    while (expansion->pending.count > 0) {
        struct pending next = expansion->pending.items[--expansion->pending.count];
        struct address_list results = { NULL, 0, 0 };
        enum table_result result = TABLE_ABSENT;

        if (next.depth > cleanup->config->virtual_alias_recursion_limit)
            return refuse_expansion("nesting", next.address, error);
        if (next.depth >= 0)
            result = lookup_map(cleanup->lookup, cleanup->virtual_alias, slice_of(next.address),
                                cleanup->propagate_virtual, arena, &results, error);
        if (result == TABLE_TROUBLE)
            return false;

        bool good = result == TABLE_ABSENT
                    || add_results(cleanup, arena, expansion, &next, &results, error);

        free(results.items);
        if (!good)
            return false;
        if (result == TABLE_FOUND)
            continue;
        if (++expansion->found > cleanup->config->virtual_alias_expansion_limit)
            return refuse_expansion("expansion size", next.address, error);
        found(argument, next.address);
    }
    return true;
}

bool address_expand(const struct cleanup *cleanup, struct arena *arena, const char *address,
                    void (*found)(void *argument, const char *address), void *argument,
                    struct error *error)
{
    if (table_list_is_empty(cleanup->virtual_alias)) {
        found(argument, address);
        return true;
    }

    struct expansion expansion = { .found = 0 };

    VECTOR_PUSH(&expansion.pending, ((struct pending){ address, 0 }));

    bool good = expand_all(cleanup, arena, &expansion, found, argument, error);

    VECTOR_FREE(&expansion.pending);
    return good;
}
