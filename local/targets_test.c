#include "targets.h"

#include "base/scope.h"
#include "base/test.h"
#include "recipient_names.h"

static void write_target(struct str *output, const struct target *target)
{
    static const char marks[] = { [TARGET_ADDRESS] = 'a', [TARGET_FILE] = 'f',
                                  [TARGET_COMMAND] = 'c', [TARGET_INCLUDE] = 'i' };

    str_format(output, "%c(%s%s)", marks[target->kind], target->escaped ? "\\" : "",
               target->text);
}

static void check_list(const char *text, bool file, const char *wanted)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str got = STR_EMPTY;
    const struct target *target = file ? targets_read_file(slice_of(text), 40, arena)
                                       : targets_read(slice_of(text), arena);

    for (; target; target = target->next)
        write_target(&got, target);
    CHECK_TEXT(got.data, wanted);
}

TEST(targets_of_an_alias_are_told_apart)
{
    static const struct {
        const char *list, *wanted;
    } cases[] = {
        { "john, mary@example.com", "a(john)a(mary@example.com)" },
        { "\\john", "a(john)" },
        { "\\\\john", "a(\\john)" },
        { "\"|cat > /x, y\"", "c(cat > /x, y)" },
        { "|/bin/prog", "c(/bin/prog)" },
        { "/var/mail/archive", "f(/var/mail/archive)" },
        { ":include:/etc/list", "i(/etc/list)" },
        { "\":include:/etc/a list\"", "i(/etc/a list)" },
        { "\"john doe\"@example.com", "a(john doe@example.com)" },
        { "Full Name <a@b>, (nobody, really) c", "a(a@b)a(c)" },
        { "|cat >/tmp/x", "c(cat)f(/tmp/x)" },
        { "|/bin/prog arg", "c(/bin/prog)a(arg)" },
        { "group: a@b, c;", "a(a@b)a(c)" },
        { "@x:a@b", "a(a@b)" },
        { " , ,", "" },
        { "", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        check_list(cases[i].list, false, cases[i].wanted);
}

TEST(targets_of_a_file_end_at_newlines_and_skip_comments)
{
    check_list("# who\na, b\n\n#more\n\"|c d\"\n/e\n", true, "a(a)a(b)c(c d)f(/e)");
    check_list(" # more", true, "a(#)a(more)");
    check_list("a, b, ccccccccccccccccccccccccccccccccccccccccccc", true,
               "a(a)a(b)a(cccccccccccccccccccccccccccccccccc)a(ccccccccc)");
    check_list("#only a comment", true, "");
}

TEST(forward_path_names_stand_for_the_recipient)
{
    static const struct {
        const char *text, *extension, *wanted, *filter;
    } cases[] = {
        { "$home/.forward${recipient_delimiter}${extension}", "ext", "/home/u/.forward+ext", NULL },
        { "$home/.forward${recipient_delimiter}${extension}", "", "/home/u/.forward", NULL },
        { "/var/$(user)/${extension?e-$extension}${extension:none}", "x", "/var/u/e-x", NULL },
        { "/var/$user/${extension?e-$extension}${extension:none}", "", "/var/u/none", NULL },
        { "$local $domain $shell $unknown.", "", "u+x example.com /bin/sh .", NULL },
        { "${extension?{a}:{b}} ${user:{c}}", "", "b ", NULL },
        { "; $user $extension", "x;y`z", "; u x_y_z", "uxyz" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str output = STR_EMPTY;
        struct error error = ERROR_NONE;
        struct recipient_names names = {
            .user = slice_of("u"), .home = slice_of("/home/u"), .shell = slice_of("/bin/sh"),
            .local = slice_of("u+x"), .recipient = slice_of("u+x@example.com"),
            .extension = slice_of(cases[i].extension),
            .delimiter = slice_of(*cases[i].extension ? "+" : ""),
        };

        CHECK(names_put(slice_of(cases[i].text), &names, cases[i].filter, &output, &error));
        CHECK_TEXT(output.data, cases[i].wanted);
    }
}
