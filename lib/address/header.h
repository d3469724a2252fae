/*
 * Address lists in message headers (RFC 5322 3.4): From, To, Cc, Reply-To, Sender ...
 */
#pragma once

#include "base/str.h"

/*
 * Called for each address of a list: the external form as it stands there, without comments
 * and display name.  Append the new external form to output and return true, or return
 * false to leave the address as it is.
 */
typedef bool header_rewrite(void *argument, struct slice external, struct str *output);

/*
 * Rewrite the addresses of a header's value (what follows "Name:").  Returns false when
 * nothing changed; then output is not touched.  What changed is appended as Postfix
 * writes it, addresses separated by ",\n\t"; display names and comments are kept.  What is
 * behind token_limit words and operators is left out (header_address_token_limit).
 */
bool header_rewrite_addresses(struct slice value, size_t token_limit, header_rewrite *rewrite,
                              void *argument, struct str *output);

/*
 * The addresses of a header's value in internal form (sendmail -t, Reply-To of a notice): found is
 * called for each; it is empty for "", and not called for <>.  What else is there is counted:
 * commas, names, groups and comments.
 */
size_t header_find_addresses(struct slice value,
                             void (*found)(void *argument, struct slice internal),
                             void *argument);
