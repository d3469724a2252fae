#include "encryption.h"

#include "base/scope.h"
#include "log/log.h"

static bool read_level(struct encryption *encryption, struct slice level, struct error *error)
{
    bool is_stricter = slice_is_nocase(level, "verify") || slice_is_nocase(level, "secure");

    if (is_stricter)
        log_warn("smtpd_tls_security_level: unsupported TLS level \"%.*s\", using \"encrypt\"",
                 SLICE_ARGS(level));
    encryption->demanded = is_stricter || slice_is_nocase(level, "encrypt");
    encryption->known = encryption->demanded || slice_is_nocase(level, "may");
    if (encryption->known || slice_is_nocase(level, "none"))
        return true;
    return error_set(error, "Invalid TLS level \"%.*s\"", SLICE_ARGS(level));
}

bool encryption_open(struct encryption *encryption, const struct config *config,
                     struct error *error)
{
    AUTO_STR struct str level = STR_EMPTY;

    if (!config_lookup(config, "smtpd_tls_security_level", &level, error))
        return false;
    if (level.length) {
        if (!read_level(encryption, slice_trim(str_slice(&level)), error))
            return false;
    } else {
        encryption->demanded = config_is_yes(config, "smtpd_enforce_tls");
        encryption->known = encryption->demanded || config_is_yes(config, "smtpd_use_tls");
    }
    encryption->wrapped = config_is_yes(config, "smtpd_tls_wrappermode");
    if (encryption->demanded || encryption->wrapped)
        log_warn("TLS is demanded and not served by this release: no mail is taken here");
    return true;
}
