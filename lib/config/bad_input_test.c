/* What is wrong in main.cf and master.cf, and what is said about it. */
#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"
#include "config/config.h"
#include "config/evaluate.h"
#include "config/master_cf.h"

struct bad_input {
    const char *text, *message;
};

static void add_warning(void *argument, const char *text)
{
    str_format(argument, "%s|", text);
}

/* The first complaint about main.cf: of the reader, else of the first parameter that is wrong. */
static void complain_main(const char *text, struct str *message)
{
    struct main_cf *main_cf;
    struct error error = ERROR_NONE;
    AUTO_STR struct str value = STR_EMPTY;
    union { bool truth; int number; int64_t size; } place;

    str_clear(message);
    if (!main_cf_parse(slice_of(text), "etc/main.cf", add_warning, message, &main_cf, &error)) {
        str_text(message, error.text);
        return;
    }

    struct names *names = names_new(main_cf, "test", "test");

    for (size_t i = 0; i < main_cf_count(main_cf); i++) {
        const char *name = main_cf_at(main_cf, i)->name;
        const struct parameter *row = parameter_find(slice_of(name));

        if (row && !evaluate_parameter(names, row, name, row->fallback ? row->fallback : "",
                                       &value, &place, &error)) {
            str_text(message, error.text);
            break;
        }
    }
    names_free(names);
    main_cf_free(main_cf);
}

#define BOOL_HINT ": expected yes or no)"
#define TIME_HINT ": expected a time such as 30s, 5m, 1h, 2d or 1w)"
#define AT(line) " (etc/main.cf, line " #line

