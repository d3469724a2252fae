/*
 * Texts that administrators write and in which $name stands for what a client has said.
 */
#pragma once

#include "server.h"

/* Append text; bytes that smtpd_expansion_filter does not list become '_'. */
void expansion_add(const struct server *server, struct str *output, const char *text);

/* The value of smtpd_expansion_filter, for server_open. */
void expansion_read_filter(struct server *server, struct slice value);

struct facts;

/*
 * The value of a name that every such text may hold: client, client_name, sender, ...  False when
 * it is none of them.
 */
bool expansion_fact(const struct server *server, const struct facts *facts, struct slice name,
                    struct str *value);
