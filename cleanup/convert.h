/*
 * force_mime_input_conversion: 8-bit bodies become quoted-printable before anybody looks at them.
 */
#pragma once

#include "incoming.h"

/* The message is to be converted. */
bool convert_wanted(const struct intake *intake);

/* From now on what is added passes through the conversion. */
void convert_begin(struct intake *intake);
void convert_add(struct intake *intake, struct slice content);

/* What was held back comes out; the conversion is over.  NULL is fine for intake->pass. */
void convert_end(struct intake *intake);
