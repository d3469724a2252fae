/*
 * `sendmail -bs`: a session on standard input and output, for the user who started it.  Its mail
 * goes to postdrop, for this process has no rights of its own.
 */
#pragma once

/* The whole life of such a process; the exit status. */
int alone_main(void);
