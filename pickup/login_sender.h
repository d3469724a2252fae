/*
 * Which envelope senders a login may use: local_login_sender_maps (postconf(5)).
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "config/config.h"

enum login_verdict { LOGIN_MAY, LOGIN_MAY_NOT, LOGIN_TROUBLE };

/*
 * May the real user of this process send as sender (internal form)?  Otherwise error says why
 * not, for the user to read.
 */
enum login_verdict login_may_send(const struct config *config, struct slice sender,
                                  struct error *error) MUST_USE;
