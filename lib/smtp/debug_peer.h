/*
 * Peers whose conversations are logged: debug_peer_list and debug_peer_level (postconf(5)).
 *
 * Who talks SMTP, as client or server, asks once for each connection how much to log beyond what
 * -v of master.cf asks for, keeps the number with the session, and logs with it what is said in
 * that session alone: sessions of a process run beside each other, so there is no common level.
 * What a peer is looked for by is the server's or client's name and address, and, for a client,
 * the next hop too (a second question).
 */
#pragma once

#include "config/config.h"
#include "table/match.h"

struct debug_peer;

/*
 * Open the list.  Reads debug_peer_list, debug_peer_level and parent_domain_matches_subdomains,
 * whose rows must name the program.  NULL when the list cannot be read; error says why.
 */
struct debug_peer *debug_peer_open(const struct table_context *context,
                                   const struct config *config, struct error *error) MUST_USE;
void debug_peer_close(struct debug_peer *debug_peer);

/*
 * The verbosity to add for a peer: debug_peer_level when the list has its name or its address,
 * else 0.  "unknown" and "" are no names, "" is no address.  A list that cannot be asked (a table
 * in trouble, which is logged) adds nothing.  May wait for a table that is not a local file.
 */
int debug_peer_level(struct debug_peer *debug_peer, struct slice name, struct slice address);

enum debug_direction { DEBUG_HEARD = '<', DEBUG_SAID = '>' };

/*
 * Log lines (without their ends, or with) of the conversation with a peer ("name[address]"), one
 * line each: "< name[address]: EHLO there".  What could prove who somebody is must not be among
 * them: see debug_peer_shown; the content of mails is not logged either.
 */
void debug_peer_log(enum debug_direction direction, const char *peer, struct slice lines);

/*
 * What may be shown of a command: all, but of AUTH (RFC 4954 4) the mechanism only.  The lines
 * that follow an AUTH command until its final reply may not be shown at all.
 */
struct slice debug_peer_shown(struct slice command);
