/* Addresses, paths and header lists of any bytes: no crash, and quoting keeps an address. */
#include "address/address.h"
#include "address/external.h"
#include "address/header.h"
#include "address/rewrite.h"
#include "base/scope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *argument, struct slice internal)
{
    *(size_t *)argument += internal.length;
}

static bool rewrite(void *argument, struct slice external, struct str *output)
{
    rewrite_external(argument, REWRITE_LOCAL, external, output);
    return true;
}

/* A quoted tab or end of line comes back as a blank. */
static bool is_same(struct slice read, struct slice written)
{
    if (read.length != written.length)
        return false;
    for (size_t i = 0; i < read.length; i++)
        if (read.data[i] != external_quoted_byte(written.data[i]))
            return false;
    return true;
}

static void check_quoting(struct slice text)
{
    AUTO_STR struct str external = STR_EMPTY;
    AUTO_STR struct str internal = STR_EMPTY;
    struct slice local = address_split(text).local;

    address_quote_local(&external, local);
    if (!address_unquote(&internal, str_slice(&external))
        || !is_same(str_slice(&internal), local))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rewrite_settings settings = {
        .myorigin = "origin.test", .mydomain = "example.test",
        .remote_header_rewrite_domain = "", .recipient_delimiter = "+-",
        .empty_address_recipient = "MAILER-DAEMON", .append_at_myorigin = true,
        .append_dot_mydomain = true, .swap_bangpath = true, .allow_percent_hack = true,
    };
    struct slice text = slice_bytes(data, size), rest = text, user, extension, tail;
    AUTO_STR struct str output = STR_EMPTY;
    size_t total = 0;

    check_quoting(text);
    rewrite_address(&settings, REWRITE_LOCAL, text, &output);
    (void)header_rewrite_addresses(text, 10240, rewrite, &settings, &output);
    header_find_addresses(text, ignore, &total);
    (void)address_split_extension(text, "+-", &user, &extension, &tail);
    (void)address_is_host_name(text);
    address_fold(&output, text);
    if (address_parse_path(&rest, PATH_EMPTY | PATH_UTF8, &output) == PATH_GOOD
        && rest.length > size)
        abort();
    return 0;
}
