/*
 * header_checks(5) and body_checks(5) of a message on its way in: the actions that only
 * cleanup has, and which lines are checked.
 */
#pragma once

#include "incoming.h"

/* body_checks, or the checks of headers within the body, are in use. */
bool checks_want_body(const struct cleanup *cleanup);

/*
 * A logical header of the message.  False: it is to be left out.  replaced gets what stands in
 * its place, when something does.
 */
bool checks_header_line(struct intake *intake, struct slice line, struct str *replaced);

/* A line of the body.  False: it is not to be written (any more): it was handled here. */
bool checks_body_line(struct intake *intake, struct slice line);

/* The headers of a part were gathered in intake->header, and the last one has ended. */
void checks_end_part_header(struct intake *intake);
