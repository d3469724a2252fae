/*
 * The state of a local(8) process, made by prepare.
 */
#pragma once

#include "address/resolve.h"
#include "address/rewrite.h"
#include "config/config.h"
#include "deliver/mailbox.h"
#include "deliver/outcome.h"
#include "identity.h"
#include "service/executor.h"
#include "service/service.h"
#include "table/table.h"

struct agent {
    const struct config *config;
    const char *service_name;
    struct table_list *aliases;
    struct table_list *mailbox_transports, *mailbox_commands, *fallback_transports;
    struct lookup *lookup;
    struct resolver *resolver;
    struct rewrite_settings rewrite;
    struct reporter *reporter;
    struct lane_pool *cleanup;
    struct identities *identities;
    struct executor *executor;
    struct mailbox_settings mailbox;
};

bool agent_prepare(struct service_context *context, struct error *error);
enum turn agent_turn(struct client *client);
