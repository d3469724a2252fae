#include "proxymap_allowed.h"

#include "base/hash.h"
#include "base/memory.h"
#include "table/braces.h"

#include <stdlib.h>

struct proxymap_allowed {
    struct hash *names;
};

struct proxymap_allowed *proxymap_allowed_new(const char *maps)
{
    struct proxymap_allowed *allowed = memory_new(1, sizeof(*allowed));
    struct slice rest = slice_of(maps), member;

    allowed->names = hash_new();
    while (braces_next(&rest, &member)) {
        if (!slice_starts(member, "proxy:"))
            continue;
        while (slice_starts(member, "proxy:"))
            member = slice_from(member, strlen("proxy:"));
        hash_set(allowed->names, member, allowed);
    }
    return allowed;
}

void proxymap_allowed_free(struct proxymap_allowed *allowed)
{
    hash_free(allowed->names, NULL);
    free(allowed);
}

bool proxymap_allows(const struct proxymap_allowed *allowed, struct slice name)
{
    return hash_get(allowed->names, name) != NULL;
}

void proxymap_allowed_each(const struct proxymap_allowed *allowed,
                           void (*take)(void *argument, const char *name), void *argument)
{
    const struct hash_entry *entry;

    for (size_t position = 0; (entry = hash_next(allowed->names, &position));)
        take(argument, entry->key);
}
