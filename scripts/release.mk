# make release: build/release/run-once, with everything but the C library inside (scripts/build-libcurl makes the small
# libcurl for it). It starts in a third of the time of the one that `make` builds and needs less than half of the memory;
# libc stays shared, since names of hosts and users are looked up by its plug-ins.
.PHONY: release
release: ## build/release/run-once: one file that needs libc alone, the cheapest to run
	@curl=$$(scripts/build-libcurl) && \
	static=$$(pkg-config --static --libs libssl libcrypto jansson yaml-0.1 libxxhash | tr ' ' '\n' | grep -vxE -e '-ldl|-l?-?pthread|-pthread' | tr '\n' ' ') && \
	$(MAKE) --no-print-directory B=$(B)/release PKG_CFLAGS=-I$$curl/include EXTRA_CFLAGS='-ffunction-sections -fdata-sections $(EXTRA_CFLAGS)' \
	  LDFLAGS='-Wl,--gc-sections -Wl,-z,pack-relative-relocs $(LDFLAGS)' PKG_LIBS="$$curl/lib/libcurl.a -Wl,-Bstatic $$static -Wl,-Bdynamic -pthread -ldl" all
	@unwanted=$$(readelf -d $(B)/release/run-once | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc|ld-linux[^.]*|libm)\.so'); \
	  if [ -n "$$unwanted" ]; then echo "release: needs more than libc: $$unwanted" >&2; exit 1; fi
