/*
 * The lines of the content: logical headers are put together and handed on, bodies are checked
 * and written.
 */
#pragma once

#include "incoming.h"

/* Content that is washed and converted: any number of bytes. */
void content_take(struct intake *intake, struct slice content);

/* The last byte was there. */
void content_end(struct intake *intake);
