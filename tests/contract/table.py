"""The promises, one case each, with what they come to; the same on every runtime but where a difference is named.

The words are those of words.py. The differences are listed, with why, in docs/kubernetes.md and docs/engines.md."""
import hashlib

from expect import ANY
from facts import an_id, app_environment, jobs_end, same_plan
from words import (case, cut, differs, fill, kill_launcher, killed, look, meanwhile, not_started, once, outside, output, pause, refused,
                   run, runs, send, signalled, unknown)

MARK = "vErY-sEcReT-mArKeR"
# The application's; on a cluster the first stands in a ConfigMap, the second in a Secret.
ENVIRONMENT = {"FROM_MAP": "of the map", "FROM_SECRET": f"{MARK} of the source", "APP": "web", "EMPTY": "", "SPACES": "  two  words ",
               "DOLLAR": "$HOME `x` \"q\" 'q'", "NOT_ASCII": "grüße", "EQUALS": "a=b=c"}

INPUT = bytes(range(256)) * (4 << 12)  # 4 MiB

HELD = dict(options="-i", stdin="open")  # runs until all was looked at
DELETED = dict(killed("deleted", ANY, signal=ANY), fields={"output.gap": ANY})
LOG_GOES = differs("stop-takes-log", may=True, fields={"output.gap": ANY}, code=ANY, signal=ANY)

# --- 3. Streams ---

case("stdout: a line, exactly", "3", run("probe", "line", "hello", out="hello\n"))
case("no newline at the end, NUL and CRLF", "3", run("sh", "-c", r"printf 'a\0b\r\nc tail'", out=b"a\0b\r\nc tail"))
case("nothing at all", "3", run("true", out=""))
case("stdout and stderr, apart and each in order", "3",
     run("sh", "-c", "for i in 1 2 3; do echo o$i; sleep 0.1; echo e$i >&2; sleep 0.1; done", out="o1\no2\no3\n", err="e1\ne2\ne3\n",
         kubernetes=differs("one-log", out="o1\ne1\no2\ne2\no3\ne3\n", err="")))
case("bytes that are no text", "3", run("sh", "-c", r"printf 'c\377\376 tail\n'", out=b"c\xff\xfe tail\n",
                                        kubernetes=differs("text-log", may=True, out="c\ufffd\ufffd tail\n", fields={"output.gap": 0}, says=["UTF-8"])))
case("16 MiB, by their hash", "3", run("sh", "-c", "probe fill 12582912 | base64", out=fill(12 << 20, base64=True),
                                        kubernetes=differs("unproved-log", may=True, says=["cannot be proved"], fields={"output.gap": 0})))
case("arguments arrive as they are", "1",
     run("probe", "argv", "a b", "", "it's", '"q"', "$HOME", "$(HOME)", "$$(x)", "new\nline", "--", "-x", "ü",
         out='3:a b\n0:\n4:it\'s\n3:"q"\n5:$HOME\n7:$(HOME)\n5:$$(x)\n8:new\nline\n2:--\n2:-x\n2:ü\n'))
case("-i: whole, its end forwarded, and output goes on", "3",
     run("sh", "-c", "sha256sum; sleep 0.3; echo after", options="-i", stdin=INPUT,
         out=hashlib.sha256(INPUT).hexdigest() + "  -\nafter\n"))
case("without -i stdin is nobody's", "3", run("cat", stdin="kept", out=""))
case("-t: a terminal, of this size", "3",  # engines of API 1.41 are told once the command runs
     run("sh", "-c", "i=0; until probe winsize | grep -q '31 101' || [ $i = 99 ]; do sleep 0.1; i=$((i+1)); done; probe tty winsize", options="-t",
         terminal=(31, 101), out="tty 1 1 1\nsize 31 101\n"))

# --- 2. The release ---

case("environment: the source's, names and values", "2",
     run("probe", "env", "-", source="{app}", lines=app_environment(),
         kubernetes=differs("own-variable", lines=app_environment("RUN_ONCE_JOB="))))
