/*
 * What is changed in a message while it goes out (generic(5), header_checks(5), RFC 6152 3).
 */
#pragma once

#include "body.h"

struct edit;

/* False: the content may go out as it is. */
bool edit_is_wanted(const struct body_settings *settings);

/* Both are borrowed. */
struct edit *edit_new(const struct body_settings *settings, struct text *text);
void edit_free(struct edit *edit);

/* The next piece of the content. */
void edit_add(struct edit *edit, struct slice bytes, bool ends);

/* False when a table could not be asked: what went out is not the message. */
bool edit_end(struct edit *edit) MUST_USE;
