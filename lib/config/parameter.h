/*
 * The rows of parameters.def, as data.
 */
#pragma once

#include "base/slice.h"
#include "base/str.h"

#include <stdint.h>

enum parameter_type {
    PARAMETER_TEXT,
    PARAMETER_RAW,
    PARAMETER_BOOL,
    PARAMETER_NUMBER,
    PARAMETER_SIZE,
    PARAMETER_SECONDS,
};

enum parameter_origin {
    PARAMETER_POSTFIX,  /* Postfix 3.7 has it */
    PARAMETER_NEWER,    /* later releases of Postfix have it */
    PARAMETER_OURS,     /* Postfix does not have it */
};

struct parameter {
    const char *member;         /* of struct config; the name in main.cf, mostly */
    const char *fallback;       /* the default in main.cf syntax; NULL: computed (defaults.h) */
    const char *used_by;        /* programs, comma separated; "*" is all, "" none yet; "-WHY": it
                                   can have no effect here, and why */
    const char *meaning;
    int64_t lowest, highest;    /* 0: no limit */
    uint32_t offset;            /* of the member in struct config */
    uint8_t type;               /* enum parameter_type */
    uint8_t origin;             /* enum parameter_origin */
};

size_t parameter_count(void);
const struct parameter *parameter_at(size_t index);

/* The name in main.cf: a member of C cannot start with a digit, as 2bounce_... does. */
const char *parameter_name(const struct parameter *parameter);

/* The row of that name; NULL when there is none.  lmtp_ twins have none: see twin.h. */
const struct parameter *parameter_find(struct slice name);

/* Why nothing here needs the parameter; NULL when something does, or will. */
const char *parameter_moot(const struct parameter *parameter);

bool parameter_is_used_by(const struct parameter *parameter, const char *program);
