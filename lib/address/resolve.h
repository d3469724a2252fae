/*
 * Where mail for an address goes: (transport, nexthop, recipient) and the class of its
 * domain (trivial-rewrite(8), ADDRESS_CLASS_README, transport(5)).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "table/match.h"
#include "table/table.h"

struct config;
struct resolver;
struct lookup;

enum address_class {
    ADDRESS_LOCAL,              /* mydestination, inet_interfaces, proxy_interfaces */
    ADDRESS_VIRTUAL_ALIAS,
    ADDRESS_VIRTUAL_MAILBOX,
    ADDRESS_RELAY,
    ADDRESS_DEFAULT,
};

enum {
    RESOLVE_ROUTED = 1,         /* the local part has routing operators (%, !, @) of the sender */
    RESOLVE_BAD = 2,            /* not a valid address: transport error, nexthop says why */
};

struct resolution {
    enum address_class class;
    unsigned flags;
    struct str transport;
    struct str nexthop;
    struct str recipient;       /* the internal form that is handed to the transport */
};

#define RESOLUTION_EMPTY ((struct resolution){ 0, 0, STR_EMPTY, STR_EMPTY, STR_EMPTY })

void resolution_free(struct resolution *resolution);

enum resolve_purpose {
    RESOLVE_MAIL,               /* transport_maps, default_transport, ... */
    RESOLVE_PROBE,              /* address_verify_transport_maps and so on */
};

/*
 * Open all that resolving needs.  The config must be of a program that is named in the rows
 * of trivial-rewrite's parameters (smtpd, cleanup, qmgr, ...).  The lookup and the context are
 * kept.  The settings are those of its rewriter, if it has one.
 *
 * The tables are opened in this process when all of them are files.  When one asks a server (tcp:,
 * socketmap:, proxy: ...), trivial-rewrite is asked instead, for a service that need not be there
 * before the first address, so that this process needs no right to reach that server.
 */
struct resolver *resolver_open(const struct config *config, const struct table_context *context,
                               struct lookup *lookup, enum resolve_purpose purpose,
                               struct error *error) MUST_USE;
/* For trivial-rewrite: the tables are opened here, whatever they are. */
struct resolver *resolver_open_here(const struct config *config,
                                    const struct table_context *context, struct lookup *lookup,
                                    enum resolve_purpose purpose, struct error *error) MUST_USE;
void resolver_close(struct resolver *resolver);

/*
 * Resolve a rewritten recipient address in internal form.  sender is for the
 * sender_dependent_ tables, in internal form too, "" for the null sender.  False: a table could
 * not be asked (error->text); the mail is deferred; the recipient is set if it was known by then,
 * else empty.  An address that is wrong, or was relocated,
 * is true with transport "error" and the reply in nexthop.  May wait for trivial-rewrite.
 */
bool resolver_resolve(struct resolver *resolver, struct slice sender, struct slice internal,
                      struct resolution *resolution, struct error *error) MUST_USE;

/*
 * False: the rewritten address, in internal form, resolves to an error because of its syntax.  Asks
 * mydestination only; an address that cannot be judged now is good.  Without utf8 the domain that
 * it resolves to must be ASCII.
 */
bool resolver_accepts_syntax(struct resolver *resolver, struct slice internal, bool utf8);

/* The class of a domain alone, as for an address in it. */
bool resolver_domain_class(struct resolver *resolver, struct slice domain,
                           enum address_class *class, struct error *error) MUST_USE;
