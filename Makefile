# One short, non-recursive build.  Sources are found by folder; a new source or
# test needs no edit here, a new program one word in COMMANDS or DAEMONS.
#
#   make                     every program, into build/plain/bin
#   make unit                unit tests          (SANITIZE=1, THREADS=1: under a sanitizer)
#   make check               everything ./check runs
#   make bench fuzz install

# A program is folder/name, and folder/name.c holds its main().
COMMANDS = \
    postfix/postfix \
    postconf/postconf \
    postmap/postmap \
    postmulti/postmulti \
    postalias/postalias \
    postcat/postcat \
    postqueue/postqueue \
    postqueue/postsuper \
    postqueue/qshape \
    pickup/postdrop \
    sendmail/sendmail \
    postlog/postlog \
    smtp/smtp-source \
    smtp/smtp-sink \
    postkick/postkick \
    postlock/postlock
DAEMONS = \
    master/master \
    master/anvil \
    master/postlogd \
    master/proxymap \
    master/spawn \
    smtpd/smtpd \
    smtpd/verify \
    cleanup/cleanup \
    cleanup/trivial-rewrite \
    qmgr/qmgr \
    qmgr/showq \
    qmgr/flush \
    smtp/smtp \
    smtp/lmtp \
    local/local \
    local/virtual \
    local/pipe \
    bounce/bounce \
    bounce/error \
    bounce/discard \
    pickup/pickup

PREFIX      = /usr/local
mail_owner  = postfix
setgid_group = postdrop

# Where an installation has its files, and what the programs take for the defaults:
# below PREFIX, or the places of Debian's package (LAYOUT=debian, conf/debian-layout).
LAYOUT = prefix
ifeq ($(LAYOUT),debian)
PREFIX =
command_directory = /usr/sbin
daemon_directory  = /usr/lib/postfix/sbin
mailq_path        = /usr/bin/mailq
newaliases_path   = /usr/bin/newaliases
manpage_directory = /usr/share/man
readme_directory  = /usr/share/doc/postfix
html_directory    = /usr/share/doc/postfix/html
shlib_directory   = /usr/lib/postfix
else
command_directory = $(PREFIX)/sbin
daemon_directory  = $(PREFIX)/libexec/postfix
mailq_path        = $(PREFIX)/sbin/mailq
newaliases_path   = $(PREFIX)/sbin/newaliases
manpage_directory = $(PREFIX)/share/man
readme_directory  = $(PREFIX)/share/doc/postfix
html_directory    = no
shlib_directory   = no
endif
config_directory  = $(PREFIX)/etc/postfix
queue_directory   = $(PREFIX)/var/spool/postfix
data_directory    = $(PREFIX)/var/lib/postfix

KIND := $(if $(SANITIZE),sanitize,$(if $(THREADS),threads,$(if $(FUZZ),fuzz,plain)))
OUT  := build/$(KIND)
SUFFIX := $(addprefix -,$(filter-out prefix,$(LAYOUT)))
BIN  := $(OUT)/bin$(SUFFIX)
LIBRARY := $(OUT)/libpostreiter$(SUFFIX).a

CC       = gcc
WARNINGS = -Wall -Wextra $(if $(FUZZ),-w,-Werror) -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
OPTIMIZE = $(if $(filter plain,$(KIND)),-O2 -D_FORTIFY_SOURCE=2,-O1 -fno-omit-frame-pointer)
HARDEN   = -fstack-protector-strong -fPIE
SANITIZER_sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZER_threads  = -fsanitize=thread
# One runtime: of two shared ones the second never reports to a file.
SANITIZER_sanitize_link = -static-libasan -static-libubsan tests/leaks.c
SANITIZER_fuzz     = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS   = -std=gnu17 -g $(OPTIMIZE) $(HARDEN) $(WARNINGS) $(SANITIZER_$(KIND))
CPPFLAGS = -D_GNU_SOURCE -Ilib -MMD -MP
LDFLAGS  = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections $(SANITIZER_$(KIND)) $(SANITIZER_$(KIND)_link) -pthread
LDLIBS   = -lm -ldb -llmdb -lcdb -lpcre2-8 -lssl -lcrypto -lseccomp -lresolv -lidn2

