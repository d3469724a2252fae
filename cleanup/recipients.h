/*
 * The addresses of the envelope: rewritten, mapped, and expanded to the recipients of the queue
 * file.
 */
#pragma once

#include "incoming.h"

void recipients_of_envelope(struct intake *intake);

/* Behind the content: those that it named (checks), and copies. */
void recipients_of_content(struct intake *intake);
