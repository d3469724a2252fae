/*
 * Unit tests: TEST(name_that_is_a_true_sentence) { ... } registers itself,
 * and every folder with *_test.c becomes one binary (tests/unit/main.c).
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct test_case {
    const char *name;
    void (*run)(void **state);
    struct test_case *next;
};

void test_register(struct test_case *test);

#define TEST(name)                                                                     \
    static void name(void **state);                                                    \
    __attribute__((constructor)) static void name##_register(void)                     \
    {                                                                                  \
        static struct test_case test_case_of = { #name, name, NULL };                  \
                                                                                       \
        test_register(&test_case_of);                                                  \
    }                                                                                  \
    static void name(UNUSED void **state)

#define CHECK(claim) assert_true(claim)
#define CHECK_NUMBER(got, wanted) assert_int_equal((got), (wanted))
#define CHECK_TEXT(got, wanted) assert_string_equal((got), (wanted))

/* Fails with both texts shown. */
#define CHECK_SLICE(got, wanted) test_check_slice((got), (wanted), __FILE__, __LINE__)
void test_check_slice(struct slice got, const char *wanted, const char *file, int line);
