/*
 * Recipients that another delivery agent shall have (mailbox_transport, fallback_transport).
 *
 * The request goes down a lane to private/NAME with the queue file beside it, as qmgr sends it; the
 * agent logs and records what becomes of the recipient.
 */
#pragma once

#include "job.h"

/*
 * Deliver the address (internal form) over "transport:nexthop"; without a nexthop that of the
 * request.  Waits until the agent has reported.
 */
void pass_to_transport(struct job *job, const char *address, struct slice destination);

/*
 * What the tables or else the plain parameter say for a user; false without anything.  When a
 * table cannot answer the recipient is reported, and destination is empty after true.
 */
bool pass_find(struct job *job, struct table_list *maps, const char *plain, struct slice user,
               const char *address, struct str *destination) MUST_USE;