# The rooms of lib/, from the ground up.
ROOMS    = base log config stream dns ipc table address message queue tls sasl milter smtp deliver service
PROGRAMS = $(COMMANDS) $(DAEMONS)
FOLDERS  = $(sort $(foreach program,$(PROGRAMS),$(dir $(program))))

LIB_SOURCES  := $(filter-out %_test.c,$(wildcard $(ROOMS:%=lib/%/*.c)))
DEFAULTS     := $(OUT)/lib/config/defaults-$(LAYOUT).o
LIB_OBJECTS  := $(patsubst %.c,$(OUT)/%.o,$(filter-out lib/config/defaults.c,$(LIB_SOURCES))) $(DEFAULTS)
PROGRAM_SOURCES := $(filter-out %_test.c,$(foreach folder,$(FOLDERS),$(wildcard $(folder)*.c $(folder)*/*.c)))
TEST_SOURCES := $(wildcard lib/*/*_test.c $(FOLDERS:%=%*_test.c) $(FOLDERS:%=%*/*_test.c) tests/disk/*.c)
TEST_FOLDERS := $(sort $(dir $(TEST_SOURCES)))
TEST_BINARIES := $(TEST_FOLDERS:%/=$(OUT)/test/%)
BINARIES := $(addprefix $(BIN)/,$(notdir $(PROGRAMS)))

all: $(BINARIES) manuals

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

# What the installation decides goes into one object, made anew when it changes.
PLACES = command_directory config_directory daemon_directory data_directory html_directory mail_owner \
    mailq_path manpage_directory newaliases_path queue_directory readme_directory setgid_group \
    shlib_directory
INSTALLATION = $(foreach place,$(PLACES),-DDEFAULT_$(place)='"$($(place))"')
$(DEFAULTS): lib/config/defaults.c $(OUT)/installation-$(LAYOUT)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) $(INSTALLATION) -c -o $@ $<
$(OUT)/installation-$(LAYOUT): always
	@mkdir -p $(@D)
	@echo "$(INSTALLATION)" | cmp -s - $@ || echo "$(INSTALLATION)" > $@

$(LIBRARY): $(LIB_OBJECTS)
	@rm -f $@
	ar rcsD $@ $^

# A program is its main file and what it needs of its folder and of lib.
.SECONDEXPANSION:
folder_objects = $(patsubst %.c,$(OUT)/%.o,$(filter-out %_test.c $(PROGRAMS:%=%.c),$(wildcard $(1)*.c $(1)*/*.c)))
define program_rule
$(BIN)/$(notdir $(1)): $(OUT)/$(1).o $(call folder_objects,$(dir $(1))) $(LIBRARY)
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $(OUT)/$(1).o -Wl,--start-group $(call folder_archive,$(dir $(1))) $(LIBRARY) -Wl,--end-group $(LDLIBS)
endef
folder_archive = $(if $(call folder_objects,$(1)),$(OUT)/$(1)folder.a)
define folder_rule
$(OUT)/$(1)folder.a: $(call folder_objects,$(1))
	@rm -f $$@
	ar rcsD $$@ $$^
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))
$(foreach folder,$(FOLDERS),$(if $(call folder_objects,$(folder)),$(eval $(call folder_rule,$(folder)))))
$(foreach program,$(PROGRAMS),$(if $(call folder_objects,$(dir $(program))),$(eval $(BIN)/$(notdir $(program)): $(call folder_archive,$(dir $(program))))))

