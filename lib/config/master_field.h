/*
 * The fields of a master.cf line: names, syntax, meaning.
 */
#pragma once

#include "config/master_cf.h"

/* As postconf -F names them ("wakeup"), and as master's complaints do ("wakeup_time"). */
const char *master_field_name(enum master_field field);
const char *master_field_title(enum master_field field);

/*
 * Give the meaning of service->fields[field] to its members.  False with the words of
 * master for what is not valid there.
 */
bool master_field_set(struct master_service *service, enum master_field field,
                      struct error *error) MUST_USE;

/* The next word; blanks in { } do not end it.  False at the end. */
bool master_take_token(struct slice *rest, struct slice *token);

/*
 * Take the braces off "{ text }".  When they are broken: false with Postfix's words, and
 * text is what can be made of it.
 */
bool master_braces_open(struct slice *text, struct error *error) MUST_USE;
