/*
 * What MIME forbids and the strict_ parameters refuse: 8-bit text that nothing announces, and
 * encodings of composite parts (RFC 2045 6.4).  It also finds 8-bit content by the headers of
 * parts (detect_8bit_encoding_header).
 */
#pragma once

#include "incoming.h"
#include "message/header.h"

/* A header of the message or of a part, wherever it stands. */
void strict_header(struct intake *intake, const struct header *header, struct slice line);

/* The headers of a place have ended, and a new part began. */
void strict_headers_end(struct intake *intake);
void strict_part_begins(struct intake *intake);

/* A line of a body. */
void strict_body_line(struct intake *intake, struct slice line);

/* A line of the content as it came in: message_reject_characters. */
void strict_line(struct intake *intake, struct slice line);

/* Bodies must be read line by line for this message. */
bool strict_wants_body(const struct intake *intake);
