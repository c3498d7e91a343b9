# The real application of the demo and of tests/e2e/app.bats: a Django shop on PostgreSQL, both from Debian's packages.
# shellcheck shell=bash disable=SC2154
# Sourced after scripts/env.bash; DOCKER_HOST names the engine.
#
#   app_image            makes images run-once-shop:base (from the cache, or built: a minute) and run-once-shop:1
#   app_base             the base image's file system alone, into the cache; sets $base
#   app_up NAME          runs it: network, volume and containers NAME-db, NAME-web; sets $app_password; waits until it serves
#   app_down NAME        removes all of it
#   app_sql NAME SQL     what the database says, fields apart by |
#   app_get NAME PATH    an HTTP request to the application over its network
app_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Where this machine gets its packages from.
app_mirror() { # SUITE
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suite="$1" '$2 == suite && $3 == "main" { print $1; exit }'
}

# The root file system, as a tar in the cache.
app_base() {
  local suite
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  base=$cache/shop-base-1-$suite.tar
  [[ -s $base ]] && return
  "$root/scripts/install-packages" app && mkdir -p "$cache" && app_base_build "$suite" 9>"$cache/lock"
}
app_base_build() {
  local suite=$1 mirror tree proxy='' status
  flock 9 || return
  [[ -s $base ]] && return
  mirror=$(app_mirror "$suite")
  [[ -n $mirror ]] || { echo "no package source for $suite in this machine's apt configuration" >&2; return 1; }
  say "building the application's base image from Debian's packages, once (one to three minutes)"
  rm -rf --one-file-system "$cache"/tree.* # of one that was interrupted
  tree=$(mktemp -d "$cache/tree.XXXXXX") || return
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  # Mounts of its own go away with it. The tree is thrown away when the machine stops half-way: no need to wait for the
  # disk after each file.
  DPKG_FORCE=unsafe-io http_proxy=${proxy:-${http_proxy-}} quietly "$cache/debootstrap.log" unshare --mount debootstrap \
    --variant=minbase --include=python3-django,python3-psycopg2,gunicorn,postgresql "$suite" "$tree" "$mirror" &&
    rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/usr/share/{doc,man,locale}/* "$tree"/var/lib/postgresql/*/main &&
    tar -C "$tree" --numeric-owner --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' -cf "$base.part" . &&
    mv "$base.part" "$base"
  status=$?
  rm -rf --one-file-system "$tree"
  return $status
}

app_image() {
  local base stamp
  stamp=$(cd "$app_folder" && find Dockerfile database shop -type f ! -name '*.pyc' | sort | xargs sha256sum | sha256sum | cut -c1-16)
  [[ $(docker image inspect -f '{{index .Config.Labels "shop.stamp"}}' run-once-shop:1 2>/dev/null) == "$stamp" ]] && return
  if ! docker image inspect run-once-shop:base >/dev/null 2>&1; then
    app_base || return
    docker import "$base" run-once-shop:base >/dev/null || return
  fi
  local log
  log=$(mktemp)
  DOCKER_BUILDKIT=0 quietly "$log" docker build -q --network none --label "shop.stamp=$stamp" -t run-once-shop:1 "$app_folder"
  local status=$?
  rm -f "$log"
  return $status
}

app_up() {
  local name=$1 settings
  app_down "$name"
  app_password=pw-$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
  docker network create "$name" >/dev/null && docker volume create "$name-media" >/dev/null && docker volume create "$name-db" >/dev/null || return
  # By a file: an argument would be in the process list.
  settings=$(mktemp)
  printf '%s\n' "DB_HOST=$name-db" DB_NAME=shop DB_USER=shop "DB_PASSWORD=$app_password" \
    "SECRET_KEY=key-$app_password" VIRTUAL_HOST=shop.example DJANGO_SETTINGS_MODULE=shop.settings >"$settings"
  docker run -d --name "$name-db" --network "$name" --env-file "$settings" -v "$name-db:/var/lib/postgresql/data" run-once-shop:1 database >/dev/null &&
    docker run -d --name "$name-web" --network "$name" --network-alias web --env-file "$settings" -v "$name-media:/srv/media" -p 127.0.0.1::8000 \
      --user shop --restart unless-stopped --label traefik.enable=true --label 'traefik.http.routers.shop.rule=Host(`shop.example`)' run-once-shop:1 >/dev/null
  local status=$?
  rm -f "$settings"
  ((status == 0)) || return
  local n
  for ((n = 0; n < 150; n++)); do
    app_sql "$name" 'select 1' >/dev/null 2>&1 && app_get "$name" /health >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "the application does not come up:" >&2
  docker logs --tail 5 "$name-db" >&2
  docker logs --tail 5 "$name-web" >&2
  return 1
}

app_down() {
  docker rm -fv "$1-web" "$1-db" >/dev/null 2>&1
  docker volume rm "$1-media" "$1-db" >/dev/null 2>&1
  docker network rm "$1" >/dev/null 2>&1
  return 0
}

app_sql() {
  docker exec -u postgres "$1-db" psql -h /var/run/postgresql -U shop -d shop -qAt -c "$2"
}

app_get() {
  docker exec "$1-db" python3 -c 'import sys, urllib.request
print(urllib.request.urlopen("http://web:8000" + sys.argv[1], timeout=5).read().decode(), end="")' "$2"
}
