/*
 * What main.cf wants of TLS in the server (postconf(5): smtpd_tls_security_level,
 * smtpd_enforce_tls, smtpd_use_tls, smtpd_tls_wrappermode).  There is no TLS here, so nobody gets
 * past a demand.
 */
#pragma once

#include "config/config.h"

struct encryption {
    bool known;         /* STARTTLS is a command, though it is not to be had now */
    bool demanded;      /* without it a client may greet and leave */
    bool wrapped;       /* a client would begin with TLS: there is nothing to say to it */
};

/* False: the security level is none that there is. */
bool encryption_open(struct encryption *encryption, const struct config *config,
                     struct error *error) MUST_USE;
