/*
 * "service/type/field" as the arguments of -M, -F and -P have it; what is left out is "*".
 */
#pragma once

#include "config/master_cf.h"

struct request {
    struct slice name, type, item;  /* item: a field or a parameter */
    size_t parts;                   /* that were given */
    struct slice value;             /* behind =, when there is one */
    bool matched;
};

/* Split text, which may have "=value" behind it when editing. */
struct request request_parse(const char *text, bool with_value);

bool request_matches_service(const struct request *request,
                             const struct master_service *service);
bool request_matches_item(const struct request *request, const char *item);
