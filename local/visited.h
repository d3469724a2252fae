/*
 * The Delivered-To: headers of a message: where it has been already.
 */
#pragma once

#include "base/hash.h"
#include "queue/queue.h"

/* The addresses, folded, as keys; NULL without any.  Caller owns, hash_free(visited, NULL). */
struct hash *visited_read(struct content *content);

bool visited_has(const struct hash *visited, const char *address);
