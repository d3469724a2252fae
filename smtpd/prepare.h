/*
 * What smtpd opens when it starts, and whom its sessions ask: cleanup, anvil, verify, flush, DNS.
 */
#pragma once

#include "service/service.h"
#include "session.h"

/* What prepare opened, for all threads. */
struct smtpd {
    struct server server;
    struct dns *dns;
    struct dns *filtered_dns;   /* for records that restrictions ask for; else what hosts are */
    struct lane_pool *cleanup, *anvil;
    struct verifier *verifier;
    const char *queue_directory;
    const char *flush;          /* socket of the flush service */
};

/* Open all that sessions need; the context's state is a struct smtpd. */
bool smtpd_prepare(struct service_context *context, struct error *error);

/* What smtpd may do, once it is known whom its policy asks. */
unsigned smtpd_rights(const struct service_context *context, unsigned rights);
