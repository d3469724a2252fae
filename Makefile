# One short, non-recursive build.  Sources are found by folder; a new source or
# test needs no edit here, a new program one word in COMMANDS or DAEMONS.
#
#   make                     every program, into build/plain/bin
#   make unit                unit tests          (SANITIZE=1, THREADS=1: under a sanitizer)
#   make check               everything ./check runs
#   make bench fuzz install

present = $(foreach program,$(1),$(if $(wildcard $(program).c),$(program)))

# A program is folder/name, and folder/name.c holds its main().
COMMANDS := $(call present, \
    postfix/postfix \
    postconf/postconf \
    postmap/postmap \
    postalias/postalias \
    postcat/postcat \
    postqueue/postqueue \
    postqueue/postsuper \
    pickup/postdrop \
    sendmail/sendmail \
    postlog/postlog \
    postkick/postkick \
    postlock/postlock \
)
DAEMONS := $(call present, \
    master/master \
    master/postlogd \
    master/proxymap \
    master/anvil \
    smtpd/smtpd \
    cleanup/cleanup \
    cleanup/trivial-rewrite \
    qmgr/qmgr \
    qmgr/showq \
    smtp/smtp \
    smtp/lmtp \
    local/local \
    local/virtual \
    local/pipe \
    bounce/bounce \
    bounce/error \
    bounce/discard \
    pickup/pickup \
)

PREFIX      = /usr/local
mail_owner  = postfix
setgid_group = postdrop

KIND := $(if $(SANITIZE),sanitize,$(if $(THREADS),threads,plain))
OUT  := build/$(KIND)

CC       = gcc
WARNINGS = -Wall -Wextra -Werror -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
OPTIMIZE = $(if $(filter plain,$(KIND)),-O2 -D_FORTIFY_SOURCE=2,-O1 -fno-omit-frame-pointer)
HARDEN   = -fstack-protector-strong -fPIE
SANITIZER_sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZER_threads  = -fsanitize=thread
CFLAGS   = -std=gnu17 -g $(OPTIMIZE) $(HARDEN) $(WARNINGS) $(SANITIZER_$(KIND))
CPPFLAGS = -D_GNU_SOURCE -Ilib -MMD -MP
LDFLAGS  = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections $(SANITIZER_$(KIND)) -pthread
LDLIBS   = -ldb -lpcre2-8 -lssl -lcrypto -lseccomp -lresolv -lidn2

# The rooms of lib/, from the ground up.
ROOMS    = base log config stream dns ipc table address message queue tls sasl milter smtp deliver service
PROGRAMS = $(COMMANDS) $(DAEMONS)
FOLDERS  = $(sort $(foreach program,$(PROGRAMS),$(dir $(program))))

LIB_SOURCES  := $(filter-out %_test.c,$(wildcard $(ROOMS:%=lib/%/*.c)))
LIB_OBJECTS  := $(LIB_SOURCES:%.c=$(OUT)/%.o)
PROGRAM_SOURCES := $(filter-out %_test.c,$(foreach folder,$(FOLDERS),$(wildcard $(folder)*.c $(folder)*/*.c)))
TEST_SOURCES := $(wildcard lib/*/*_test.c $(FOLDERS:%=%*_test.c) $(FOLDERS:%=%*/*_test.c) tests/disk/*_test.c)
TEST_FOLDERS := $(sort $(dir $(TEST_SOURCES)))
TEST_BINARIES := $(TEST_FOLDERS:%/=$(OUT)/test/%)
BINARIES := $(addprefix $(OUT)/bin/,$(notdir $(PROGRAMS)))

all: $(BINARIES)

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(OUT)/libpostreiter.a: $(LIB_OBJECTS)
	@rm -f $@
	ar rcsD $@ $^

# A program is its main file and what it needs of its folder and of lib.
.SECONDEXPANSION:
folder_objects = $(patsubst %.c,$(OUT)/%.o,$(filter-out %_test.c $(PROGRAMS:%=%.c),$(wildcard $(1)*.c $(1)*/*.c)))
define program_rule
$(OUT)/bin/$(notdir $(1)): $(OUT)/$(1).o $(call folder_objects,$(dir $(1))) $(OUT)/libpostreiter.a
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $(OUT)/$(1).o -Wl,--start-group $(call folder_archive,$(dir $(1))) $(OUT)/libpostreiter.a -Wl,--end-group $(LDLIBS)
endef
folder_archive = $(if $(call folder_objects,$(1)),$(OUT)/$(1)folder.a)
define folder_rule
$(OUT)/$(1)folder.a: $(call folder_objects,$(1))
	@rm -f $$@
	ar rcsD $$@ $$^
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))
$(foreach folder,$(FOLDERS),$(if $(call folder_objects,$(folder)),$(eval $(call folder_rule,$(folder)))))
$(foreach program,$(PROGRAMS),$(if $(call folder_objects,$(dir $(program))),$(eval $(OUT)/bin/$(notdir $(program)): $(call folder_archive,$(dir $(program))))))

# One test binary for each folder; test objects are linked directly, since an
# archive would drop them silently.
define test_rule
$(OUT)/test/$(1): $(patsubst %.c,$(OUT)/%.o,$(filter $(1)/%,$(TEST_SOURCES))) $(call folder_archive_if_program,$(1)/) $(OUT)/libpostreiter.a tests/unit/main.c
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MF $$@.d -DTEST_COUNT=$$$$(cat $(filter $(1)/%,$(TEST_SOURCES)) | grep -c '^TEST(') $(LDFLAGS) -o $$@ tests/unit/main.c $(patsubst %.c,$(OUT)/%.o,$(filter $(1)/%,$(TEST_SOURCES))) -Wl,--start-group $(call folder_archive_if_program,$(1)/) $(OUT)/libpostreiter.a -Wl,--end-group $(LDLIBS) -lcmocka
endef
program_folder_of = $(firstword $(foreach folder,$(FOLDERS),$(if $(filter $(folder)%,$(1)),$(folder))))
folder_archive_if_program = $(if $(call program_folder_of,$(1)),$(call folder_archive,$(call program_folder_of,$(1))))
$(foreach folder,$(TEST_FOLDERS:%/=%),$(eval $(call test_rule,$(folder))))

unit: $(TEST_BINARIES)
	@set -e; for test in $^; do ASAN_OPTIONS=detect_leaks=1 $$test; done

clean:
	rm -rf build

.PHONY: all unit clean
.DELETE_ON_ERROR:
-include $(LIB_OBJECTS:.o=.d) $(PROGRAM_SOURCES:%.c=$(OUT)/%.d) $(TEST_SOURCES:%.c=$(OUT)/%.d)
