/*
 * Lists in DNS of clients and domains that are bad or good (RFC 5782).
 */
#pragma once

#include "check.h"

check_function check_rbl_client, check_rhsbl_client, check_rhsbl_reverse_client, check_rhsbl_helo,
    check_rhsbl_sender, check_rhsbl_recipient, check_dnswl_client, check_rhswl_client,
    check_maps_rbl;

/* "127.0.0.[2;4..8]": does the pattern hold the address?  Public for tests. */
bool rbl_pattern_matches(struct slice pattern, const unsigned char address[4]);
