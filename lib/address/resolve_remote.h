/*
 * Resolving by trivial-rewrite(8), which may open tables that ask servers: its clients need no
 * right to the network for them.
 */
#pragma once

#include "address/resolve.h"
#include "ipc/frame.h"

/* Both requests are answered by a resolve reply; that of a class has nothing else. */
struct resolve_request {
    int64_t purpose;            /* enum resolve_purpose */
    struct slice sender;
    struct slice address;
};

struct class_request {
    struct slice domain;
};

struct resolve_reply {
    int64_t trouble;            /* 1: defer, reason says why; of the rest only recipient is set */
    int64_t class;
    int64_t flags;
    struct slice transport;
    struct slice nexthop;
    struct slice recipient;
    const char *reason;
};

extern const struct frame_type resolve_request_frame, class_request_frame, resolve_reply_frame;

struct resolver_remote;

/* The service is asked at path; its name is for error texts.  An answer is valid for a second. */
struct resolver_remote *resolver_remote_new(const char *path, const char *service,
                                            enum resolve_purpose purpose, int timeout_seconds);
void resolver_remote_free(struct resolver_remote *remote);

/* As resolver_resolve and resolver_domain_class; false, too, without an answer in time. */
bool resolver_remote_resolve(struct resolver_remote *remote, struct slice sender,
                             struct slice internal, struct resolution *resolution,
                             struct error *error) MUST_USE;
bool resolver_remote_class(struct resolver_remote *remote, struct slice domain,
                           enum address_class *class, struct error *error) MUST_USE;
