/*
 * Variable envelope return path: a sender address that names the recipient.
 */
#pragma once

#include "base/str.h"

/*
 * Append "list+user=dest.test@here.test" for sender list@here.test, recipient user@dest.test
 * and the two delimiters "+=".  Internal form all, but a local part of the recipient that needs
 * quotes keeps them, as in Postfix.
 */
void verp_sender(struct str *output, const char *delimiters, struct slice sender,
                 struct slice recipient);
