/*
 * Limits on what a client may do in a time unit, counted by anvil (TUNING_README).
 *
 * Each but the last is false when the client has gone too far: that has been logged and answered
 * then.  Where no limit is set nobody is asked.
 */
#pragma once

#include <stdbool.h>

struct session;

bool limits_connect(struct session *session);
bool limits_message(struct session *session);
bool limits_recipient(struct session *session);
bool limits_auth(struct session *session);

/* The client has left. */
void limits_disconnect(struct session *session);
