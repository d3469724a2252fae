/*
 * Variable envelope return path: a sender address that names the recipient.
 */
#pragma once

#include "base/str.h"

/*
 * Append "list+user=dest.test@here.test" for sender list@here.test, recipient user@dest.test
 * and the two delimiters "+="; addresses in internal form.
 */
void verp_sender(struct str *output, const char *delimiters, struct slice sender,
                 struct slice recipient);
