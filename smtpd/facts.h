/*
 * What is known of a client and of its mail at a moment: what restrictions are
 * evaluated on, and what stands on the log lines about it.
 *
 * Texts are borrowed from the session and never NULL unless it is said so.
 */
#pragma once

#include "base/compiler.h"
#include "base/str.h"
#include "dns/dns.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct facts {
    const char *client;             /* "name[address]" of log lines, ":port" behind if asked for */
    const char *name;               /* of the client, confirmed; else "unknown" */
    const char *reverse_name;       /* as its address says, unconfirmed; else "unknown" */
    const char *address;            /* numeric text */
    enum dns_status name_status;    /* DNS_FOUND, DNS_TROUBLE when trying again may help, ... */
    enum dns_status reverse_status;
    enum dns_status forward_status; /* of the reverse name's addresses */
    const char *port;
    const struct sockaddr *peer;    /* as connected, whatever XCLIENT says */
    int family;                     /* of address */
    const char *server_address, *server_port;
    const char *session_id;         /* differs from that of every other session */
    unsigned transaction;           /* which MAIL of the session this is */
    const char *helo;               /* NULL before HELO */
    const char *protocol;           /* "SMTP" or "ESMTP" */
    const char *sender;             /* internal form; NULL outside a transaction */
    const char *recipient;          /* internal form; NULL when there is none or several */
    const char *sasl_method, *sasl_username;    /* NULL without */
    const char *etrn_domain;        /* NULL but in ETRN */
    const char *stage;              /* "CONNECT", "RCPT", ... */
    const char *queue_id;           /* "" while there is none: NOQUEUE */
    size_t recipient_count;
    int64_t size;                   /* as announced by SIZE=, then as received */
    bool internal_addresses;        /* info_log_address_format: without quotes in the log */
    bool improper_pipelining;       /* the client has sent commands before it may */
};

/* Log "NOQUEUE: reject: RCPT from name[address]: text; from=<> to=<> proto= helo=<>". */
void facts_log(const struct facts *facts, const char *verb, struct slice text);

/* The same of a filter's answer: "verb: END-OF-MESSAGE: text; from=<> ...". */
void facts_log_answer(const struct facts *facts, const char *verb, struct slice text);

/* Append bytes as the C language writes them: \t, \303. */
void text_escape(struct str *output, struct slice bytes);
