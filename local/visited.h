/*
 * The Delivered-To: headers of a message: where it has been already.
 */
#pragma once

#include "base/hash.h"
#include "deliver/request.h"

/* The addresses, folded, as keys; caller owns, hash_free(visited, NULL). */
struct hash *visited_read(const struct delivery_request *request, int file);

bool visited_has(const struct hash *visited, const char *address);
