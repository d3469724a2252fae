#include "deliver/verp.h"

#include "address/address.h"

void verp_sender(struct str *output, const char *delimiters, struct slice sender,
                 struct slice recipient)
{
    struct address_parts from = address_split(sender), to = address_split(recipient);

    str_add(output, from.local);
    str_byte(output, delimiters[0]);
    address_quote_local(output, to.local);
    if (to.has_domain && delimiters[0]) {
        str_byte(output, delimiters[1]);
        str_add(output, to.domain);
    }
    if (from.has_domain) {
        str_byte(output, '@');
        str_add(output, from.domain);
    }
}
