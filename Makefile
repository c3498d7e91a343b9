# One non-recursive Makefile. `make` leaves build/run-once; `make help` lists the rest.
# B: build folder; SAN=address,undefined: sanitizers; DEV=1: warnings are errors; COV=1: coverage; CC=clang.
B ?= build
VERSION := 0.1.0
CC ?= gcc
PREFIX ?= /usr/local
PKGS := libcurl jansson yaml-0.1 libcrypto libssl libxxhash
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wimplicit-fallthrough -Wundef
HARDEN := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2 -fno-strict-overflow
LDHARDEN := -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
ifdef DEV
WARN += -Werror
endif
ifdef SAN
HARDEN := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDHARDEN := -fsanitize=$(SAN)
endif
ifdef COV
HARDEN := --coverage -O0
LDHARDEN := --coverage
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS ?= $(shell pkg-config --libs $(PKGS) 2>/dev/null)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DRUN_ONCE_VERSION='"$(VERSION)"' -Isrc $(PKG_CFLAGS) $(CFLAGS) $(WARN) $(HARDEN) $(EXTRA_CFLAGS)
ALL_LIBS = $(LDHARDEN) $(LDFLAGS) $(PKG_LIBS)

LIB_SRC := $(filter-out src/cli/main.c,$(wildcard src/*/*.c src/*/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tools/%,$(wildcard tests/tools/*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 60

.PHONY: all man check check-asan built-asan check-valgrind check-e2e check-fault check-compose units tools fuzz fuzz-replay replays lint bench instructions coverage compdb install clean help FORCE
all: $(B)/run-once ## build/run-once
$(B)/run-once: $(B)/src/cli/main.o $(B)/librun-once.a
	$(CC) -o $@ $^ $(ALL_LIBS)
$(B)/librun-once.a: $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^
# A changed flag rebuilds everything.
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@
FORCE:
$(B)/src/%.o: private BANNED := -include src/base/banned.h
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(BANNED) -MMD -MP -c -o $@ $<
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/librun-once.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -lcmocka $(ALL_LIBS)
$(B)/tools/%: $(B)/tests/tools/%.o
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(TOOL_LIBS) $(LDFLAGS)
# What tests/compose/run asks: linked with ours, not a tool that runs alone.
$(B)/compose-settings: $(B)/tests/compose/settings.o $(B)/librun-once.a
	$(CC) -o $@ $^ $(ALL_LIBS)
$(B)/tools/probe: private TOOL_LIBS := -static
# The probe runs in an image that holds nothing else: no sanitizer's library either.
$(B)/tests/tools/%.o: private HARDEN := -fPIE
.SECONDARY:

units: $(UNIT) ## the unit tests, built
tools: $(TOOLS) ## what tests run beside the program, built
check: $(UNIT) ## unit tests
	@failed=0; for t in $(UNIT); do $(RUN) $$t >$$t.log 2>&1 </dev/null && echo "ok   $${t##*/}" || { echo "FAIL $${t##*/}"; cat $$t.log; failed=1; }; done; exit $$failed
check-asan: built-asan ## unit tests under AddressSanitizer and UBSan
	@$(MAKE) -s B=$(B)/asan SAN=address,undefined check
# Once for all that use it: two builds at the same time would write the same files.
built-asan:
	@$(MAKE) -s B=$(B)/asan SAN=address,undefined units replays
check-valgrind: ## unit tests under valgrind
	@$(MAKE) -s B=$(B)/plain CFLAGS='-O1 -g' RUN='env UNDER_VALGRIND=1 valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --child-silent-after-fork=yes' check
check-e2e: ## end-to-end tests against a private engine
	@scripts/test e2e
check-compose: $(B)/compose-settings ## Compose files against Debian's docker-compose
	@tests/compose/run $(B)/compose-settings
check-fault: all tools ## faults at every step of a job's life
	@RUN_ONCE="$${RUN_ONCE:-$(abspath $(B))/run-once}" RUN_ONCE_TEST_TOOLS="$${RUN_ONCE_TEST_TOOLS:-$(abspath $(B))/tools}" tests/fault/run

# One libFuzzer target a parser: tests/fuzz/fuzz_NAME.c, seeds in tests/fuzz/corpus/NAME/.
$(B)/fuzz/%: tests/fuzz/fuzz_%.c $(LIB_SRC) $(B)/flags
	@mkdir -p $(@D)
	clang $(filter-out -D_FORTIFY_SOURCE=2,$(ALL_CFLAGS)) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $< $(LIB_SRC) $(PKG_LIBS)
$(B)/replay/%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/librun-once.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ALL_LIBS)
fuzz: $(FUZZ:%=$(B)/fuzz/%) ## every fuzz target for FUZZ_SECONDS (60)
	@for n in $(FUZZ); do mkdir -p $(B)/found/$$n tests/fuzz/corpus/$$n; echo "fuzz $$n"; $(B)/fuzz/$$n -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -rss_limit_mb=1024 -verbosity=0 -artifact_prefix=$(B)/found/crash-$$n- $(B)/found/$$n tests/fuzz/corpus/$$n || exit 1; done
replays: $(FUZZ:%=$(B)/replay/%)
fuzz-replay: built-asan ## the seeds of every fuzz target under sanitizers
	@for n in $(FUZZ); do $(B)/asan/replay/$$n tests/fuzz/corpus/$$n || exit 1; done

lint: ## layers, sizes, format, cppcheck, shellcheck, clang-tidy
	@scripts/lint all
bench: $(if $(findstring --plain,$(BENCH)),all,release) all tools ## costs against docker run and the bare API; BENCH='--full', '--plain', '--only start'
	@tests/bench/run $(BENCH)
instructions: ## what a run costs, counted: may only go down (tests/bench/instructions)
	@B=$(B) tests/bench/instructions
$(B)/bench/%: $(B)/tests/bench/%.o $(B)/librun-once.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(ALL_LIBS)
coverage: ## line coverage of src/ by the unit tests (E2E=1: by the end-to-end tests too)
	@scripts/coverage $(if $(E2E),--e2e)
compdb: ## compile_commands.json
	@$(MAKE) -nB all units 2>/dev/null | scripts/compdb >compile_commands.json
man: $(B)/run-once.1 ## the man page, from the tables of commands and options
$(B)/run-once.1: $(B)/run-once
	$< help man | scdoc >$@.new && mv $@.new $@
install: all ## to $(DESTDIR)$(PREFIX)
	install -D -m 755 $(B)/run-once $(DESTDIR)$(PREFIX)/bin/run-once
	@if command -v scdoc >/dev/null; then $(MAKE) -s man && install -D -m 644 $(B)/run-once.1 $(DESTDIR)$(PREFIX)/share/man/man1/run-once.1; else echo "the man page is left out: scdoc is missing"; fi
	@d=$(DESTDIR)$(PREFIX)/share; mkdir -p $$d/bash-completion/completions $$d/zsh/site-functions $$d/fish/vendor_completions.d; \
	$(B)/run-once completion bash >$$d/bash-completion/completions/run-once && $(B)/run-once completion zsh >$$d/zsh/site-functions/_run-once && $(B)/run-once completion fish >$$d/fish/vendor_completions.d/run-once.fish
clean: ## remove the build folder
	rm -rf $(B)
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 16
include scripts/release.mk
-include $(shell find $(B) -name '*.d' 2>/dev/null)
