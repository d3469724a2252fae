/*
 * Other programs that postmulti runs.
 */
#pragma once

#include "instances.h"

/*
 * Run words[0] (found by PATH) and wait for it: its exit status, 128 and the signal when it was
 * killed.  An instance, unless NULL, is what the program is told of by its environment.
 */
int run_program(const struct instance *instance, char *const *words);

/*
 * Run a command of the suite, "postconf -c DIRECTORY WORD ...", the words ending with NULL.  False
 * when it fails; it has said why itself.
 */
bool run_command(const struct instances *instances, const char *command, const char *directory,
                 char *const *words);
