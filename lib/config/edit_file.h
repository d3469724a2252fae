/*
 * A configuration file that is replaced as a whole: the new text goes into FILE.tmp beside it,
 * which then takes its name, so that readers see the old or the new file and nothing between.
 */
#pragma once

#include "base/str.h"

struct edit_file {
    const char *path;
    struct str temporary;   /* its path */
    struct str text;        /* the old text */
    int file;               /* the temporary file, locked: one editor at a time */
};

/* Lock and read; ends the program when that fails. */
void edit_file_open(struct edit_file *edit, const char *path);

/* Replace the file by text, with owner and mode of the old one, and close. */
void edit_file_commit(struct edit_file *edit, const struct str *text);

/* Leave the file as it is, and close. */
void edit_file_abandon(struct edit_file *edit);