# One test binary for each folder; test objects are linked directly, since an
# archive would drop them silently.
define test_rule
$(OUT)/test/$(1): $(patsubst %.c,$(OUT)/%.o,$(filter $(1)/%,$(TEST_SOURCES))) $(call folder_archive_if_program,$(1)/) $(LIBRARY) tests/unit/main.c
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MF $$@.d -DTEST_COUNT=$$$$(cat $(filter $(1)/%,$(TEST_SOURCES)) | grep -c '^TEST(') $(LDFLAGS) -o $$@ tests/unit/main.c $(patsubst %.c,$(OUT)/%.o,$(filter $(1)/%,$(TEST_SOURCES))) -Wl,--start-group $(call folder_archive_if_program,$(1)/) $(LIBRARY) -Wl,--end-group $(LDLIBS) -lcmocka
endef
program_folder_of = $(firstword $(foreach folder,$(FOLDERS),$(if $(filter $(folder)%,$(1)),$(folder))))
folder_archive_if_program = $(if $(call program_folder_of,$(1)),$(call folder_archive,$(call program_folder_of,$(1))))
$(foreach folder,$(TEST_FOLDERS:%/=%),$(eval $(call test_rule,$(folder))))

unit: $(TEST_BINARIES)
	@set -e; for test in $^; do ASAN_OPTIONS=detect_leaks=1 $$test; done

# --- Fuzz targets: with clang and libFuzzer (make fuzz), and their corpora replayed in check.
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS = 60
FUZZ_CC = clang
FUZZ_MAIN := $(if $(FUZZ),-fsanitize=fuzzer,tests/fuzz/replay.c)
# Programs may use the same names: a target is linked with the folders whose headers it includes.
fuzz_archives = $(foreach folder,$(filter $(FOLDERS),$(sort $(shell sed -n 's,^.include "\([a-z]*/\).*,\1,p' tests/fuzz/$(1)_fuzz.c))),$(call folder_archive,$(folder)))
define fuzz_rule
$(OUT)/fuzz/$(1): tests/fuzz/$(1)_fuzz.c tests/fuzz/replay.c $(call fuzz_archives,$(1)) $(LIBRARY)
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -I. -MF $$@.d $(LDFLAGS) -o $$@ tests/fuzz/$(1)_fuzz.c $(FUZZ_MAIN) -Wl,--start-group $(call fuzz_archives,$(1)) $(LIBRARY) -Wl,--end-group $(LDLIBS)
endef
$(foreach target,$(FUZZ_TARGETS),$(eval $(call fuzz_rule,$(target))))