case("--env, --env-file, and a name whose value is the caller's", "2",
     run("sh", "-c", 'echo "$A|$B|$FROM_CALLER|$FROM_FILE|$APP"', source="{app}", options="-e A=1 -e B=a=$(x) -e FROM_CALLER --env-file {work}/../given.env",
         environ={"FROM_CALLER": "the caller's"}, out="1|a=$(x)|the caller's|in a file|web\n"))
case("the image that runs, not its tag", "2: same release",
     run("sh", "-c", "echo $FROM_APP_IMAGE; cat", source="{moved}", **HELD, during=(runs(), look("same_image")), out="first\n", says=["has since moved"],
         kubernetes=differs("tags-unasked", says=[])))
case("labels, ports, Services and restarts are inert", "2: inert", run("cat", source="{app}", **HELD, during=(runs(), look("inert"))))
case("a source that is not there", "9",
     run("true", source="{app}-not-there", says=["-not-there"], record=False, **not_started("missing_reference")))
case("plan: what will run, twice the same, and nothing is done", "1",
     run("probe", "line", "x", source="{app}", out="x\n"),
     *[once("plan", "--output", "json", "--from", "{app}", "-e", f"GIVEN={MARK}", "--", "probe", "line", "x", out=same_plan(MARK))] * 2)

# --- 4. Verdict and exit status ---

case("1 and 7 are the command's", "4", run("probe", "exit", "1", status=1), run("probe", "line", "x", "exit", "7", status=7, out="x\n"))
case("126 and 127 of the command itself are told apart", "4",
     run("probe", "exit", "126", status=126, says=["126 is the command's own exit status"]),
     run("sh", "-c", "exit 127", status=127, says=["127 is the command's own exit status"]))
case("not found: 127, never started", "4", run("no-such-command", says=["no-such-command"], **not_started("not_found", 127)))
case("not executable: 126, never started", "4", run("/bin/not-executable", says=["not-executable"], **not_started("not_executable", 126)))
case("143 and 137 by a signal of its own are failures", "4",
     *[run("sh", "-c", f"exec 2>/dev/null; sh -c 'kill -{n} $$'; exit $?", **signalled(n)) for n in (15, 9)])
case("--timeout: 124, with the grace", "4", run("probe", "trap", "TERM", "0", "line", "begun", "forever", options="--timeout 2 --stop-grace 5",
                                               out="begun\ngot TERM\n", says=["..."], **killed("deadline_run", 0, 124), kubernetes=LOG_GOES))
case("--timeout: by force where the grace is not enough", "4",
     run("probe", "ignore", "TERM", "line", "begun", "forever", options="--timeout 2 --stop-grace 1", out="begun\n", says=["..."],
         **killed("deadline_run", 137, 124, 9), kubernetes=LOG_GOES))
case("--idle-timeout: 124", "5", run("probe", "trap", "TERM", "0", "line", "begun", "forever", options="--idle-timeout 2", out="begun\ngot TERM\n",
                                    says=["..."], **killed("deadline_idle", 0, 124), kubernetes=LOG_GOES))
case("--start-timeout: 124, never started", "5", run("probe", "line", "never", options="--start-timeout 0.001", says=["..."], **not_started("deadline_start", 124)))
case("INT and USR1 are forwarded", "5: run",
     run("probe", "notice", "USR1", "trap", "INT", "9", "line", "ready", "sleep", "4", "exit", "4",
         during=(output("ready"), send("USR1"), pause(1), send("INT")), status=9, out="ready\ngot USR1\ngot INT\n",
         kubernetes=differs("signals", status=4, out="ready\n", says=["USR1", "INT"])))
case("a second INT stops, with the grace", "5: run",
     run("probe", "ignore", "INT", "trap", "TERM", "0", "line", "ready", "forever", during=(output("ready"), send("INT"), pause(1), send("INT")),
         out="ready\ngot TERM\n", says=["..."], **killed("stopped", 0), kubernetes=LOG_GOES))
