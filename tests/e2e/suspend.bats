# A machine that was suspended for minutes: real time went on, timers did not. A library before libc's adds to the
# boot-time clock what a file says, which is what a suspend does to it.
# bats file_tags=slow
load lib
bats_require_minimum_version 1.5.0
# Of the release build, which holds libc, nothing comes before: the program beside it, of the same source.
RUN_ONCE=${RUN_ONCE/%\/release\/run-once/\/run-once}

setup_file() {
  engine_up
  cat >"$BATS_FILE_TMPDIR/jump.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  static char path[4096];
  if (!real) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    snprintf(path, sizeof path, "%s", getenv("JUMP") ? getenv("JUMP") : "");
  }
  int rc = real(id, t);
  FILE *f = id == CLOCK_BOOTTIME && *path ? fopen(path, "re") : NULL;
  long s = 0;
  if (f && fscanf(f, "%ld", &s) == 1) t->tv_sec += s;
  if (f) fclose(f);
  return rc;
}
C
  cc -shared -fPIC -o "$BATS_FILE_TMPDIR/jump.so" "$BATS_FILE_TMPDIR/jump.c" -ldl
}

# Runs in the background with a clock that can jump; $launcher, $id.
start_jumping() {
  export JUMP=$WORK/jump
  LD_PRELOAD=$BATS_FILE_TMPDIR/jump.so "$RUN_ONCE" run --result "$RESULT" --from "image/$IMAGE" "$@" >"$OUT" 2>"$ERR" 3>&- &
  launcher=$!
  local tries=100
  until id=$(docker ps -q --filter label=run-once.id --filter status=running) && [[ -n $id ]]; do
    ((tries--)) || return 1
    sleep 0.1
  done
}

@test "a deadline that passed while the machine was suspended is held when it wakes" {
  start_jumping --timeout 10m --stop-grace 1s -- sleep 300
  echo 700 >"$JUMP"
  status=0
  wait "$launcher" || status=$?
  status_is 124
  is "$(result cause)" deadline_run
  nothing_left
}

@test "a suspend shorter than the deadline changes nothing" {
  start_jumping --timeout 10m -- sh -c 'sleep 3; echo done; exit 5'
  echo 300 >"$JUMP"
  status=0
  wait "$launcher" || status=$?
  status_is 5
  out_is $'done\n'
  nothing_left
}

@test "the guardian holds the deadline of a launcher that is gone, over a suspend" {
  start_jumping --timeout 10m --stop-grace 1s -- sleep 300
  kill -KILL "$launcher"
  wait "$launcher" 2>/dev/null || :
  launcher=
  sleep 1
  echo 700 >"$JUMP"
  local tries=300
  until [[ $(outcome cause 2>/dev/null) == deadline_run ]]; do
    ((tries--)) || { history_dump 2>/dev/null; return 1; }
    sleep 0.2
  done
  is "$(outcome exit_status)" 124
  nothing_left 5
}
