#include "config/twin.h"

#include "base/scope.h"

/* NULL for a name: no twin; NULL for a default: by the rule. */
static const struct { const char *smtp, *lmtp, *fallback; } exceptions[] = {
    { "smtp_always_send_ehlo", NULL, NULL },
    { "smtp_connect_timeout", "lmtp_connect_timeout", "0s" },
    { "smtp_discard_ehlo_keyword_address_maps", "lmtp_discard_lhlo_keyword_address_maps", NULL },
    { "smtp_discard_ehlo_keywords", "lmtp_discard_lhlo_keywords", NULL },
    { "smtp_fallback_relay", "lmtp_fallback_relay", "" },
    { "smtp_helo_name", "lmtp_lhlo_name", NULL },
    { "smtp_helo_timeout", "lmtp_lhlo_timeout", NULL },
    { "smtp_never_send_ehlo", NULL, NULL },
    { "smtp_skip_quit_response", "lmtp_skip_quit_response", "no" },
    { "smtp_tcp_port", "lmtp_tcp_port", "24" },
    { "smtp_tls_dane_insecure_mx_policy", NULL, NULL },
    { "smtp_tls_secure_cert_match", "lmtp_tls_secure_cert_match", "nexthop" },
};

static void replace_prefix(struct slice text, struct str *output)
{
    str_clear(output);
    while (text.length > 0) {
        if (slice_starts(text, "smtp_")) {
            str_text(output, "lmtp_");
            text = slice_from(text, 5);
        } else {
            str_byte(output, text.data[0]);
            text = slice_from(text, 1);
        }
    }
}

/* A row of its own for the lmtp_ name, as the scheduler's families have it, is no twin. */
static bool set_name(struct str *name, const char *lmtp)
{
    if (!lmtp || parameter_find(slice_of(lmtp)))
        return false;
    str_set(name, slice_of(lmtp));
    return true;
}

bool twin_name(const struct parameter *parameter, struct str *name)
{
    if (strncmp(parameter->member, "smtp_", 5) != 0)
        return false;
    for (size_t i = 0; i < COUNT(exceptions); i++)
        if (strcmp(exceptions[i].smtp, parameter->member) == 0)
            return set_name(name, exceptions[i].lmtp);

    AUTO_STR struct str lmtp = STR_EMPTY;

    str_format(&lmtp, "lmtp_%s", parameter->member + 5);
    return set_name(name, lmtp.data);
}

const struct parameter *twin_find(struct slice lmtp_name)
{
    if (!slice_starts(lmtp_name, "lmtp_"))
        return NULL;
    for (size_t i = 0; i < COUNT(exceptions); i++)
        if (exceptions[i].lmtp && slice_is(lmtp_name, exceptions[i].lmtp))
            return parameter_find(slice_of(exceptions[i].smtp));

    AUTO_STR struct str name = STR_EMPTY;

    str_set(&name, slice_of("smtp_"));
    str_add(&name, slice_from(lmtp_name, 5));

    const struct parameter *parameter = parameter_find(str_slice(&name));
    AUTO_STR struct str back = STR_EMPTY;

    return parameter && twin_name(parameter, &back) && slice_equal(str_slice(&back), lmtp_name)
               ? parameter : NULL;
}

void twin_default(const struct parameter *parameter, struct str *text)
{
    for (size_t i = 0; i < COUNT(exceptions); i++)
        if (exceptions[i].fallback && strcmp(exceptions[i].smtp, parameter->member) == 0) {
            str_set(text, slice_of(exceptions[i].fallback));
            return;
        }
    replace_prefix(slice_of(parameter->fallback), text);
}
