/*
 * The outcome of a delivery attempt for one recipient: one value from which come the log
 * line, the bounce or defer record, and the report to qmgr (RFC 3463, 3464).
 */
#pragma once

#include "deliver/request.h"

enum outcome_action { OUTCOME_DELIVERED, OUTCOME_RELAYED, OUTCOME_EXPANDED, OUTCOME_FAILED,
                      OUTCOME_DELAYED, OUTCOME_DELIVERABLE, OUTCOME_UNDELIVERABLE };

struct outcome {
    enum outcome_action action;
    const char *dsn;            /* "2.0.0" */
    const char *reason;         /* "250 2.0.0 Ok: queued as X", "delivered to maildir" */
    const char *relay;          /* "mx.example[192.0.2.1]:25", "local", "none" */
    const char *diagnostic_type;    /* "smtp", "x-unix", "" */
    const char *diagnostic_text;
    const char *remote_mta;     /* for the DSN: "mx.example"; "" without */
    int64_t connection_use;     /* conn_use= when > 1 */
    int64_t connected_at;       /* microseconds: connection set-up done; 0: never */
    int64_t transmission_at;    /* when connecting began; 0: the agent does not connect */
};

/* Where agents record failures and delays; made once by prepare. */
struct reporter;

struct status_filter;
struct verifier;

struct reporter_settings {
    const char *bounce_socket, *defer_socket, *trace_socket;
    const struct status_filter *filter;     /* NULL: none; must outlive the reporter */
    struct verifier *verifier;              /* told of probes; must outlive the reporter */
    bool soft_bounce;
    bool verify_negative_cache;
    int delay_resolution_limit;     /* delay_logging_resolution_limit */
    int timeout_seconds;            /* ipc_timeout */
};

struct reporter *reporter_new(const struct reporter_settings *settings);
void reporter_free(struct reporter *reporter);

/*
 * Log "QID: to=<>, orig_to=<>, relay=, conn_use=, delay=, delays=a/b/c/d, dsn=, status= (reason)",
 * record a failure with bounce (or defer when bounce cannot take it), a delay with defer, a
 * success that was asked for (NOTIFY=SUCCESS) with trace.  A request with REQUEST_PROBE was not
 * delivered: what would have come of it goes to verify or to trace.  The delivery status filter
 * has its say first.  Returns what qmgr is told; the outcome is durable then.  Waits for
 * the bounce service.
 */
enum delivery_status reporter_report(struct reporter *reporter,
                                     const struct delivery_request *request,
                                     const struct recipient *recipient,
                                     const struct outcome *outcome);

/*
 * The recipient was an alias (RFC 3461 5.2.7): who asked for NOTIFY=SUCCESS is told that it was
 * expanded, or, where the list has an owner of its own, that it was delivered.  Nothing is logged.
 */
void reporter_expanded(const struct reporter *reporter, const struct delivery_request *request,
                       const struct recipient *recipient, bool list);

/* Text of a delay as in delay= and delays=: two significant digits. */
void outcome_delay_text(struct str *output, double seconds, int resolution_limit);