static const struct bad_input bad_main[] = {
    { "foo\n", "etc/main.cf, line 1: missing '=' after attribute name: \"foo\"" },
    { "\n\nfoo\n", "etc/main.cf, line 3: missing '=' after attribute name: \"foo\"" },
    { "# c\nfoo bar\n", "etc/main.cf, line 2: missing '=' after attribute name: \"foo bar\"" },
    { "a b = c\n", "etc/main.cf, line 1: missing '=' after attribute name: \"a b = c\"" },
    { "a\tb = c\n", "etc/main.cf, line 1: missing '=' after attribute name: \"a\tb = c\"" },
    { "= x\n", "etc/main.cf, line 1: missing attribute name: \"= x\"" },
    { "x = 1\n=\n", "etc/main.cf, line 2: missing attribute name: \"=\"" },
    { "x = 1\n y\n= z\n", "etc/main.cf, line 3: missing attribute name: \"= z\"" },
    { " x = 1\n",
      "etc/main.cf: logical line must not start with whitespace: \" x = 1\"|" },
    { "x = 1\nx = 2\n", "etc/main.cf, line 2: overriding earlier entry: x=1|" },
    { "x = 1\n# c\n  more\nx=\n", "etc/main.cf, line 4: overriding earlier entry: x=1  more|" },
    { "biff = maybe\n", "bad boolean configuration: biff = maybe" AT(1) BOOL_HINT },
    { "biff =\n", "bad boolean configuration: biff = " AT(1) BOOL_HINT },
    { "biff = y\n", "bad boolean configuration: biff = y" AT(1) BOOL_HINT },
    { "biff = true\n", "bad boolean configuration: biff = true" AT(1) BOOL_HINT },
    { "biff = 1\n", "bad boolean configuration: biff = 1" AT(1) BOOL_HINT },
    { "biff = yes no\n", "bad boolean configuration: biff = yes no" AT(1) BOOL_HINT },
    { "biff = ${nosuch}\n", "bad boolean configuration: biff = " AT(1) BOOL_HINT },
    { "\nsmtpd_helo_required = n\n",
      "bad boolean configuration: smtpd_helo_required = n" AT(2) BOOL_HINT },
    { "default_process_limit = abc\n",
      "bad numerical configuration: default_process_limit = abc" AT(1) ": expected a number)" },
    { "default_process_limit = 1 0\n",
      "bad numerical configuration: default_process_limit = 1 0" AT(1) ": expected a number)" },
    { "default_process_limit = 99999999999\n",
      "bad numerical configuration: default_process_limit = 99999999999" AT(1)
      ": expected a number)" },
    { "default_process_limit = 0\n",
      "invalid default_process_limit parameter value 0 < 1" AT(1) ": expected a number)" },
    { "hash_queue_depth = -1\n",
      "invalid hash_queue_depth parameter value -1 < 1" AT(1) ": expected a number)" },
    { "hash_queue_depth = x\n",
      "bad numerical configuration: hash_queue_depth = x" AT(1) ": expected a number)" },
    { "line_length_limit = 100\n",
      "invalid line_length_limit parameter value 100 < 512" AT(1) ": expected a number)" },
    { "delay_logging_resolution_limit = 7\n",
      "invalid delay_logging_resolution_limit parameter value 7 > 6" AT(1)
      ": expected a number)" },
    { "message_size_limit = 1k\n",
      "bad numerical configuration: message_size_limit = 1k" AT(1)
      ": expected a number of bytes)" },
    { "message_size_limit = 99999999999999999999\n",
      "bad numerical configuration: message_size_limit = 99999999999999999999" AT(1)
      ": expected a number of bytes)" },
    { "ipc_timeout = abc\n",
      "parameter ipc_timeout: bad time value or unit: abc" AT(1) TIME_HINT },
    { "ipc_timeout =\n", "parameter ipc_timeout: bad time value or unit: " AT(1) TIME_HINT },
    { "ipc_timeout = 5x\n",
      "parameter ipc_timeout: bad time value or unit: 5x" AT(1) TIME_HINT },
    { "ipc_timeout = -5\n",
      "parameter ipc_timeout: bad time value or unit: -5" AT(1) TIME_HINT },
    { "ipc_timeout = 5 m\n",
      "parameter ipc_timeout: bad time value or unit: 5 m" AT(1) TIME_HINT },
    { "ipc_timeout = 99999999999\n",
      "parameter ipc_timeout: bad time value or unit: 99999999999" AT(1) TIME_HINT },
    { "ipc_timeout = 99999999w\n",
      "parameter ipc_timeout: bad time value or unit: 99999999w" AT(1) TIME_HINT },
    { "ipc_timeout = 0\n", "invalid ipc_timeout: 0 (min 1)" AT(1) TIME_HINT },
    { "mail_name = ${x\n", "truncated macro reference: \"${x\"" AT(1) ")" },
    { "mail_name = $(x\n", "truncated macro reference: \"$(x\"" AT(1) ")" },
    { "mail_name = ${x)\n", "truncated macro reference: \"${x)\"" AT(1) ")" },
    { "mail_name = a $ b\n", "empty macro name: \"a $ b\"" AT(1) ")" },
    { "mail_name = ${}\n", "empty macro name: \"${}\"" AT(1) ")" },
    { "mail_name = ${a b}\n", "attribute name syntax error at: \"...a>>> b\"" AT(1) ")" },
    { "mail_name = ${a-b}\n", "attribute name syntax error at: \"...a>>>-b\"" AT(1) ")" },
    { "mail_name = ${$a}\n", "attribute name syntax error at: \"...>>>$a\"" AT(1) ")" },
    { "mail_name = ${a?{b}c}\n", "\":\" expected at: \"...b}>>>c\"" AT(1) ")" },
    { "mail_name = ${a:{b}c}\n", "unexpected input at: \"...b}>>>c\"" AT(1) ")" },
    { "mail_name = ${{1}==2}\n", "bad operator suffix at: \"...==>>>2\"" AT(1) ")" },
    { "mail_name = ${{1}==}\n", "\"{expression}\" expected at: \"...{1} ==>>>\"" AT(1) ")" },
    { "mail_name = ${{x} <level {1}}\n", "malformed compatibility level syntax: \"x\"" AT(1) ")" },
    { "mail_name = $mail_name\n", "unreasonable macro call nesting: \"mail_name\"" AT(1) ")" },
    { "a = $b\nb = $a\nmail_name = $a\n", "unreasonable macro call nesting: \"b\"" AT(3) ")" },
    { "mail_name = a\nmail_name = a\nbiff = x\n",
      "bad boolean configuration: biff = x" AT(3) BOOL_HINT },
};

TEST(bad_lines_in_main_cf_are_named_with_file_and_line)
{
    for (size_t i = 0; i < COUNT(bad_main); i++) {
        AUTO_STR struct str message = STR_EMPTY;

        complain_main(bad_main[i].text, &message);
        CHECK_SLICE(str_slice(&message), bad_main[i].message);
    }
}

