#include "pipe_arguments.h"

#include "base/scope.h"
#include "base/test.h"

static bool read_words(const char *const *words, struct arena *arena,
                       struct pipe_settings *settings, struct error *error)
{
    static const struct config config = { .mail_owner = "nobody", .setgid_group = "nogroup" };
    char **copies = arena_take(arena, 8 * sizeof(*copies));
    int count = 0;

    for (; words[count]; count++)
        copies[count] = arena_copy(arena, words[count]);
    return pipe_settings_read(&config, copies, count, settings, error);
}

static void forget(struct pipe_settings *settings)
{
    str_free(&settings->eol);
    free((char *)settings->account.user);
    free((char *)settings->account.group);
}

TEST(pipe_settings_refuse_what_they_do_not_know)
{
    static const struct {
        const char *words[4], *wanted;
    } cases[] = {
        { { "flags=DZ", "user=daemon", "argv=x", NULL }, "unknown flag: Z (ignored)" },
        { { "user=daemon", NULL }, "missing argv= command-line attribute" },
        { { "argv=/bin/true", NULL }, "missing user= command-line attribute" },
        { { "user=root", "argv=x", NULL },
          "user= command-line attribute specifies root privileges" },
        { { "user=nobody", "argv=x", NULL },
          "user= command-line attribute specifies mail system owner nobody" },
        { { "user=daemon:root", "argv=x", NULL },
          "user= command-line attribute specifies privileged group id 0" },
        { { "user=no such", "argv=x", NULL }, "get_service_attr: unknown username: no such" },
        { { "size=x", "argv=x", NULL }, "get_service_attr: bad size= value: x" },
        { { "color=red", "argv=x", NULL }, "unknown attribute name: color=red" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pipe_settings settings;
        struct error error = ERROR_NONE;
        AUTO_ARENA struct arena *arena = arena_new();

        CHECK(!read_words(cases[i].words, arena, &settings, &error));
        CHECK_TEXT(error.text, cases[i].wanted);
        forget(&settings);
    }
}

TEST(pipe_settings_read_escapes_of_line_ends)
{
    static const char *const words[] = { "flags=BFqu.>", "user=daemon", "eol=\\t\\101\\q\\\\\\r",
                                         "argv=/bin/x", "$user", NULL };
    struct pipe_settings settings;
    struct error error = ERROR_NONE;
    AUTO_ARENA struct arena *arena = arena_new();

    CHECK(read_words(words, arena, &settings, &error));
    CHECK_TEXT(settings.eol.data, "\tAq\\\r");
    CHECK_TEXT(settings.arguments[0], "/bin/x");
    CHECK_TEXT(settings.arguments[1], "$user");
    CHECK_NUMBER(settings.flags, PIPE_BLANK_LINE | PIPE_FROM_LINE | PIPE_QUOTE | PIPE_FOLD_USER
                                     | PIPE_DOT | PIPE_QUOTE_FROM);
    forget(&settings);
}

static void expand(unsigned flags, const char *const *arguments, struct str *output)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct recipient recipients[] = {
        { "Sp ace+Ext@Ex.ORG", "", "", 0, 0 }, { "two@Ex.ORG", "First@Else", "", 0, 0 },
    };
    struct delivery_request request = {
        .nexthop = "Next", .envelope = { .queue_id = "QID", .sender = "", .content_size = 42 },
    };
    struct pipe_settings settings = {
        .flags = flags, .null_sender = "MAILER-DAEMON", .arguments = arguments,
    };
    const char *const *got;
    struct error error = ERROR_NONE;

    request.envelope.recipients = (struct recipient_list){ recipients, 2, 0 };
    if (!pipe_arguments_expand(&settings, "+", &request, arena, &got, &error))
        str_text(output, error.text);
    else
        for (; *got; got++)
            str_format(output, "[%s]", *got);
}

TEST(pipe_arguments_come_once_for_each_recipient_they_speak_of)
{
    static const struct {
        unsigned flags;
        const char *arguments[3], *wanted;
    } cases[] = {
        { 0, { "a", "$size:${queue_id}:$(nexthop)$$", NULL }, "[a][42:QID:Next$]" },
        { 0, { "-r$recipient", "$sender", NULL },
          "[-rSp ace+Ext@Ex.ORG][-rtwo@Ex.ORG][MAILER-DAEMON]" },
        { PIPE_QUOTE | PIPE_FOLD_USER | PIPE_FOLD_DOMAIN, { "$recipient", "$nexthop", NULL },
          "[\"sp ace+ext\"@ex.org][two@ex.org][next]" },
        { 0, { "$user/$extension", NULL }, "[Sp ace/Ext][two/]" },
        { PIPE_FOLD_DOMAIN, { "$mailbox $domain", NULL }, "[Sp ace+Ext ex.org][two ex.org]" },
        { 0, { "$original_recipient", NULL }, "[Sp ace+Ext@Ex.ORG][First@Else]" },
        { 0, { "$client_address", "", NULL }, "[][]" },
        { 0, { "${user?x}", NULL }, "unknown macro name: \"user?x\"" },
        { 0, { "$", NULL }, "unknown macro name: \"\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str output = STR_EMPTY;

        expand(cases[i].flags, cases[i].arguments, &output);
        CHECK_TEXT(output.data, cases[i].wanted);
    }
}
