/*
 * What local, virtual and pipe say alike: the outcome of a delivery, and the headers on top of it.
 */
#pragma once

#include "deliver/outcome.h"
#include "program.h"

/* An outcome with the reason given and nothing else. */
struct outcome delivery_outcome(const char *relay, const char *dsn, const char *reason);

/* A program's words are the diagnostic of a notification (RFC 3464 2.3.6). */
struct outcome delivery_outcome_of_program(const char *relay,
                                           const struct program_result *result);

/* Return-Path:, X-Original-To: and Delivered-To: the last two when they are not NULL. */
void delivery_headers(struct str *headers, const char *sender, const char *original,
                      const char *delivered);
