/*
 * trivial-rewrite(8) from afar: rewriting and resolving by a process that may open tables which
 * the caller may not, or that has a configuration of its own.
 */
#pragma once

#include "address/resolve.h"
#include "address/rewrite.h"
#include "ipc/lane.h"

struct rewrite_request {
    int64_t context;            /* enum rewrite_context */
    struct slice address;       /* internal */
};

struct rewrite_reply {
    struct slice address;
};

struct resolve_request {
    int64_t purpose;            /* enum resolve_purpose */
    struct slice sender;
    struct slice address;
};

struct resolve_reply {
    int64_t trouble;            /* 1: defer, reason says why; the rest is not set */
    int64_t class;
    int64_t flags;
    struct slice transport;
    struct slice nexthop;
    struct slice recipient;
    const char *reason;
};

extern const struct frame_type rewrite_request_frame, rewrite_reply_frame;
extern const struct frame_type resolve_request_frame, resolve_reply_frame;

/* As rewrite_address.  False: the service did not answer by the deadline. */
bool remote_rewrite(struct lane_pool *lanes, enum rewrite_context context, struct slice internal,
                    struct str *output, int64_t deadline, struct error *error) MUST_USE;

/* As resolver_resolve. */
bool remote_resolve(struct lane_pool *lanes, enum resolve_purpose purpose, struct slice sender,
                    struct slice internal, struct resolution *resolution, int64_t deadline,
                    struct error *error) MUST_USE;
