/*
 * The .forward file of a user (forward_path of postconf(5)).
 */
#pragma once

#include "base/str.h"
#include "identity.h"

/* What $user, $home, ... stand for in forward_path and luser_relay. */
struct forward_names {
    struct slice user, home, shell, recipient, extension, recipient_delimiter;
};

/* Expand $name, ${name}, $(name), ${name?text}, ${name:text}. */
void forward_expand(struct slice text, const struct forward_names *names, struct str *output);

/*
 * Read, as the user, the first file of the path that is there.  A file that others may have
 * written is ignored with a warning.  False when there is none to use: the process is
 * the user still then, since the mailbox comes next.
 */
bool forward_file_find(const char *path, struct identities *identities,
                       const struct identity *identity, const struct forward_names *names,
                       struct str *text);
