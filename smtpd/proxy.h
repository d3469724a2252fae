/*
 * A mail on its way through a filter before the queue (smtpd_proxy_filter): the filter gets what
 * the client has said, and the client what the filter answers; nothing goes to cleanup.
 *
 * With speed_adjust the mail waits here until it is whole, so that the filter is not kept by
 * slow clients.  Those that return false have appended the reply to the client.  All may wait.
 */
#pragma once

#include "base/slice.h"

struct proxy;
struct session;

/* The mails of this session go through a filter. */
bool proxy_is_used(const struct session *session);

/* The client's command is MAIL, and then RCPT, as the filter gets them. */
void proxy_remember(struct session *session);
bool proxy_start(struct session *session);
bool proxy_recipient(struct session *session);

/* The content: header lines come first. */
bool proxy_data(struct session *session, const char *header);
void proxy_add(struct proxy *proxy, struct slice content);

/* The end of the content: pass the filter's answer on and log it; true when it is 2xx. */
bool proxy_finish(struct session *session);

/* The mail was refused here: log what the filter has said last. */
void proxy_log_refusal(struct session *session);

/* The content is not to arrive.  NULL is fine. */
void proxy_abandon(struct proxy *proxy);

/* Hang up and free.  NULL is fine. */
void proxy_close(struct proxy *proxy);
