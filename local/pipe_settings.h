/*
 * What a line of master.cf tells pipe(8): flags=, user=, argv= and the rest.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "config/config.h"
#include "service/account.h"

enum pipe_flag {
    PIPE_BLANK_LINE = 1 << 0,       /* B */
    PIPE_DELIVERED_TO = 1 << 1,     /* D */
    PIPE_FROM_LINE = 1 << 2,        /* F */
    PIPE_ORIGINAL_TO = 1 << 3,      /* O */
    PIPE_RETURN_PATH = 1 << 4,      /* R */
    PIPE_FINAL = 1 << 5,            /* X */
    PIPE_FOLD_DOMAIN = 1 << 6,      /* h */
    PIPE_QUOTE = 1 << 7,            /* q */
    PIPE_FOLD_USER = 1 << 8,        /* u */
    PIPE_DOT = 1 << 9,              /* . */
    PIPE_QUOTE_FROM = 1 << 10,      /* > */
};

struct pipe_settings {
    unsigned flags;
    struct account account;
    const char *root, *directory;   /* NULL without */
    const char *null_sender;
    struct str eol;
    int64_t size_limit;             /* 0: none */
    const char *const *arguments;   /* with $names, NULL at the end */
};

/* The words stay in use.  False with what is wrong about them. */
bool pipe_settings_read(const struct config *config, char **words, int count,
                        struct pipe_settings *settings, struct error *error) MUST_USE;
