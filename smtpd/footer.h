/*
 * smtpd_reject_footer: what an administrator adds to every 4xx and 5xx reply (postconf(5)).
 */
#pragma once

#include "facts.h"
#include "server.h"

/*
 * Append the footer to the text of a reply: behind a line feed, or joined to it when the footer
 * begins with \c.  Nothing when there is no footer or it is a broken expression (then logged).
 * whole is the reply with its code and status: the key of smtpd_reject_footer_maps.
 */
void footer_add(const struct server *server, const struct facts *facts, struct slice whole,
                struct str *text);
