#include "visited.h"

#include "address/address.h"
#include "base/scope.h"
#include "queue/queue.h"

static void note(struct hash **visited, struct slice external)
{
    AUTO_STR struct str internal = STR_EMPTY, folded = STR_EMPTY;

    (void)!address_unquote(&internal, external);
    address_fold(&folded, str_slice(&internal));
    if (!*visited)
        *visited = hash_new();
    hash_set(*visited, str_slice(&folded), *visited);
}

struct hash *visited_read(struct content *content)
{
    static const char header[] = "Delivered-To:";
    struct hash *visited = NULL;
    struct error error = ERROR_NONE;
    struct slice line;

    while (content_next(content, &line, &error) == CONTENT_LINE && line.length > 0)
        if (slice_starts_nocase(line, header))
            note(&visited, slice_trim(slice_from(line, sizeof(header) - 1)));
    return visited;
}

bool visited_has(const struct hash *visited, const char *address)
{
    AUTO_STR struct str folded = STR_EMPTY;

    if (!visited)
        return false;
    address_fold(&folded, slice_of(address));
    return hash_get(visited, str_slice(&folded));
}
