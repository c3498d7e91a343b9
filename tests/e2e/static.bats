# The release build holds libc itself and loads none of its plug-ins (base/name_service.h): users, groups and hosts are
# found all the same, whatever nsswitch.conf(5) asks for. In mount and network namespaces of their own.
# bats file_tags=slow
load lib

setup_file() {
  "$PROJECT/scripts/install-packages" endpoints >&2
  engine_up
}

eval "lib_$(declare -f setup)"
setup() {
  lib_setup
  if readelf -lW "$RUN_ONCE" | grep -q INTERP; then skip 'not the release build (scripts/test --release)'; fi
}

# elsewhere FILE=/etc/NAME... -- COMMAND...: COMMAND on a machine with these files of its own, and with a loopback alone.
elsewhere() {
  local files=()
  while [[ $1 != -- ]]; do files+=("$1"); shift; done
  shift
  # shellcheck disable=SC2016 # the inner shell expands
  unshare --mount --net --propagation private bash -c 'ip link set lo up
    while [[ $1 != -- ]]; do mount --bind "${1%%=*}" "${1#*=}" || exit; shift; done; shift; "$@"' sh "${files[@]}" -- "$@"
}
as_elsewhere() { # FILE=/etc/NAME...: $RUN_ONCE is the program there
  declare -f elsewhere >program
  printf 'elsewhere %s -- %q "$@"\n' "$*" "$RUN_ONCE" >>program
  sed -i '1i #!/bin/bash' program
  chmod +x program
  RUN_ONCE=$WORK/program
}

@test "nothing of the machine's is loaded" {
  start_job -- sh -c "$HELD"
  is "$(awk '$6 ~ "^/" && $6 != "/dev/zero" { print $6 }' "/proc/$launcher/maps" | sort -u)" "$(realpath "$RUN_ONCE")"
  let_go
  end_job
  status_is 0
  nothing_left
}

@test "a user that /etc/passwd does not know is asked of getent" {
  grep -v '^root:' /etc/passwd >passwd
  mkdir bin
  printf '#!/bin/sh\n[ "$*" = "passwd 0" ] && echo "ldap.user:x:0:0::%s:/bin/sh"\n' "$HOME" >bin/getent
  chmod +x bin/getent
  as_elsewhere "passwd=/etc/passwd"
  PATH=$WORK/bin:$PATH job -- true
  status_is 0
  is "$(result actor.user)" ldap.user
  # Nobody knows: the number.
  printf '#!/bin/sh\nexit 2\n' >bin/getent
  PATH=$WORK/bin:$PATH job -- true
  status_is 0
  is "$(result actor.user)" 'uid 0'
  nothing_left
}

@test "a user of /etc/passwd is not asked of anybody, whatever nsswitch.conf says" {
  mkdir bin
  printf '#!/bin/sh\ntouch %s/asked\n' "$WORK" >bin/getent
  chmod +x bin/getent
  printf 'passwd: nosuch\n' >nsswitch.conf
  as_elsewhere "nsswitch.conf=/etc/nsswitch.conf"
  PATH=$WORK/bin:$PATH job -- true
  status_is 0
  is "$(result actor.user)" root
  [[ ! -e asked ]]
}

# engine_by_name NAME FILE...: a run on the engine at tcp://NAME, which is on the loopback there.
engine_by_name() {
  local name=$1
  shift
  cat >there <<EOF
socat TCP-LISTEN:2375,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:${HOST#unix://} & relay=\$!
${dns:+python3 $WORK/dns.py & dns=\$!}
until (: <>/dev/tcp/127.0.0.1/2375) 2>/dev/null; do sleep 0.05; done
${dns:+until [[ -e $WORK/dns.ready ]]; do sleep 0.05; done}
unset DOCKER_HOST
$RUN_ONCE run -H tcp://$name:2375 --from image/$IMAGE -- echo found
status=\$?
kill \$relay \$dns
exit \$status
EOF
  status=0
  elsewhere "$@" -- bash there >"$OUT" 2>"$ERR" 3>&- || status=$?
}

@test "a host of /etc/hosts" {
  printf '127.0.0.1 localhost\n127.0.0.1 engine.internal\n' >hosts
  printf 'hosts: mdns4_minimal [NOTFOUND=return] resolve\n' >nsswitch.conf
  engine_by_name engine.internal hosts=/etc/hosts nsswitch.conf=/etc/nsswitch.conf
  status_is 0
  out_is $'found\n'
  nothing_left
}

@test "a host that DNS knows, by a search domain; one that it does not is said" {
  cat >dns.py <<'EOF'
# Answers A for engine.test with 127.0.0.1, everything else with NXDOMAIN (RFC 1035).
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
open("dns.ready", "w").close()
while True:
    q, peer = s.recvfrom(512)
    end = q.index(0, 12) + 5
    known, kind = q[12:end - 4] == b"\x06engine\x04test\x00", struct.unpack(">H", q[end - 4:end - 2])[0]
    answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\x00\x00\x01" if known and kind == 1 else b""
    s.sendto(q[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, 1 if answer else 0, 0, 0) + q[12:end] + answer, peer)
EOF
  dns=yes
  printf 'nameserver 127.0.0.1\nsearch test\n' >resolv.conf
  printf 'hosts: resolve [!UNAVAIL=return] mymachines\n' >nsswitch.conf
  engine_by_name engine resolv.conf=/etc/resolv.conf nsswitch.conf=/etc/nsswitch.conf
  status_is 0
  out_is $'found\n'
  rm dns.ready
  engine_by_name nobody resolv.conf=/etc/resolv.conf nsswitch.conf=/etc/nsswitch.conf
  status_is 125
  one_complaint nobody
  nothing_left
}
