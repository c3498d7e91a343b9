# make release: build/release/run-once, one file with everything inside (scripts/build-libcurl makes the small libcurl for
# it). It starts in a quarter of the time of the one that `make` builds and needs a third of the memory; how it finds names
# of users and hosts without libc's plug-ins: base/name_service.h. The linker's warnings, switched off, are about just these
# (that of Debian 13 still prints a note to each of them).
.PHONY: release
release: ## build/release/run-once: one file that needs nothing else, the cheapest to run
	@curl=$$(scripts/build-libcurl) && \
	static=$$(pkg-config --static --libs libssl libcrypto jansson yaml-0.1 libxxhash | tr ' ' '\n' | grep -vxE -e '-ldl|-l?-?pthread|-pthread' | tr '\n' ' ') && \
	$(MAKE) --no-print-directory B=$(B)/release PKG_CFLAGS=-I$$curl/include EXTRA_CFLAGS='-DRUN_ONCE_STATIC -ffunction-sections -fdata-sections $(EXTRA_CFLAGS)' \
	  LDHARDEN='-static-pie -Wl,-z,relro -Wl,-z,now -Wl,--no-warnings' LDFLAGS='-Wl,--gc-sections -Wl,-z,pack-relative-relocs $(LDFLAGS)' PKG_LIBS="$$curl/lib/libcurl.a $$static -pthread" all
	@if readelf -lW $(B)/release/run-once | grep -q INTERP; then echo "release: needs a loader" >&2; exit 1; fi
