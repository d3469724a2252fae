/*
 * What all sessions of a process share: settings, opened tables, the compiled
 * policy, and those whom a session asks.
 */
#pragma once

#include "address/lookup.h"
#include "address/resolve.h"
#include "address/rewrite.h"
#include "config/config.h"
#include "deliver/submission.h"
#include "deliver/verify.h"
#include "dns/dns.h"
#include "encryption.h"
#include "flush.h"
#include "safety.h"
#include "smtp/anvil.h"
#include "smtp/debug_peer.h"
#include "stream/stream.h"
#include "table/match.h"

struct policy;

/*
 * What a session asks of others, so that tests and fuzzers can stand in for
 * them.  All may wait.
 */
struct server_calls {
    void *argument;
    /* A submission to cleanup, as deliver/submission.h promises. */
    void *(*submit)(void *argument, struct submission *submission);
    bool (*submit_add)(void *submitter, struct slice content, struct error *error);
    bool (*submit_end)(void *submitter, struct arena *arena, struct submission_reply *reply,
                       struct error *error);
    void (*submit_abandon)(void *submitter);
    /* Bytes free where the queue lies; -1 when that is not known. */
    int64_t (*queue_free)(void *argument);
    void (*query)(void *argument, const char *name, enum dns_type type, struct arena *arena,
                  struct dns_answer *answer);
    /* The addresses of a host, from the hosts file and DNS, of the protocols that we use. */
    void (*addresses)(void *argument, const char *host, struct arena *arena,
                      struct dns_answer *answer);
    void (*pause)(void *argument, int seconds);
    /* A connection to a server that main.cf names: see connect.h. */
    struct stream *(*connect)(void *argument, bool is_unix, const char *name, int timeout_seconds,
                              struct error *error);
    /* Start the delivery of a site's deferred mail (ETRN). */
    enum flush_answer (*flush_site)(void *argument, struct slice site);
    /* What verify(8) knows of an address; false when it cannot be asked.  NULL: nobody is there. */
    bool (*verify)(void *argument, const char *address, int64_t wait_milliseconds,
                   struct arena *arena, struct verify_reply *reply, struct error *error);
    /* Ask anvil; false when it cannot be asked.  NULL: nothing is limited. */
    bool (*count_event)(void *argument, const struct anvil_request *request,
                        struct anvil_reply *reply);
};

struct server {
    const struct config *config;
    const char *service_name;       /* first column of master.cf */
    unsigned process_id;
    struct table_context tables;
    struct lookup *lookup;
    struct resolver *resolver;
    struct encryption encryption;
    struct rewrite_settings rewrite;
    struct match_list *mynetworks;
    struct match_list *bare_newline_exclusions;
    struct match_list *limit_exceptions;
    struct match_list *backup_networks, *verp_clients, *noop_commands, *permit_actions;
    struct debug_peer *debug_peer;
    struct table_list *command_filter, *footers, *discarded_keywords, *dns_filter;
    struct match_list *xclient_hosts, *xforward_hosts;
    struct match_list *fast_flush_domains;
    struct match_list *forbidden_commands;
    struct table_list *local_recipients, *relay_recipients, *virtual_aliases, *virtual_mailboxes,
                      *canonical, *recipient_canonical, *sender_canonical, *rbl_replies;
    struct policy *policy;
    struct safety safety;
    unsigned discarded_extensions;  /* EXTENSION_ bits of smtpd_discard_ehlo_keywords */
    unsigned overrides;             /* SUBMIT_ bits that receive_override_options takes away */
    bool expansion_allows[256];     /* bytes of smtpd_expansion_filter */
    int protocols;                  /* of inet_protocols: AF_INET, AF_INET6, AF_UNSPEC */
    unsigned notified;              /* NOTIFY_ bits of notify_classes */
    bool proxy_waits;               /* speed_adjust: the filter gets whole mails */
    bool detects_smtputf8;          /* smtputf8_autodetect_classes has mail by SMTP */
    bool alone;                     /* on standard input, for a user: no tables, no policy */
    bool check_recipients;          /* no_unknown_recipient_checks is not set */
    enum { BARE_LF_ALLOWED, BARE_LF_NORMALIZED, BARE_LF_REJECTED } bare_newline;
    struct server_calls calls;
};

/* Open everything but calls; false with a text that ends the process. */
bool server_open(struct server *server, const struct config *config,
                 const struct table_context *tables, struct error *error) MUST_USE;
/* For a session on standard input: with settings, and without everything that is opened. */
bool server_open_alone(struct server *server, const struct config *config,
                       const struct table_context *tables, struct error *error) MUST_USE;
void server_close(struct server *server);