case("stopped from outside: 122, though it ends with 0", "4",
     run("probe", "trap", "TERM", "0", "line", "ready", "forever", during=(output("ready"), outside("stop")), out="ready\ngot TERM\n", says=["..."],
         **killed("stopped_from_outside", 0), kubernetes=differs("stop-is-deletion", **DELETED),
         podman=differs("stop-untold", may=True, before=5, status=0, verdict="succeeded", cause="exit", says=[])))
case("killed from outside", "4",
     run("probe", "line", "ready", "forever", during=(output("ready"), outside("kill")), out="ready\n", says=["..."],
         **killed("stopped_from_outside", 137, signal=9), kubernetes=differs("stop-is-deletion", **DELETED)))
case("removed from outside: unknown", "4",
     run("probe", "line", "ready", "forever", during=(output("ready"), outside("remove")), out="ready\n", says=["..."], **unknown("removed_unread"),
         podman=(differs("stop-untold", may=True, before=5, **signalled(9)),
                 differs("stop-untold", may=True, since=5, **killed("stopped_from_outside", 137, signal=9)))))
case("usage: one line, 125, nothing done", "9", run("true", options="--timeout never", says=["never"], record=False, fields={"runtime.kind": None, "command": []},
                                                   **not_started("usage")))

# --- 5. Life of a job ---

case("launcher killed: the command goes on, its end is recorded", "5",
     run("probe", "line", "one", "sleep", "3", "line", "two", "exit", "7", during=(output("one"), look("result_is_open"), kill_launcher()), out="one\n",
         status=-9, verdict="failed", code=7, settles=True, exit_status=7),
     once("jobs", "logs", "{id}", out="one\ntwo\n"), once("jobs", "wait", "{id}", status=7))
case("launcher killed, --on-disconnect stop: stopped", "5",
     run("probe", "trap", "TERM", "3", "line", "ready", "forever", options="--on-disconnect stop", during=(output("ready"), kill_launcher()), out="ready\n",
         status=-9, verdict="killed", cause="stopped", code=3, settles=True, exit_status=122))
case("input is cut by the launcher's death: never a success", "3",
     run("probe", "trap", "TERM", "0", "line", "ready", "count", options="-i", stdin="open", during=(output("ready"), kill_launcher()),
         out="ready\n", status=-9, verdict="unknown", cause="input_cut", code=0, settles=True, exit_status=120))
case("connections are cut three times: every line once", "5: the connection dies",
     run("sh", "-c", "i=0; while [ $i -lt 50 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 3", through="cutter", status=3, says=["..."],
         during=(output("line 3\n"), cut(), pause(1), cut(), pause(1), cut()), out="".join(f"line {i}\n" for i in range(50))))
case("--detach: the id alone; attach, wait, logs and result by it, and by its beginning", "1",
     run("sh", "-c", "echo one; sleep 9; echo two; exit 9", options="--detach", out=an_id, verdict="detached", cause=None),
     once("jobs", "attach", "{id}", status=9, out="one\ntwo\n"), once("jobs", "wait", "{prefix}", status=9, out=""),
     once("jobs", "logs", "{prefix}", out="one\ntwo\n"), once("jobs", "result", "{id}", out=jobs_end("failed", "exit", 9)))
case("jobs stop: with the grace, killed", "4",
     run("probe", "trap", "TERM", "0", "line", "ready", "forever", during=(output("ready"), meanwhile(once("jobs", "stop", "{id}"))), out="ready\ngot TERM\n",
         says=["..."], **killed("stopped", 0), kubernetes=LOG_GOES, podman=differs("signal-unnumbered", cause="stopped_from_outside")),
     once("jobs", "wait", "{id}", status=122))
case("jobs rm: not of one that runs, but with --force", "4",
     run("probe", "line", "ready", "forever", during=(output("ready"), meanwhile(once("jobs", "rm", "{id}", status=121)),
         meanwhile(once("jobs", "rm", "--force", "{id}"))), out="ready\n", says=["..."],
         **killed("stopped", 137, signal=9), kubernetes=LOG_GOES, podman=differs("signal-unnumbered", cause="stopped_from_outside")))
