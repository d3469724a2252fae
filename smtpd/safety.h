/*
 * What would go another way with the defaults of today: said in the log while a default is that
 * of an older compatibility_level (COMPATIBILITY_README), so that a postmaster can make it
 * permanent.  Each function speaks only where its parameter has such a default.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct facts;
struct match_list;
struct server;
struct verdict;

struct safety {
    bool relay_domains, relay_list, relay_order, no_utf8, completion;
    struct match_list *host_networks;   /* mynetworks of today; NULL: those in use are */
};

/* False with a text when the networks of this host cannot be told. */
bool safety_open(struct server *server, struct error *error) MUST_USE;
void safety_close(struct server *server);

/* permit_mynetworks has let the client in. */
void safety_network(const struct server *server, const struct facts *facts);

/* Mail is accepted for a domain, or an address, that is in relay_domains. */
void safety_relay_domain(const struct server *server, struct slice address);
void safety_relay_address(const struct server *server, const char *address);

void safety_flush(const struct server *server, struct slice domain);

/* smtpd_recipient_restrictions may have refused, before smtpd_relay_restrictions were asked. */
void safety_order(const struct server *server, const struct facts *facts,
                  const struct verdict *verdict);

/* Nothing lets this recipient pass that smtpd_relay_restrictions of today would ask for. */
void safety_relay(const struct facts *facts);

/* A recipient whose domain is completed. */
void safety_completion(const struct server *server, struct slice address);

/* which is "sender" or "recipient". */
void safety_address(const struct server *server, const char *which, struct slice address,
                    const char *client);