replay: $(FUZZ_TARGETS:%=$(OUT)/fuzz/%)
	@set -e; for target in $(FUZZ_TARGETS); do \
	    $(OUT)/fuzz/$$target tests/fuzz/corpus/$$target/*; done

# The same targets, built by clang with libFuzzer; a finding stays in build/fuzz/TARGET.crash-*.
fuzz:
	@$(MAKE) --no-print-directory -s FUZZ=1 CC="$(FUZZ_CC)" $(FUZZ_TARGETS:%=build/fuzz/fuzz/%)
	@set -e; for target in $(FUZZ_TARGETS); do \
	    mkdir -p build/fuzz/$$target.found; \
	    build/fuzz/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=20 -verbosity=0 \
	        -print_final_stats=1 -artifact_prefix=build/fuzz/$$target. \
	        build/fuzz/$$target.found tests/fuzz/corpus/$$target; done

# --- Tests.
TEST_PREFIX = $(CURDIR)/build/prefix
PYTEST = /usr/bin/python3 -m pytest -q -o cache_dir=$(CURDIR)/build/pytest

style: all manual-check
	python3 tests/style/style.py
	python3 tests/style/globals.py $(OUT)
	python3 tests/style/parameters.py

# Daemons that only tests start: tests/hostile/NAMEd.c and what lies beside it.
TEST_DAEMONS := $(patsubst tests/hostile/%.c,%,$(wildcard tests/hostile/*d.c))
HOSTILE_OBJECTS = $(patsubst %.c,$(OUT)/%.o,$(filter-out $(TEST_DAEMONS:%=tests/hostile/%.c),$(wildcard tests/hostile/*.c)))
$(TEST_DAEMONS:%=$(OUT)/hostile/%): $(OUT)/hostile/%: $(OUT)/tests/hostile/%.o $(HOSTILE_OBJECTS) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

install-tests: install $(TEST_DAEMONS:%=$(OUT)/hostile/%)
	install $(TEST_DAEMONS:%=$(OUT)/hostile/%) $(LIBEXEC)

check-prefix:
	@$(MAKE) --no-print-directory -s install-tests PREFIX=$(TEST_PREFIX)

# What fails while others run beside it must pass alone: a loaded host breaks time limits, a bug
# breaks both runs.
tested = sh -c '$(PYTEST) $(1) || { echo "== what failed, once more and alone"; \
    $(PYTEST) --last-failed --last-failed-no-failures none tests; }'

# A suite under a sanitizer runs the tests that are named, unconfined.
sanitized = $(MAKE) --no-print-directory -s install-tests $(1)=1 PREFIX=$(TEST_PREFIX)-$(1) && \
    POSTREITER_SANITIZED=$(1) POSTREITER_TEST_PREFIX=$(TEST_PREFIX)-$(1) $(call tested,$(2))

check:
	$(MAKE) --no-print-directory style
	$(MAKE) --no-print-directory unit
	$(MAKE) --no-print-directory unit SANITIZE=1
	$(MAKE) --no-print-directory replay SANITIZE=1
	$(MAKE) --no-print-directory check-prefix
	$(MAKE) --no-print-directory -s LAYOUT=debian
	POSTREITER_TEST_PREFIX=$(TEST_PREFIX) $(call tested,-n 3 --dist loadfile tests)
	$(call sanitized,THREADS,tests/system/test_storm.py)
	$(call sanitized,SANITIZE,tests/system/test_path.py tests/system/test_sanitizers.py)

# What one push has no time for: each part ends in an error or is clean (README: the dates).
LONG_TESTS = -n 2 --dist loadfile tests/system tests/interop tests/crash
LONG_PARTS = long-unit long-threads long-sanitize long-fuzz long-crash long-soak analyze bench

long:
	@set -e; for part in $(LONG_PARTS); do \
	    echo "== $$part"; $(MAKE) --no-print-directory $$part; done

manual-check: all
	python3 tests/style/manuals.py $(BIN) $(MANUALS)

long-unit:
	$(MAKE) --no-print-directory unit SANITIZE=1
	$(MAKE) --no-print-directory unit THREADS=1

long-threads:
	$(call sanitized,THREADS,$(LONG_TESTS))

long-sanitize:
	$(call sanitized,SANITIZE,$(LONG_TESTS))

long-fuzz:
	$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=300

long-crash: check-prefix
	CRASH_ROUNDS=1000 POSTREITER_TEST_PREFIX=$(TEST_PREFIX) $(PYTEST) tests/crash

long-soak: check-prefix
	SOAK_MESSAGES=20000 POSTREITER_TEST_PREFIX=$(TEST_PREFIX) $(PYTEST) tests/system/test_soak.py

# The static analyzer of clang over every source (.clang-tidy names the checks).
analyze:
	@printf '%s\n' $(LIB_SOURCES) $(PROGRAM_SOURCES) | xargs -P 2 -n 1 sh -c 'clang-tidy --quiet "$$@" \
	    -- -std=gnu17 -D_GNU_SOURCE -Ilib $(subst ",\",$(subst ',,$(INSTALLATION))) 2>/dev/null' clang-tidy

bench: check-prefix
	POSTREITER_TEST_PREFIX=$(TEST_PREFIX) python3 bench/bench.py

# --- Manual pages lie beside what they describe; that of main.cf, and what the pages of
# programs say of parameters, are made from the table of them.
PROGRAM_PAGES := $(wildcard $(FOLDERS:%=%*.[18]))
MANUALS := $(wildcard conf/*.5) $(OUT)/man/postconf.5 \
    $(addprefix $(OUT)/man/,$(notdir $(PROGRAM_PAGES)))
PAGE_LINKS = mailq.1=sendmail.1 newaliases.1=sendmail.1 lmtp.8=smtp.8 defer.8=bounce.8 \
    trace.8=bounce.8 retry.8=error.8 body_checks.5=header_checks.5

$(OUT)/man/postconf.5: doc/postconf.5.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MF $@.d $(LDFLAGS) -o $(OUT)/man/make-postconf $< $(LIBRARY) $(LDLIBS)
	$(OUT)/man/make-postconf > $@

$(OUT)/man/make-parameters: doc/parameters.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)
define page_rule
$(OUT)/man/$(notdir $(1)): $(1) $(OUT)/man/make-parameters
	$(OUT)/man/make-parameters $(notdir $(basename $(1))) < $$< > $$@
endef
$(foreach page,$(PROGRAM_PAGES),$(eval $(call page_rule,$(page))))

# --- Install.  DESTDIR, PREFIX, mail_owner and setgid_group are honoured; what an
# administrator may have edited is never overwritten.
SBIN  = $(DESTDIR)$(command_directory)
LIBEXEC = $(DESTDIR)$(daemon_directory)
ETC   = $(DESTDIR)$(config_directory)
QUEUE = $(DESTDIR)$(queue_directory)
DATA  = $(DESTDIR)$(data_directory)
MAN   = $(DESTDIR)$(manpage_directory)
SETGID_COMMANDS = postdrop postqueue

install: install-$(LAYOUT)
uninstall: uninstall-$(LAYOUT)

# In the place of Debian's package, which stays installed; and back.
install-debian: all
	conf/debian-layout install "$(DESTDIR)" \
	    "$(addprefix $(BIN)/,$(notdir $(COMMANDS)))" "$(addprefix $(BIN)/,$(notdir $(DAEMONS)))" \
	    "$(MANUALS)"
uninstall-debian:
	conf/debian-layout uninstall "$(DESTDIR)"

# Configuration, queue and data stay.
uninstall-prefix:
	rm -f $(addprefix $(SBIN)/,$(notdir $(COMMANDS)) mailq newaliases)
	rm -f $(addprefix $(LIBEXEC)/,$(notdir $(DAEMONS)))
	for page in $(notdir $(MANUALS)) $(PAGE_LINKS); do \
	    rm -f $(MAN)/man$${page##*.}/$${page%%=*}; done

install-prefix: all
	install -d $(SBIN) $(LIBEXEC) $(ETC) $(QUEUE) $(DATA)
	install $(addprefix $(BIN)/,$(notdir $(COMMANDS))) $(SBIN)
	install $(addprefix $(BIN)/,$(notdir $(DAEMONS))) $(LIBEXEC)
	ln -sf sendmail $(SBIN)/mailq
	ln -sf sendmail $(SBIN)/newaliases
	for page in $(MANUALS); do \
	    install -D -m 644 $$page $(MAN)/man$${page##*.}/$${page##*/}; done
	for link in $(PAGE_LINKS); do \
	    ln -sf $${link#*=} $(MAN)/man$${link##*.}/$${link%%=*}; done
	for file in main.cf master.cf aliases; do \
	    [ -e $(ETC)/$$file ] || install -m 644 conf/$$file $(ETC); done
	for file in main.cf master.cf; do install -m 644 conf/$$file $(ETC)/$$file.proto; done
	if [ "$$(id -u)" = 0 ]; then \
	    getent group $(setgid_group) >/dev/null || groupadd --system $(setgid_group); \
	    getent passwd $(mail_owner) >/dev/null || useradd --system --user-group \
	        --no-create-home --home-dir $(PREFIX)/var/spool/postfix --shell /usr/sbin/nologin $(mail_owner); \
	    chown $(mail_owner): $(DATA) && chmod 700 $(DATA); \
	    for command in $(SETGID_COMMANDS); do \
	        chgrp $(setgid_group) $(SBIN)/$$command && chmod 2755 $(SBIN)/$$command; done; \
	fi

clean:
	rm -rf build

manuals: $(MANUALS)

.PHONY: manuals always all unit clean check check-prefix style replay fuzz bench install uninstall \
        install-prefix install-debian uninstall-prefix uninstall-debian \
        long long-unit long-threads long-sanitize long-fuzz long-crash long-soak analyze
.DELETE_ON_ERROR:
-include $(LIB_OBJECTS:.o=.d) $(PROGRAM_SOURCES:%.c=$(OUT)/%.d) $(TEST_SOURCES:%.c=$(OUT)/%.d)
