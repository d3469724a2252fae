/*
 * What qmgr asks of an agent, from its arrival on the lane to the report about it: the same frame
 * for every agent, whatever it does with the recipients in between.
 */
#pragma once

#include "deliver/outcome.h"

struct assignment {
    struct delivery_request request;
    struct arena *arena;            /* borrowed */
    int file;                       /* the queue file; -1 when the content is in the request */
    struct content *content;        /* of assignment_open; whoever reads rewinds it first */
    struct delivery_report report;  /* so far without recipients; it has room for all of them */
};

/*
 * The next one of the lane, which assignment_end ends; waits for as long as qmgr keeps the lane.
 * False when there will be none; why is in the log, unless qmgr simply left.
 */
bool assignment_receive(struct assignment *assignment, struct lane *lane, struct arena *arena)
    MUST_USE;

/* Have the content ready to be read. */
void assignment_open(struct assignment *assignment);

/* What became of a recipient, now that it is durable. */
void assignment_settle(struct assignment *assignment, const struct recipient *recipient,
                       enum delivery_status status);

/* The same after telling everybody concerned of the outcome. */
void assignment_tell(struct assignment *assignment, struct reporter *reporter,
                     const struct recipient *recipient, const struct outcome *outcome);

/*
 * Send the report, and give back the file and the content.  False, which is in the log, when the
 * lane broke.
 */
bool assignment_end(struct assignment *assignment, struct lane *lane) MUST_USE;
