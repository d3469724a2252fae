#include "verify_record.h"

#include "base/scope.h"
#include "base/test.h"

TEST(records_are_written_and_read_as_postfixs_verify_does)
{
    static const struct { const char *text; int status; int64_t probed, updated; } cases[] = {
        { "0:1795338909:1795338905:250 2.1.5 fine", VERIFY_DELIVERABLE, 1795338909, 1795338905 },
        { "2:0:1795338910:host a[192.0.2.1] said: 550 5.1.1 x: y", VERIFY_BOUNCED, 0,
          1795338910 },
        { "1:0:1795338913:later", VERIFY_DEFERRED, 0, 1795338913 },
        { "3:1795338918:0:Address verification in progress", VERIFY_UNKNOWN, 1795338918, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str back = STR_EMPTY;
        struct verify_record record;

        CHECK(verify_record_parse(slice_of(cases[i].text), &record));
        CHECK_NUMBER(record.status, cases[i].status);
        CHECK_NUMBER(record.probed, cases[i].probed);
        CHECK_NUMBER(record.updated, cases[i].updated);
        verify_record_write(&back, &record);
        CHECK_TEXT(back.data, cases[i].text);
    }
}

TEST(what_is_no_record_is_refused)
{
    static const char *const cases[] = { "", "1795339432", "0:1:2", "0:1:2:", "4:0:1:x", "-1:0:1:x",
                                         "0:x:1:x", "0:0:-1:x", "0:0:99999999999999999999:x" };
    struct verify_record record;

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(!verify_record_parse(slice_of(cases[i]), &record));
}

TEST(records_age_as_their_parameters_say)
{
    const struct config config = {
        .address_verify_positive_expire_time = 5000, .address_verify_positive_refresh_time = 2000,
        .address_verify_negative_expire_time = 4000, .address_verify_negative_refresh_time = 1500,
    };
    static const struct { const char *text; int64_t now; bool expired, probe; } cases[] = {
        { "0:0:10000:x", 12000, false, false }, { "0:0:10000:x", 12001, false, true },
        { "0:0:10000:x", 15000, false, true },  { "0:0:10000:x", 15001, true, true },
        { "2:0:10000:x", 11500, false, false }, { "1:0:10000:x", 11501, false, true },
        { "2:0:10000:x", 14001, true, true },
        /* A probe is out; after a thousand seconds it is taken for lost. */
        { "0:12500:10000:x", 13500, false, false }, { "0:12500:10000:x", 13501, false, true },
        { "3:10000:0:x", 11000, false, false },     { "3:10000:0:x", 11001, true, true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct verify_record record;

        CHECK(verify_record_parse(slice_of(cases[i].text), &record));
        CHECK(verify_record_is_expired(&record, &config, cases[i].now) == cases[i].expired);
        CHECK(verify_record_wants_probe(&record, &config, cases[i].now) == cases[i].probe);
    }
}
