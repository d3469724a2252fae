/*
 * Envelope and header addresses on their way to the queue: standard form, canonical maps,
 * virtual aliases (ADDRESS_REWRITING_README).
 */
#pragma once

#include "state.h"

/*
 * The address as it goes into the queue: rewritten, and mapped when map is set.  Lives in
 * the arena.  False when a table cannot be asked: the mail is deferred.
 */
bool address_prepare(const struct cleanup *cleanup, struct arena *arena, enum address_use use,
                     bool map, struct slice internal, const char **result, struct error *error)
    MUST_USE;

/* The address in standard form, without any maps.  Lives in the arena. */
const char *address_standard(const struct cleanup *cleanup, struct arena *arena,
                             struct slice internal);

/* Only the maps, for an address that is in standard form; *result is address when none did. */
bool address_map(const struct cleanup *cleanup, struct arena *arena, enum address_use use,
                 const char *address, const char **result, struct error *error) MUST_USE;

/*
 * Expand an address by virtual_alias_maps, again and again until nothing changes; found is
 * called for each address that remains.  False when a table cannot be asked or a limit is
 * exceeded: the mail is deferred.
 */
bool address_expand(const struct cleanup *cleanup, struct arena *arena, const char *address,
                    void (*found)(void *argument, const char *address), void *argument,
                    struct error *error) MUST_USE;
