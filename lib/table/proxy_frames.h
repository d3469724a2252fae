/*
 * What a client of proxymap asks, and its answer; and the client itself.
 */
#pragma once

#include "ipc/lane.h"
#include "table/table.h"

enum table_action {
    TABLE_ACTION_GET, TABLE_ACTION_PUT, TABLE_ACTION_DELETE, TABLE_ACTION_FIRST, TABLE_ACTION_NEXT
};

struct table_request {
    int64_t action;
    const char *name;       /* "type:name" */
    int64_t flags;          /* of table_open */
    struct slice key;
    struct slice value;     /* of PUT */
};

enum table_status { TABLE_STATUS_FOUND, TABLE_STATUS_ABSENT, TABLE_STATUS_RETRY,
                    TABLE_STATUS_DENIED };

struct table_reply {
    int64_t status;
    struct slice key;       /* of FIRST and NEXT */
    struct slice value;
    const char *reason;     /* of RETRY */
};

extern const struct frame_type table_request_frame;
extern const struct frame_type table_reply_frame;

struct proxy_client;

/* A client for the table "type:name"; writes: of proxywrite, else of proxymap. */
struct proxy_client *proxy_client_new(const struct table_context *context, const char *name,
                                      bool writes) MUST_USE;
void proxy_client_free(struct proxy_client *client);

/*
 * One round trip; request->name is filled in.  TABLE_TROUBLE is logged.  The texts of the
 * answer live in the arena.
 */
enum table_result proxy_client_ask(struct proxy_client *client, struct table_request *request,
                                   struct arena *arena, struct table_reply *reply,
                                   struct error *error) MUST_USE;
