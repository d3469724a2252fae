#include "options.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/vector.h"
#include "log/log.h"

static const char usage_text[] =
    "usage: %s [-a (server SASL types)] [-A (client SASL types)] [-b (bounce templates)]"
    " [-c config_dir] [-c param_class] [-d (parameter defaults)] [-e (edit configuration)]"
    " [-f (fold lines)] [-F (master.cf fields)] [-h (no names)] [-H (no values)]"
    " [-l (lock types)] [-m (map types)] [-M (master.cf)] [-n (non-default parameters)]"
    " [-o name=value (override parameter value)] [-p (main.cf, default)]"
    " [-P (master.cf parameters)] [-t (bounce templates)]"
    " [-T compile-version|run-version|public-key-algorithms] [-v (verbose)]"
    " [-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]";

/* What stands behind a mode's letter may be given with it; the first that is given is the mode. */
static const struct { char mode; const char *allowed; } modes[] = {
    { 'p', "cCdefhHnopvxX#" }, { 'M', "cefoMvxX#" }, { 'F', "cefFhHovx" },
    { 'P', "cefhHoPvxX" }, { 'a', "cv" }, { 'A', "cv" }, { 'b', "cv" }, { 'l', "cv" },
    { 'm', "cv" }, { 't', "cv" }, { 'T', "cv" },
};

/* At most one of each. */
static const char *const exclusive[] = {
    "pMFPaAblmtT", "denX#", "eX#f", "eX#h", "eX#H", "eX#o", "eX#x", "do", "hH",
};

static unsigned bit_of(char letter)
{
    const char *place = strchr(OPTION_LETTERS, letter);

    return place ? 1u << (place - OPTION_LETTERS) : 0;
}

static unsigned bits_of(const char *letters)
{
    unsigned bits = 0;

    for (; *letters; letters++)
        bits |= bit_of(*letters);
    return bits;
}

bool option_is_given(const struct options *options, char letter)
{
    return options->given & bit_of(letter);
}

bool options_edit(const struct options *options)
{
    return options->given & bits_of("eX#");
}

static void check_exclusive(const struct options *options)
{
    for (size_t i = 0; i < COUNT(exclusive); i++) {
        unsigned given = options->given & bits_of(exclusive[i]);
        AUTO_STR struct str list = STR_EMPTY;

        if (__builtin_popcount(given) < 2)
            continue;
        for (const char *letter = OPTION_LETTERS; *letter; letter++)
            if (given & bit_of(*letter))
                str_format(&list, " -%c", *letter);
        log_fatal("specify one of%s", list.data);
    }
}

static void check_mode(const struct options *options)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (!option_is_given(options, modes[i].mode))
            continue;

        unsigned allowed = bits_of(modes[i].allowed) | bit_of(modes[i].mode);

        for (const char *letter = OPTION_LETTERS; *letter; letter++)
            if (options->given & bit_of(*letter) & ~allowed)
                log_fatal("with option -%c, do not specify -%c", modes[i].mode, *letter);
    }
}

static unsigned parse_classes(const char *text)
{
    static const struct { const char *name; unsigned class; } classes[] = {
        { "builtin", CLASS_BUILTIN }, { "service", CLASS_SERVICE }, { "user", CLASS_USER },
        { "all", CLASS_ALL },
    };
    struct slice rest = slice_of(text), word;
    unsigned chosen = 0;

    while (slice_take_token(&rest, ", \t\r\n", &word)) {
        unsigned before = chosen;

        for (size_t i = 0; i < COUNT(classes); i++)
            if (slice_is_nocase(word, classes[i].name))
                chosen |= classes[i].class;
        if (chosen == before)
            log_fatal("unknown -C option value \"%.*s\" in \"%s\"", SLICE_ARGS(word), text);
    }
    return chosen;
}

static void add_override(struct options *options, const char *text)
{
    struct error error;
    struct config_override override;

    if (!config_parse_override(slice_of(text), &override, &error)) {
        const char *reason = strchr(text, '=') ? "missing attribute name"
                                               : "missing '=' after attribute name";

        log_fatal("invalid parameter override: %s: %s", text, reason);
    }
    options->overrides = memory_resize(options->overrides, options->override_count + 1,
                                       sizeof(*options->overrides));
    options->overrides[options->override_count++] = override;
}

/* name=value among the arguments asks for -e where editing is possible. */
static void imply(struct options *options)
{
    if (!(options->given & bits_of("pMFPaAblmtT")))
        options->given |= bit_of('p');
    if (!(options->given & bits_of("pMFP")) || (options->given & bits_of("e")))
        return;
    if (option_is_given(options, 'F') || option_is_given(options, 'P') ||
        option_is_given(options, 'M') || option_is_given(options, 'p'))
        if (options->arguments[0] && strchr(options->arguments[0], '='))
            options->given |= bit_of('e');
}

struct options options_read(int argc, char **argv)
{
    struct options options = { .classes = CLASS_ALL };
    int letter;

    while ((letter = getopt(argc, argv, "aAbc:C:deEfFhHlmMno:pPtT:vxX#")) >= 0) {
        if (letter == '?')
            log_fatal(usage_text, argv[0]);
        options.given |= bit_of((char)letter);
        if (letter == 'c')
            options.directory = optarg;
        else if (letter == 'C')
            options.classes = parse_classes(optarg);
        else if (letter == 'o')
            add_override(&options, optarg);
        else if (letter == 'T')
            options.tls_mode = optarg;
    }
    options.arguments = argv + optind;
    imply(&options);
    check_exclusive(&options);
    check_mode(&options);
    return options;
}

void options_free(struct options *options)
{
    for (size_t i = 0; i < options->override_count; i++) {
        free((char *)(uintptr_t)options->overrides[i].name);
        free((char *)(uintptr_t)options->overrides[i].value);
    }
    free(options->overrides);
}
