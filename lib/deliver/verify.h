/*
 * Client of the verify service (verify(8)): what is known of an address, and what a probe
 * has found out.
 *
 * smtpd asks (reject_unverified_recipient, reject_unverified_sender); delivery agents report the
 * outcome of probes, which reporter_report does for them.
 */
#pragma once

#include "ipc/lane.h"

/* Numbers as they stand in the cache file of Postfix. */
enum verify_status {
    VERIFY_DELIVERABLE,
    VERIFY_DEFERRED,        /* the probe could not be delivered for now */
    VERIFY_BOUNCED,         /* it never will */
    VERIFY_UNKNOWN,         /* a probe is under way and has not come to an end */
};

enum verify_action { VERIFY_QUERY, VERIFY_UPDATE };

struct verify_request {
    int64_t action;             /* enum verify_action */
    const char *address;        /* internal form */
    int64_t wait_milliseconds;  /* query: how long an unknown address may take to become known */
    int64_t status;             /* update: enum verify_status */
    const char *text;           /* update: "delivers to mailbox", "host mx.example said: ..." */
};

struct verify_reply {
    int64_t good;               /* 0: the request was refused, text says why */
    int64_t status;             /* enum verify_status */
    const char *text;
};

extern const struct frame_type verify_request_frame, verify_reply_frame;

/* For any number of threads. */
struct verifier;

/*
 * socket is that of address_verify_service_name, timeout_seconds ipc_timeout; service_verifier
 * (service/needs.h) knows both.
 */
struct verifier *verifier_new(const char *socket, int timeout_seconds);
void verifier_free(struct verifier *verifier);

/*
 * What is known of an address; when nothing is, a probe is sent, and for up to wait_milliseconds
 * (address_verify_poll_delay times address_verify_poll_count - 1) this waits for its outcome.
 * reply->text lives in the arena.  False: the service does not answer, or not with sense; what is
 * to be answered then is unverified_..._tempfail's to say.
 */
bool verifier_query(struct verifier *verifier, const char *address, int64_t wait_milliseconds,
                    struct arena *arena, struct verify_reply *reply,
                    struct error *error) MUST_USE;

/* Tell what came of a probe. */
bool verifier_update(struct verifier *verifier, const char *address, enum verify_status status,
                     const char *text, struct error *error) MUST_USE;

/*
 * The sender of probes at a moment (wall clock): address_verify_sender, with a part behind its
 * local part that changes every ttl_seconds ("double-bounceLP4@a.example"); 0: it never does.
 * "" and "<>" are the null sender.
 */
void verify_sender(struct str *output, const char *sender, int ttl_seconds, int64_t now);

/*
 * The address is (or was a moment ago) that sender: smtpd lets it pass everywhere, or two hosts
 * could probe each other for ever.  The null sender and addresses of other domains are not; a
 * sender without a domain has that of origin ($myorigin).
 */
bool verify_sender_is(struct slice address, const char *sender, int ttl_seconds,
                      const char *origin, int64_t now);
