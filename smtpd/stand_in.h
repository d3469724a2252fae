/*
 * A server whose cleanup, queue and DNS are this file: what was submitted is kept for the
 * test to look at.
 */
#pragma once

#include "session.h"

struct stand_in {
    struct server server;
    const struct config *config;
    struct str content;         /* of the last mail */
    struct str recipients;      /* "a@b c@d " */
    struct str received;
    struct str queue_id;
    int64_t flags;
    enum submission_status status;
    const char *text;
    int64_t room;
    unsigned submitted, abandoned;
    enum dns_status dns;
    enum flush_answer flush;
    const char *listed;         /* names that have the address 127.0.0.4 */
    struct str site;            /* that ETRN asked for */
};

/* Settings beside its own, one "name = value" a line. */
struct stand_in *stand_in_new(const char *more);
const struct config *stand_in_config(const char *more);
void stand_in_free(struct stand_in *in);

/* A conversation with a stand-in server. */
struct talk {
    struct stand_in *in;
    struct session *session;
    struct str output, answer;
};

struct talk *talk_new(struct stand_in *in, const char *address);
void talk_free(struct talk *talk);

/* Say lines that are separated by '|'; a line of content ends in CR LF but for "\\n" at its end. */
void say(struct talk *talk, const char *text);

/* The last line of the output, without its CR LF. */
const char *last_answer(struct talk *talk);

/* What is answered last to the lines. */
void check_answer(const char *settings, const char *address, const char *lines,
                  const char *wanted);
