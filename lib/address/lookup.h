/*
 * In which order an address is looked up (canonical(5), virtual(5), access(5) ...).
 */
#pragma once

#include "address/interfaces.h"
#include "base/arena.h"
#include "base/error.h"
#include "table/match.h"
#include "table/table.h"

struct config;

/* What the orders depend on: myorigin, mydestination, own addresses, recipient_delimiter. */
struct lookup;

struct lookup *lookup_open(const struct config *config, const struct table_context *context,
                           struct error *error) MUST_USE;
void lookup_close(struct lookup *lookup);

const struct interfaces *lookup_interfaces(const struct lookup *lookup);

/* The domain is in mydestination, or is an own address in brackets. */
enum match_result lookup_domain_is_local(struct lookup *lookup, struct slice domain,
                                         struct error *error) MUST_USE;

/*
 * Ask for user+ext@domain, user@domain, then user+ext and user (when domain is $myorigin or
 * local), then @domain.  Tables of patterns are asked for the whole address only.  address is
 * internal; tables hold the external form, which is asked first.
 * extension gets what user@domain and user did not use, with its delimiter ("+ext"), else "".
 * Both strings are replaced; extension may be NULL.
 */
enum table_result lookup_address(struct lookup *lookup, struct table_list *maps,
                                 struct slice address, struct str *value, struct str *extension,
                                 struct error *error) MUST_USE;

/* Internal addresses, in an arena. */
struct address_list {
    struct slice *items;
    size_t count;
    size_t capacity;
};

/*
 * lookup_address (keys in external form only), and the result taken apart (comma separated
 * addresses): in standard and internal form, the extension put back where propagate is true,
 * "@other" completed with the user part.  items of *results are malloc'ed
 * (free(results->items)), their bytes live in the arena.
 */
enum table_result lookup_map(struct lookup *lookup, struct table_list *maps, struct slice address,
                             bool propagate, struct arena *arena, struct address_list *results,
                             struct error *error) MUST_USE;

/* propagate_unmatched_extensions lists the word: "canonical", "virtual", "alias", ... */
bool lookup_propagates(const struct lookup *lookup, const char *class);

/*
 * The keys of access(5), in their order.  whole is true for the keys that tables of
 * patterns are asked too (the first one); partial keys are for the other types only.
 */
struct access_key {
    struct slice text;
    bool whole;
};

struct access_keys {
    struct access_key *items;
    size_t count;
    size_t capacity;
};

/*
 * parent is true when smtpd_access_maps is in parent_domain_matches_subdomains: then "dom"
 * matches below it, else ".dom".  items are malloc'ed, bytes live in the arena or the argument.
 */
void access_keys_of_address(const struct lookup *lookup, struct slice internal, bool parent,
                            struct arena *arena, struct access_keys *keys);
void access_keys_of_domain(struct slice domain, bool parent, struct arena *arena,
                           struct access_keys *keys);
void access_keys_of_network(struct slice address, struct arena *arena, struct access_keys *keys);
