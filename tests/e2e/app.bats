# The real release, a Django application on PostgreSQL: what the demo shows, asserted on the database itself.
# bats file_tags=slow
load lib

setup_file() {
  engine_up
  export DOCKER_HOST=${RUN_ONCE_TEST_HOST:-unix://$RUN_ONCE_TEST_ENGINE/docker.sock} SHOP=run-once-shop-test
  . "$PROJECT/scripts/env.bash" && . "$PROJECT/tests/app/app.bash"
  app_image && app_up "$SHOP" || return 1
  export APP_PASSWORD=$app_password
}
teardown_file() {
  . "$PROJECT/scripts/env.bash" && . "$PROJECT/tests/app/app.bash"
  DOCKER_HOST=${RUN_ONCE_TEST_HOST:-unix://$RUN_ONCE_TEST_ENGINE/docker.sock} app_down run-once-shop-test
}

task() {
  cp "$PROJECT/tests/app/release.yaml" release.yaml
  once task --result "$RESULT" "$@"
}
sql() { docker exec -u postgres "$SHOP-db" psql -h /var/run/postgresql -U shop -d shop -qAt -c "$1"; }
no_secret_in() {
  ! grep -rqF -e "$APP_PASSWORD" "$@" || { echo "the database's password is in: $(grep -rlF -e "$APP_PASSWORD" "$@" | tr '\n' ' ')"; return 1; }
}

@test "plan names the environment and shows no value of it, in every form" {
  cp "$PROJECT/tests/app/release.yaml" .
  for form in text json engine; do
    once plan --output $form --from container/$SHOP-web -- python3 manage.py migrate
    status_is 0
    out_has DB_PASSWORD
    no_secret_in "$OUT" "$ERR"
  done
  is "$(sql "select count(*) from pg_tables where schemaname = 'public'")" 0
  nothing_left
}

@test "migrate: the schema is there, each migration applied once" {
  task migrate
  status_is 0
  out_has 'orders.0002_order_note... OK'
  verdict_is succeeded exit
  is "$(sql "select name, count(*) from django_migrations where app = 'orders' group by name order by name")" $'0001_initial|1\n0002_order_note|1'
  is "$(sql 'select count(*) from orders_order')" 4
  nothing_left
  task migrate
  status_is 0
  is "$(sql "select count(*) from django_migrations where app = 'orders'")" 2
  nothing_left
}

@test "the fix changes the rows it is for" {
  task fix-orders
  status_is 0
  out_is $'2 orders fixed\n'
  is "$(sql 'select id, state, note from orders_order order by id')" $'1|paid|fixed\n2|open|\n3|paid|fixed\n4|paid|'
  task fix-orders
  out_is $'0 orders fixed\n'
  nothing_left
}

@test "a wrong script: both streams, its status, and nothing changed" {
  before=$(sql 'select * from orders_order order by id')
  task wrong
  status_is 3
  out_is $'4 orders before\n'
  err_is $'wrong.py: no order 4711, nothing changed\n'
  verdict_is failed exit
  is "$(result exit_code)" 3
  is "$(sql 'select * from orders_order order by id')" "$before"
  nothing_left
}

@test "the same user, folder, volume and network as the application" {
  docker exec "$SHOP-web" sh -c 'echo from the application >/srv/media/note'
  job --from container/$SHOP-web -- sh -c 'id -un; pwd; cat /srv/media/note; echo from the one-off >/srv/media/note'
  status_is 0
  out_is $'shop\n/srv/shop\nfrom the application\n'
  is "$(docker exec "$SHOP-web" cat /srv/media/note)" 'from the one-off'
  nothing_left
}

@test "the one-off gets none of the application's traffic" {
  start_job --from container/$SHOP-web -- python3 scripts/listen.py 15
  copy=$(job_container)
  web=$(docker inspect -f '{{slice .Id 0 12}}' "$SHOP-web")
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    is "$(docker exec "$SHOP-db" python3 -c 'import urllib.request; print(urllib.request.urlopen("http://web:8000/whoami").read().decode().strip())')" "$web"
  done
  is "$(docker inspect -f '{{index .Config.Labels "traefik.enable"}}|{{len .HostConfig.PortBindings}}|{{.HostConfig.RestartPolicy.Name}}' "$copy" | sed 's/|no$/|/')" '|0|'
  run docker exec "$copy" printenv VIRTUAL_HOST
  [[ $status != 0 ]]
  is "$(docker inspect -f '{{.State.Running}}' "$copy")" true # it listened all the while
  end_job
  status_is 0
  out_is $'no request came\n'
  nothing_left
}

@test "the password is nowhere: process list, labels, record, result, trace" {
  job --trace all --from container/$SHOP-web -e "EXTRA=$APP_PASSWORD" -- true
  status_is 0
  no_secret_in "$OUT" "$ERR" "$RESULT"
  start_job --from container/$SHOP-web -e "EXTRA=$APP_PASSWORD" -- sleep 3
  ps -eo args >"$BATS_TEST_TMPDIR/processes"
  { cat /proc/[0-9]*/cmdline 2>/dev/null || true; } | tr '\0' '\n' >>"$BATS_TEST_TMPDIR/processes"
  docker inspect -f '{{json .Config.Labels}} {{json .Config.Cmd}} {{.Name}}' "$(job_container)" >"$BATS_TEST_TMPDIR/labels"
  end_job
  status_is 0
  # The line of this very test is not run-once's.
  grep -v bats "$BATS_TEST_TMPDIR/processes" >"$BATS_TEST_TMPDIR/process-list"
  no_secret_in "$BATS_TEST_TMPDIR/process-list" "$BATS_TEST_TMPDIR/labels" "$RESULT" "$(dirname "$RUN_ONCE_HISTORY")" "$OUT" "$ERR" "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR"
  nothing_left
}

@test "manage.py shell on a terminal" {
  cp "$PROJECT/tests/app/release.yaml" .
  cat >console.exp <<'X'
set timeout 30
spawn -noecho $env(RUN_ONCE) task console
expect ">>> " {} timeout { exit 90 } eof { exit 91 }
send "from orders.models import Order; import sys; print('orders', Order.objects.count(), sys.stdin.isatty())\r"
expect -re "orders 4 True\r" {} timeout { exit 92 } eof { exit 93 }
expect ">>> "
send "exit(7)\r"
expect eof
exit [lindex [wait] 3]
X
  status=0
  expect -f console.exp >"$OUT" 2>"$ERR" || status=$?
  status_is 7
  nothing_left
}
