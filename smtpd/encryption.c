#include "encryption.h"

#include "base/scope.h"
#include "log/log.h"

/* Settings of a part that is not there have no member of their own to read. */
static void look_up(const struct config *config, const char *name, struct str *text)
{
    struct error error;

    if (!config_lookup(config, name, text, &error))
        str_clear(text);
}

static bool is_yes(const struct config *config, const char *name)
{
    AUTO_STR struct str text = STR_EMPTY;

    look_up(config, name, &text);
    return slice_is_nocase(str_slice(&text), "yes");
}

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

    look_up(config, "smtpd_tls_security_level", &level);
    if (level.length) {
        if (!read_level(encryption, slice_trim(str_slice(&level)), error))
            return false;
    } else {
        encryption->demanded = is_yes(config, "smtpd_enforce_tls");
        encryption->known = encryption->demanded || is_yes(config, "smtpd_use_tls");
    }
    encryption->wrapped = is_yes(config, "smtpd_tls_wrappermode");
    if (encryption->demanded || encryption->wrapped)
        log_warn("TLS is demanded and not served by this release: no mail is taken here");
    return true;
}
