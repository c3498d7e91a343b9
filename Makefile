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

LIB_SRC := $(filter-out src/cli/main.c,$(wildcard src/*/*.c src/runtime/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tools/%,$(wildcard tests/tools/*.c))

.PHONY: all check units tools clean help
all: $(B)/run-once
$(B)/run-once: $(B)/src/cli/main.o $(B)/librun-once.a
	$(CC) -o $@ $^ $(ALL_LIBS)
$(B)/librun-once.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^
# A changed flag rebuilds everything.
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' >$@
FORCE:
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/librun-once.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -lcmocka $(ALL_LIBS)
$(B)/tools/%: $(B)/tests/tools/%.o
	@mkdir -p $(@D)
	$(CC) -o $@ $^ $(LDHARDEN)
units: $(UNIT)
tools: $(TOOLS)
check: $(UNIT) ## unit tests
	@failed=0; for t in $(UNIT); do $$t 2>$$t.log >&2 && echo "ok   $${t##*/}" || { echo "FAIL $${t##*/}"; cat $$t.log; failed=1; }; done; exit $$failed
clean:
	rm -rf $(B)
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
-include $(shell find $(B) -name '*.d' 2>/dev/null)
