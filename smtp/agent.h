/*
 * The state of an smtp or lmtp process: made by prepare, then read by every lane.
 */
#pragma once

#include "address/interfaces.h"
#include "config/config.h"
#include "deliver/outcome.h"
#include "dns/dns.h"
#include "failure.h"
#include "service/service.h"
#include "source.h"
#include "tables.h"
#include "tls_demand.h"

struct pool;

struct agent {
    const struct config *config;
    const char *service_name;   /* as in master.cf */
    bool lmtp;
    unsigned marks;             /* MARK_ bits: flags= of master.cf */
    struct dns *dns;
    struct interfaces *interfaces;
    struct source source, source6;      /* of connections by IPv4 and IPv6 */
    struct reporter *reporter;
    struct tables tables;
    struct lane_pool *cleanup;  /* for notices to the postmaster */
    bool tells_postmaster;      /* notify_classes = protocol: the only class that this is about */
    struct pool *pool;          /* connections that wait for their next message */
    int family;                 /* AF_INET, AF_INET6, AF_UNSPEC: inet_protocols */
    unsigned discarded;         /* EXTENSION_ bits of smtp_discard_ehlo_keywords */
    bool silent_discard;        /* ... and nothing of them in the log */
    struct tls_demand tls_demand;
    bool require_auth;          /* and we have none */
};

/* The EXTENSION_ bits of a list of keywords; unknown ones are warned of. */
unsigned agent_discarded(const struct agent *agent, const char *keywords);

bool agent_prepare(struct service_context *context, struct error *error);

/* One delivery request of the lane. */
enum turn agent_turn(struct client *client);

/* main() of both programs. */
int agent_main(const char *name, int argc, char **argv);