case("--keep: it stays, without its lock, until jobs rm", "5: end",
     run("probe", "line", "kept", "exit", "3", options="--keep on-failure --lock {unique}", status=3, out="kept\n", says=["jobs rm"], kept=True),
     once("jobs", "logs", "{id}", out="kept\n"), run("probe", "line", "next", options="--lock {unique}", out="next\n"),
     once("jobs", "rm", "{first}"))
case("an id that nobody knows: 125", "4", *[once("jobs", verb, "nosuchjob123", status=125) for verb in ("wait", "logs", "result", "attach", "rm")])

# --- 5. Locks and once-keys ---

case("--lock: a second caller is refused, and told by whom", "5: lock",
     run("sh", "-c", "echo ready; sleep 5", options="--lock {unique} --actor alice --reason release-7", out="ready\n", during=(output("ready"), meanwhile(
         run("true", options="--lock {unique}", says=["alice"], **refused("locked"))))),
     run("probe", "line", "free", options="--lock {unique}", out="free\n"))
case("--lock: waiting for its turn", "5: lock",
     run("sh", "-c", "echo ready; sleep 4", options="--lock {unique}", out="ready\n", during=(output("ready"), meanwhile(
         run("probe", "line", "mine", options="--lock {unique} --if-locked wait", out="mine\n", says=["waiting"])))))
case("--lock: attach to the holder of the same command, and of no other", "5: lock",
     run("sh", "-c", "echo ready; sleep 6; exit 5", options="--lock {unique}", status=5, out="ready\n", during=(
         output("ready"), meanwhile(run("true", options="--lock {unique} --if-locked attach", says=["..."], **refused("locked"))),
         meanwhile(run("sh", "-c", "echo ready; sleep 6; exit 5", options="--lock {unique} --if-locked attach", status=5, out="ready\n", says=["..."],
                       record=False, attached=True)))))
case("--once: executed once, then replayed; another command or image is refused", "5: once",
     run("sh", "-c", "echo out; exit 3", options="--app shop --once {unique}", status=3, out="out\n"),
     run("sh", "-c", "echo out; exit 3", options="--app shop --once {unique}", status=3, out="out\n", says=["..."], replayed=True),
     run("sh", "-c", "echo other; exit 3", options="--app shop --once {unique}", says=["sh -c echo out; exit 3"], **refused("once_mismatch")),
     run("sh", "-c", "echo out; exit 3", source="image/{other}", options="--app shop --once {unique}", says=["{other}"], **refused("once_mismatch")),
     once("jobs", "rm", "{first}"))
case("--once: 5 at the same instant, one execution, the same for all", "5: once",
     run("sh", "-c", "echo out; sleep 2; exit 3", options="--once {unique}", callers=5, together=True, status=3, out="out\n", says=["..."], attached=True, record=False),
     once("jobs", "rm", "{first}"))
case("--once: killed, so refused until jobs rm", "5: once",
     run("probe", "ignore", "INT", "trap", "TERM", "0", "line", "ready", "forever", options="--once {unique}", during=(output("ready"), send("INT"), pause(1), send("INT")),
         out="ready\ngot TERM\n", says=["..."], **killed("stopped", 0), kubernetes=LOG_GOES),
     run("probe", "ignore", "INT", "trap", "TERM", "0", "line", "ready", "forever", options="--once {unique}", says=["jobs rm"], **refused("once_unresolved")),
     once("jobs", "rm", "{first}"), run("probe", "line", "again", options="--once {unique}", out="again\n"), once("jobs", "rm", "{id}"))
case("20 callers at once: a line and a status each", "3", run("probe", "line", "caller {n}", callers=20, out="caller {n}\n"))

# --- 6. Records ---

case("values are nowhere but in the command's environment", "6",
     run("sh", "-c", "echo ${GIVEN#vErY-} $(echo $FROM_SECRET | wc -c); cat", source="{app}", stdin="open", options=f"-i -e GIVEN={MARK} --env-file {{work}}/../secret.env --lock {{unique}}",
         during=(output("sEcReT"), look("nowhere", MARK)), out=f"{MARK[5:]} {len(MARK) + 15}\n", says=["..."]))
