/*
 * Who has connected: address, and the name that DNS gives it, confirmed by
 * looking the name's addresses up (smtpd_peername_lookup).
 */
#pragma once

#include "dns/dns.h"
#include "session.h"

/* Fill client from two socket addresses; texts live in the arena.  May wait for DNS. */
void peer_find(struct dns *dns, bool lookup, const struct sockaddr_storage *peer,
               const struct sockaddr_storage *local, struct arena *arena,
               struct session_client *client);
