/*
 * What each right of service.h means to the kernel: one row a right.
 *
 * From the rows come the Landlock rules, the system call filter and the capabilities of a
 * process (service/confine.c), and what `postfix check -v` prints.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum folder_access {
    FOLDER_READ = 1,
    FOLDER_WRITE = 2,       /* make, write, truncate, rename, remove regular files and folders */
    FOLDER_REMOVE = 4,      /* remove files */
};

struct folder_grant {
    const char *folder;     /* below the queue directory, absolute, or "$config_directory",
                               "$data_directory", "$maillog", "$tables" */
    unsigned access;
};

enum network_access {
    NETWORK_UNIX = 1,       /* stream sockets to our own services */
    NETWORK_TCP = 2,        /* connections to any port */
    NETWORK_DNS = 4,        /* UDP, and TCP to port 53 */
};

enum { RIGHT_FOLDER_LIMIT = 12 };

struct right {
    unsigned bit;
    const char *name;
    struct folder_grant folders[RIGHT_FOLDER_LIMIT];
    unsigned network;
    bool changes_files;     /* system calls that make, change and remove files */
    bool trusted;           /* runs foreign code as other users: not filtered, see why */
    uint64_t capabilities;  /* bits of linux/capability.h */
    const char *why;
};

/* Row number index, or NULL behind the last. */
const struct right *right_at(unsigned index);

/* The names of the rights in a set, separated by a blank; "nothing" for none. */
void rights_text(struct str *output, unsigned rights);

/* What the rows of a set say together. */
unsigned rights_network(unsigned rights);
bool rights_change_files(unsigned rights);
bool rights_are_trusted(unsigned rights);
uint64_t rights_capabilities(unsigned rights);
