# Shared by the project's scripts: `. "$(dirname "$0")/env.bash"`. Sets $root (the checkout) and $cache, a folder outside
# of it for what is built once and used again (images of the real application).
# shellcheck shell=bash disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin

if [[ -n ${RUN_ONCE_CACHE-} ]]; then cache=$RUN_ONCE_CACHE
elif ((EUID == 0)); then cache=/var/cache/run-once
else cache=${XDG_CACHE_HOME:-$HOME/.cache}/run-once; fi

# One line about what happens now.
say() { echo "${0##*/}: $*"; }
die() {
  echo "${0##*/}: $*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
# need COMMAND...: ends with a line that names what is missing.
need() {
  local c missing=()
  for c in "$@"; do have "$c" || missing+=("$c"); done
  ((${#missing[@]} == 0)) || die "missing: ${missing[*]} (scripts/install-packages installs what the project needs)"
}
# quietly LOG COMMAND...: its output goes to LOG; shows the end of it when the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  echo "${0##*/}: failed: $*" >&2
  tail -n "${QUIETLY_LINES:-30}" "$log" >&2
  return 1
}
