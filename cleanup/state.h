/*
 * What every message needs and nobody changes: settings, tables, the queue; opened once by
 * prepare and shared by all threads.
 */
#pragma once

#include "address/lookup.h"
#include "address/rewrite.h"
#include "characters.h"
#include "config/config.h"
#include "ipc/lane.h"
#include "masquerade.h"
#include "message/checks.h"
#include "notice.h"
#include "queue/intake_log.h"

/* Which addresses a map or masquerading applies to: canonical_classes and its kin. */
enum address_use {
    USE_ENVELOPE_SENDER = 1, USE_ENVELOPE_RECIPIENT = 2, USE_HEADER_SENDER = 4,
    USE_HEADER_RECIPIENT = 8,
};

/* A table list of a parameter and where it applies. */
struct address_maps {
    struct table_list *tables;
    unsigned uses;
};

struct cleanup {
    const struct config *config;
    struct table_context tables;
    struct rewrite_settings rewrite;
    struct lookup *lookup;
    struct address_maps canonical, sender_canonical, recipient_canonical;
    bool propagate_canonical, propagate_virtual;
    struct masquerade *masquerade;
    unsigned masquerade_uses;
    struct characters stripped, refused;    /* message_strip_, message_reject_characters */
    struct table_list *virtual_alias;
    struct table_list *sender_bcc, *recipient_bcc;
    struct checks checks;
    uint64_t dropped_headers;           /* message_drop_headers: bits of enum header_id */
    struct slice *dropped_names;        /* and the names that have no id */
    size_t dropped_name_count;
    struct queue *queue;
    struct log_writer *log;             /* NULL: every message is a file */
    struct notice *notice;
    struct lane_pool *trace;            /* where expanded recipients are told of */
};

/* Reads and opens everything, tables with a copy of the context. */
struct cleanup *cleanup_open(const struct config *config, const char *qmgr_socket,
                             const char *trace_socket,
                             const struct table_context *tables, struct error *error) MUST_USE;
void cleanup_close(struct cleanup *cleanup);

/* True when a header of that name is thrown away (message_drop_headers). */
bool cleanup_drops(const struct cleanup *cleanup, unsigned header_id, struct slice name);
