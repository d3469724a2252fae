/*
 * best_mx_transport: mail that would loop back to this host goes to another delivery agent.
 */
#pragma once

#include "delivery.h"

/*
 * Hand what is left of the delivery to the agent, "transport" or "transport:nexthop", and take
 * over its reports.  False, with the delivery's failure set, when it cannot be asked.  Waits for
 * the agent.
 */
bool handover(struct delivery *delivery, const char *destination) MUST_USE;