static const struct bad_input bad_master[] = {
    { "smtp\n", "etc/master.cf: line 1: missing \"transport type\" field" },
    { "smtp inet\n", "etc/master.cf: line 1: missing \"private\" field" },
    { "smtp inet n\n", "etc/master.cf: line 1: missing \"unprivileged\" field" },
    { "smtp inet n -\n", "etc/master.cf: line 1: missing \"chroot\" field" },
    { "smtp inet n - y\n", "etc/master.cf: line 1: missing \"wakeup_time\" field" },
    { "smtp inet n - y -\n", "etc/master.cf: line 1: missing \"max_proc\" field" },
    { "smtp inet n - y - -\n", "etc/master.cf: line 1: missing \"command\" field" },
    { "# c\n\nsmtp inet n - y - -\n", "etc/master.cf: line 3: missing \"command\" field" },
    { "smtp inet n\n - y\n# c\n - -\n", "etc/master.cf: line 1: missing \"command\" field" },
    { "smtp foo n - y - - smtpd\n", "etc/master.cf: line 1: bad transport type: foo" },
    { "smtp Inet n - y - - smtpd\n", "etc/master.cf: line 1: bad transport type: Inet" },
    { "smtp {unix} n - y - - smtpd\n", "etc/master.cf: line 1: bad transport type: {unix}" },
    { "smtp inet x - y - - smtpd\n",
      "etc/master.cf: line 1: field \"private\": bad value: \"x\"" },
    { "smtp inet N - y - - smtpd\n",
      "etc/master.cf: line 1: field \"private\": bad value: \"N\"" },
    { "smtp inet yes - y - - smtpd\n",
      "etc/master.cf: line 1: field \"private\": bad value: \"yes\"" },
    { "smtp inet y - y - - smtpd\n", "etc/master.cf: line 1: inet service cannot be private" },
    { "smtp inet - - y - - smtpd\n", "etc/master.cf: line 1: inet service cannot be private" },
    { "smtp inet n x y - - smtpd\n",
      "etc/master.cf: line 1: field \"unprivileged\": bad value: \"x\"" },
    { "smtp inet n - x - - smtpd\n",
      "etc/master.cf: line 1: field \"chroot\": bad value: \"x\"" },
    { "smtp inet n - y x - smtpd\n",
      "etc/master.cf: line 1: field \"wakeup_time\": bad value: \"x\"" },
    { "smtp inet n - y -5 - smtpd\n",
      "etc/master.cf: line 1: field \"wakeup_time\": bad value: \"-5\"" },
    { "smtp inet n - y 1x - smtpd\n",
      "etc/master.cf: line 1: field \"wakeup_time\": bad value: \"1x\"" },
    { "smtp inet n - y ? - smtpd\n",
      "etc/master.cf: line 1: field \"wakeup_time\": bad value: \"?\"" },
    { "smtp inet n - y - x smtpd\n",
      "etc/master.cf: line 1: field \"max_proc\": bad value: \"x\"" },
    { "smtp inet n - y - -1 smtpd\n",
      "etc/master.cf: line 1: field \"max_proc\": bad value: \"-1\"" },
    { "smtp inet n - y - 5? smtpd\n",
      "etc/master.cf: line 1: field \"max_proc\": bad value: \"5?\"" },
    { "smtp inet n - y - - smtpd -o {foo\n", "etc/master.cf: line 1: missing '}' in \"{foo\"" },
    { "smtp inet n - y - - smtpd\n  -v\n  -o {a = b}c\n",
      "etc/master.cf: line 1: syntax error after '}' in \"{a = b}c\"" },
    { " smtp inet n - y - - smtpd\n",
      "etc/master.cf: logical line must not start with whitespace: "
      "\" smtp inet n - y - - smtpd\"|" },
};

TEST(bad_lines_in_master_cf_are_named_with_file_and_line)
{
    for (size_t i = 0; i < COUNT(bad_master); i++) {
        AUTO_STR struct str message = STR_EMPTY;
        struct master_cf *master_cf = NULL;
        struct error error = ERROR_NONE;

        if (!master_cf_parse(slice_of(bad_master[i].text), "etc/master.cf", MASTER_CF_SERVE,
                             add_warning, &message, &master_cf, &error))
            str_text(&message, error.text);
        master_cf_free(master_cf);
        CHECK_SLICE(str_slice(&message), bad_master[i].message);
    }
}

TEST(a_misspelled_parameter_has_a_nearest_name)
{
    static const struct { const char *name, *nearest; } cases[] = {
        { "mydestinatoin", "mydestination" }, { "smtpd_recipient_restriction",
          "smtpd_recipient_restrictions" }, { "relay_host", "relayhost" },
        { "my_networks", "mynetworks" }, { "mesage_size_limit", "message_size_limit" },
        { "completely_different_name", NULL }, { "", NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = config_nearest(cases[i].name);

        if (!cases[i].nearest)
            CHECK(nearest == NULL);
        else
            CHECK_TEXT(nearest, cases[i].nearest);
    }
}
