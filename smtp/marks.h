/*
 * flags=DORX of master.cf: headers that tell who gets a message and who sent it, above its own
 * (COMMAND ATTRIBUTE SYNTAX in smtp(8)).
 */
#pragma once

#include "agent.h"
#include "deliver/request.h"
#include "failure.h"
#include "text.h"

enum { MARK_DELIVERED = 1, MARK_ORIGINAL = 2, MARK_RETURN_PATH = 4, MARK_FINAL = 8 };

/* False for a word of the line in master.cf that says something else. */
bool marks_parse(char *const *words, int count, unsigned *marks, struct error *error) MUST_USE;

/*
 * False with the failure when the message must not go out with these marks: it has been delivered
 * to the address before, or there are more recipients than one header can name.
 */
bool marks_permit(const struct agent *agent, const struct delivery_request *request, int file,
                  struct arena *arena, struct failure *failure) MUST_USE;

void marks_write(unsigned marks, const struct delivery_request *request, struct text *text);
