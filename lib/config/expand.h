/*
 * main.cf's expressions: $name ${name} $(name) ${name?text} ${name:text}
 * ${name?{text}:{text}} ${{text} == {text} ? {text} : {text}} and $$ (man 5 postconf).
 *
 * Text that stands for a name is expanded too; what is not chosen is not looked at.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum expand_answer {
    EXPAND_KNOWN,       /* value is the text of the name, not yet expanded */
    EXPAND_FINAL,       /* value is its text, and $ in it means nothing */
    EXPAND_UNKNOWN,     /* counts as empty */
};

struct expand_names {
    enum expand_answer (*get)(void *argument, struct slice name, struct str *value);
    void *argument;
};

/*
 * Append the expansion of text to output.  False with Postfix's words for a broken
 * expression, or for a name that leads back to itself.
 */
bool expand_text(const struct expand_names *names, struct slice text, struct str *output,
                 struct error *error) MUST_USE;

/*
 * Ask for every name in text, chosen or not, and expand nothing: for who wants to know what a text
 * refers to.  What get() answers does not count.  False with the words for a broken expression;
 * the names in front of it were asked for.
 */
bool expand_scan(const struct expand_names *names, struct slice text,
                 struct error *error) MUST_USE;
