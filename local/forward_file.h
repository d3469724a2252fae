/*
 * The .forward file of a user (forward_path of postconf(5)).
 */
#pragma once

#include "identity.h"
#include "recipient_names.h"

/*
 * Read, as the user, the first file of the path that is there.  A file that others may have
 * written is ignored with a warning.  False when there is none to use: the process is
 * the user still then, since the mailbox comes next.  filter is that of names_put.
 */
bool forward_file_find(const char *path, struct identities *identities,
                       const struct identity *identity, const struct recipient_names *names,
                       const char *filter, struct str *text);
