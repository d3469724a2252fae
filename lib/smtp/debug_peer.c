#include "smtp/debug_peer.h"

#include "base/memory.h"
#include "log/log.h"

#include <stdlib.h>

struct debug_peer {
    struct match_list *list;
    int level;
};

struct debug_peer *debug_peer_open(const struct table_context *context,
                                   const struct config *config, struct error *error)
{
    unsigned parent = match_parent_flag(config->parent_domain_matches_subdomains,
                                        "debug_peer_list");
    struct match_list *list = match_list_open(context, "debug_peer_list", config->debug_peer_list,
                                              MATCH_HOST, parent, error);

    if (!list)
        return NULL;

    struct debug_peer *debug_peer = memory_new(1, sizeof(*debug_peer));

    debug_peer->list = list;
    debug_peer->level = config->debug_peer_level;
    return debug_peer;
}

void debug_peer_close(struct debug_peer *debug_peer)
{
    if (!debug_peer)
        return;
    match_list_close(debug_peer->list);
    free(debug_peer);
}

int debug_peer_level(struct debug_peer *debug_peer, struct slice name, struct slice address)
{
    struct error ignored;

    return match_list_client(debug_peer->list, name, address, &ignored) == MATCH_YES
               ? debug_peer->level : 0;
}

void debug_peer_log(enum debug_direction direction, const char *peer, struct slice lines)
{
    do {
        struct slice line = slice_take_until(&lines, "\n");

        if (slice_ends(line, "\r"))
            line.length--;
        log_info("%c %s: %.*s", direction, peer, SLICE_ARGS(line));
    } while (lines.length);
}

struct slice debug_peer_shown(struct slice command)
{
    struct slice rest = command;

    if (!slice_is_nocase(slice_take_word(&rest), "AUTH"))
        return command;

    struct slice mechanism = slice_take_word(&rest);

    return slice_part(command, 0,
                      (size_t)(mechanism.data - command.data) + mechanism.length);
}
