/*
 * Probes: messages without content that go the way of all mail, up to the delivery itself.
 */
#pragma once

#include "service/service.h"

struct prober;

struct prober *prober_new(struct service_context *context);

/* Have cleanup queue one, meanwhile.  Trouble is logged, and the probe is lost. */
void prober_send(struct prober *prober, struct events *events, const char *address);

/* How many are not queued yet. */
size_t prober_pending(const struct prober *prober);
