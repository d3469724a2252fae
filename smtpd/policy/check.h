/*
 * The inside of a policy: what a restriction list is compiled into, and what
 * the checks are given.
 */
#pragma once

#include "base/hash.h"
#include "policy.h"

enum list_id {
    LIST_CLIENT, LIST_HELO, LIST_SENDER, LIST_RELAY, LIST_RECIPIENT, LIST_DATA, LIST_END_OF_DATA,
    LIST_ETRN, LIST_COUNT
};

struct evaluation;
struct check;
struct policy_service;
struct subject;

typedef struct verdict check_function(struct evaluation *evaluation, const struct check *check);

enum check_argument { TAKES_NOTHING, TAKES_TABLE, TAKES_WORD, TAKES_SERVICE };

enum check_needs { NEEDS_NOTHING, NEEDS_HELO, NEEDS_SENDER, NEEDS_RECIPIENT, NEEDS_ETRN };

/* A restriction by its name. */
struct check_kind {
    const char *name;
    enum check_argument argument;
    enum check_needs needs;
    check_function *run;
    struct subject (*permits)(struct evaluation *evaluation);   /* whom a permit is about; NULL:
                                                                   the check logs it itself */
};

const struct check_kind *check_kind_find(struct slice name);

/* One step of a program. */
struct check {
    const struct check_kind *kind;      /* NULL: program, or a name nobody knows */
    const char *name;                   /* as it stands in the list */
    const char *argument;
    struct table *table;
    struct policy_service *service;
    const struct program *program;      /* a restriction class */
};

struct program {
    struct check *items;
    size_t count, capacity;
};

struct policy {
    const struct server *server;
    struct arena *arena;
    struct hash *tables;        /* struct table by "type:name" */
    struct hash *classes;       /* struct program by name */
    struct hash *services;      /* struct policy_service by their text */
    struct program lists[LIST_COUNT];
    struct program local_clients;
    struct program relay_default;       /* what smtpd_relay_restrictions would be by now */
    bool connects_tcp;          /* some policy service is not on a Unix socket */
    bool access_parent;         /* smtpd_access_maps is in parent_domain_matches_subdomains */
    const char *tempfail_action;
    bool wants_logins;          /* smtpd_sasl_auth_enable */
    bool asks_certificates;     /* smtpd_tls_ask_ccert, smtpd_tls_req_ccert */
    struct match_list *relay_clients;   /* of check_relay_domains, once it is met */
};

/* A list is being evaluated for somebody's facts. */
struct evaluation {
    struct policy *policy;
    const struct facts *facts;
    struct arena *arena;
    struct effects *effects;            /* NULL where there is no mail */
    enum list_id list;
    bool warn;                          /* after warn_if_reject */
    bool quiet;                         /* permits are not logged */
    int depth;
    const struct subject *subject;      /* of the access table whose restrictions run */
    struct verdict if_permit, if_reject;    /* what was deferred; VERDICT_NEXT: nothing */
};

extern const char *const list_parameters[LIST_COUNT];

/* compile.c: a list's text; tables are opened only when context says so. */
bool program_compile(struct policy *policy, struct slice text, enum list_id list, bool may_open,
                     struct arena *arena, struct program *program, struct error *error);

/* evaluate.c */
struct verdict program_run(struct evaluation *evaluation, const struct program *program);

/* verdict.c: whom a reply is about. */
struct subject {
    const char *name;       /* between the angle brackets */
    const char *class;      /* "Sender address" */
};

/* Log a permit that smtpd_log_access_permit_actions asks for; table NULL: by a restriction. */
void permit_log(struct evaluation *evaluation, const char *action, struct subject subject,
                const char *table);

struct subject subject_client(struct evaluation *evaluation);
struct subject subject_helo(struct evaluation *evaluation);
struct subject subject_sender(struct evaluation *evaluation);
struct subject subject_recipient(struct evaluation *evaluation);
/* What the list as a whole is about. */
struct subject subject_list(struct evaluation *evaluation);

struct verdict verdict_next(void);
struct verdict verdict_permit(void);
struct verdict verdict_text(int code, const char *status, const char *text);

/* "<name>: class rejected: text"; the status is made to fit class and code. */
struct verdict verdict_reject(struct evaluation *evaluation, struct subject subject, int code,
                              const char *status, const char *format, ...) PRINTF_LIKE(5, 6);

/* The server's configuration is at fault, or a table cannot be asked. */
struct verdict verdict_bad_config(void);
struct verdict verdict_table_trouble(struct evaluation *evaluation, const char *name,
                                     const char *why);

/* Keep it for the end of the evaluation; what was kept first stays. */
struct verdict verdict_defer_if_permit(struct evaluation *evaluation, struct verdict verdict);
struct verdict verdict_defer_if_reject(struct evaluation *evaluation, struct verdict verdict);

/* action.c: do what a table said about a key. */
struct verdict access_obey(struct evaluation *evaluation, const struct check *check,
                           struct subject subject, const char *key, struct slice value);

/* access.c: ask the check's table for a domain and its parents, for an address and its networks. */
struct verdict access_ask_domain(struct evaluation *evaluation, const struct check *check,
                                 struct subject subject, const char *domain, bool *found);
struct verdict access_ask_network(struct evaluation *evaluation, const struct check *check,
                                  struct subject subject, const char *address, bool *found);

/* An OK of a table that is asked for names which strangers choose is our mistake: say so. */
struct verdict access_forbid_permit(const struct check *check, const char *name,
                                    struct verdict verdict);

check_function check_client_access, check_reverse_client_hostname_access, check_helo_access,
    check_sender_access, check_recipient_access, check_etrn_access;

/* recipient.c: where mail for an address would go; false when that cannot be known now. */
bool recipient_resolve(struct evaluation *evaluation, const char *address,
                       struct resolution *resolution, struct error *error) MUST_USE;

#define AUTO_RESOLUTION __attribute__((cleanup(resolution_free)))

/* Is the address one of ours, and of somebody who is known? */
struct verdict recipient_check_listed(struct evaluation *evaluation, const char *address,
                                      struct subject subject, bool is_sender);
/* The sender has said which way the mail is to go: "user%host@relay". */
bool recipient_is_routed(struct evaluation *evaluation);
check_function check_mx_backup;     /* backup.c */
check_function check_unauth_destination, check_defer_unauth_destination, check_auth_destination,
    check_unlisted_recipient, check_unlisted_sender;

/* servers.c: check_{client,helo,sender,...}_{a,mx,ns}_access */
check_function check_server_access;

/* unverified.c: what probes have found out (ADDRESS_VERIFICATION_README) */
check_function check_unverified_sender, check_unverified_recipient;

/* identity.c */
check_function check_login, check_login_of_sender, check_certificate;

/* deprecated.c */
check_function check_naked_address, check_relay_domains;

/* names.c */
check_function check_invalid_helo, check_non_fqdn_helo, check_unknown_helo, check_non_fqdn_sender,
    check_non_fqdn_recipient, check_unknown_sender_domain, check_unknown_recipient_domain,
    check_unknown_client, check_unknown_reverse_client, check_unknown_forward_client;
