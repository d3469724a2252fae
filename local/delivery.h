/*
 * One delivery request from qmgr, from its arrival to the report: the same for local, virtual and
 * pipe, which serve one at a time.
 */
#pragma once

#include "base/hash.h"
#include "deliver/outcome.h"
#include "program.h"
#include "queue/queue.h"
#include "service/service.h"

struct delivery {
    struct delivery_request request;
    struct arena *arena;            /* borrowed */
    int file;                       /* the queue file */
    struct content *content;        /* whoever reads rewinds it first */
    enum delivery_status *statuses; /* of the recipients, for the caller to set */
};

/* Receive the next request; false when the client is gone.  Pair with delivery_end. */
bool delivery_begin(struct client *client, struct arena *arena, struct delivery *delivery)
    MUST_USE;

/* Report the statuses, and give everything back. */
enum turn delivery_end(struct client *client, struct delivery *delivery);

/* An outcome with the reason given and nothing else. */
struct outcome delivery_outcome(const char *relay, const char *dsn, const char *reason);

/* A program's words are the diagnostic of a notification (RFC 3464 2.3.6). */
struct outcome delivery_outcome_of_program(const char *relay,
                                           const struct program_result *result);

/* Return-Path:, X-Original-To: and Delivered-To: the last two when they are not NULL. */
void delivery_headers(struct str *headers, const char *sender, const char *original,
                      const char *delivered);
