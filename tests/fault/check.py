"""Is what run-once says of a job true, did it run at most once, is anything left? Truth is what the command itself wrote
into the volume and what the harness did to it; the engine is asked straight."""
import hashlib
import re

STATUS_OF = {"succeeded": 0, "detached": 0, "unknown": 120, "refused": 121, "killed": (122, 124), "not_started": (124, 125)}


class Judge:
    def __init__(self, run, engine_ended):
        self.run, self.job, self.engine = run, run.job, run.engine
        self.engine_ended = engine_ended  # an engine was killed or restarted meanwhile
        self.problems = run.problems
        self.ran = self.engine.lines("ran", self.job.name)
        self.ended = [x.split(" ", 2)[1:] for x in self.engine.lines("ended", self.job.name)]
        self.records = run.lines_of_history()
        self.result = run.result()
        self.outcomes = [r for r in self.records if r["event"] == "outcome"]
        self.outcome = self.outcomes[-1] if self.outcomes else None

    def wrong(self, text):
        self.problems.append(text)

    def own_end(self):
        """The status it ended with by itself, None: it did not, or was stopped."""
        return int(self.ended[0][0]) if self.ended and self.ended[0][0] != "trapped" else None

    def stop_reasons(self):
        """Causes of `killed` that what was done may have."""
        hit, job = self.run.hit, self.job
        causes = set()
        if job.kind == "feed" or ("launcher" in hit and job.disconnect_stop):
            causes.add("stopped")
        if hit & {"outside-stop", "outside-remove"}:
            causes.add("stopped_from_outside")
        if job.kind == "deadline":
            causes.add("deadline_run")
        if self.engine_ended:
            causes |= {"engine_restart", "stopped_from_outside"}
        return causes

    def verdict(self, record, where):
        v, cause, code = record.get("verdict"), record.get("cause"), record.get("exit_code")
        own = self.own_end()
        tell = f"{where} says {v} ({cause}, {code}); it began {len(self.ran)} times and {'ended by itself with ' + str(own) if own is not None else 'did not end by itself'}"
        if v == "succeeded" and (len(self.ran) != 1 or own != 0 or code != 0 or not self.whole_input()):
            self.wrong(f"FALSE SUCCESS: {tell}")
        elif v == "failed" and (len(self.ran) != 1 or own != code or code == 0):
            self.wrong(f"FALSE STATUS: {tell}")
        elif v in ("not_started", "refused") and self.ran:
            self.wrong(f"FALSE NOT STARTED: {tell}")
        elif v == "killed" and cause not in self.stop_reasons():
            self.wrong(f"FALSE KILLED: {tell}")
        if record.get("retry_safe") and self.ran:
            self.wrong(f"retry_safe although it ran: {tell}")

    def whole_input(self):
        if self.job.kind != "feed":
            return True
        return hashlib.sha256(self.job.input()).hexdigest() in self.ended[0][-1]

    def records_agree(self):
        intents = [r for r in self.records if r["event"] == "intent"]
        if len(intents) > 1 or len({r["id"] for r in self.records}) > 1:
            self.wrong(f"{len(intents)} intents in the history")
        if len(self.outcomes) > 1:
            self.wrong("two outcomes: " + ", ".join(f"{r['verdict']} ({r['cause']})" for r in self.outcomes))
        if intents and not self.outcome:
            self.wrong("an intent and no outcome in the history after settling")
        if self.ran and not intents:
            self.wrong("it ran, and the history does not know of it")
        for r in self.outcomes:
            self.verdict(r, "the history")

    def launcher_agrees(self):
        run, final = self.run, self.outcome and self.outcome["verdict"]
        verdict = self.result.get("verdict")
        if self.result and verdict != "detached":
            self.verdict(self.result, "the result file")
        if verdict not in (None, "unknown", "detached", final) and not (final is None and verdict in ("not_started", "refused")):
            self.wrong(f"the result file says {verdict}, the history {final}")
        if "launcher" in run.hit:
            if verdict == "unknown" and final not in (None, "unknown") and "guardian" not in run.hit and not run.late_settled:
                self.wrong(f"the guardian left the result file at unknown, the history says {final}")
            return
        if (self.job.kind == "detach" and run.status == 0) or run.status == STATUS_OF["unknown"]:
            return  # the guardian goes on and completes the result
        if not self.result:
            self.wrong(f"no result file, exit status {run.status}")
            return
        want = self.result.get("exit_code") if verdict == "failed" else STATUS_OF[verdict]
        if run.status != self.result.get("exit_status") or (run.status not in want if isinstance(want, tuple) else run.status != want):
            self.wrong(f"exit status {run.status}, the result says {verdict} {self.result.get('exit_status')}")

    @staticmethod
    def without_own_lines(text):
        return re.sub(r"run-once: [^\n]*\n", "", text)

    def own_stderr(self):
        return self.without_own_lines(self.run.text("err"))

    def output(self):
        """Delivered output is the begin of the truth, and all of it when the command ended by itself and no gap was said."""
        run, job = self.run, self.job
        if job.kind == "detach":
            if "launcher" not in run.hit and run.status == 0 and run.text("out") != f"{self.result.get('id')}\n":
                self.wrong("--detach printed something else than the id")
            return
        # One that gave up says that it does not know; what comes later goes into the spool.
        record = self.result if "launcher" not in run.hit and run.status != STATUS_OF["unknown"] else {}
        gap = record.get("output", {}).get("gap")
        for fd, got in ((1, run.text("out")), (2, self.own_stderr())):
            truth = job.output(fd)
            if job.kind == "feed" and fd == 1 and self.ended:
                truth = f"{job.name} {self.ended[0][-1]}\n"  # also of input that was cut, and said so
            if gap is None and not truth.startswith(got):
                at = next((i for i, (a, b) in enumerate(zip(truth, got)) if a != b), min(len(truth), len(got)))
                self.wrong(f"OUTPUT of fd {fd} is not the command's from byte {at} of {len(got)}, and no gap was said")
            elif gap is None and record.get("verdict") in ("succeeded", "failed") and got != truth:
                self.wrong(f"OUTPUT of fd {fd}: {len(got)} of {len(truth)} bytes, and no gap was said")

    def spooled(self):
        """Output that its caller did not get is there for `jobs logs`."""
        lost = self.job.kind == "detach" or "launcher" in self.run.hit or self.run.status == STATUS_OF["unknown"]
        if not lost or not self.outcome or self.outcome["verdict"] not in ("succeeded", "failed") or self.engine_ended:
            return
        if "outside-remove" in self.run.hit:
            return  # the log went with the container, perhaps before anybody had read it
        status, out, err = self.run.aside("jobs", "logs", self.outcome["id"])
        if self.job.kind != "detach" and status and self.run.text("out") == self.job.output(1):
            return  # all of it was delivered before the end
        if status or out != self.job.output(1) or self.without_own_lines(err) != self.job.output(2):
            self.wrong(f"jobs logs: status {status}, {len(out)} of {len(self.job.output(1))} bytes: {err[:120]}")

    def nothing_left(self):
        for c in self.run.containers():
            self.wrong(f"LEFT: container {c['Names']} {c['State']}")
        ident = self.records[0]["id"] if self.records else self.result.get("id")
        name = f"run-once.lock.fault.{self.job.lock}" if self.job.lock else None
        for c in self.engine.list("containers", name=[name] if name else None, label=None if name else [f"run-once.id={ident}"]):
            self.wrong(f"LEFT: container {c['Names']} {c['State']}")
        for v in self.engine.scratch(self.job.name):
            self.wrong(f"LEFT: anonymous volume {v}")

    def lock_free(self):
        if not self.job.lock:
            return
        status, _, err = self.run.aside(*self.run.run_arguments("--reason", "lock", "--lock", self.job.lock), "--", "true", name="lock")
        if status:
            self.wrong(f"LOCK not free: {status}: {err.strip()[:200]}")

    def once_again(self):
        """The same key again, by another caller: a replay, a refusal, or the first execution; never a second one."""
        if not self.job.once:
            return
        before = len(self.ran)
        status, out, err = self.run.aside(*self.run.run_arguments("--result", "again", "--once", self.job.once), "--", *self.job.argv(), name="again", limit=100) \
            if self.job.kind != "deadline" or before else (121, "", "")
        after = len(self.engine.lines("ran", self.job.name))
        if after > 1:
            self.wrong(f"SECOND EXECUTION under one --once key ({status}): {err.strip()[:200]}")
        final = self.outcome["verdict"] if self.outcome else None
        if self.engine_ended and status == 121 and "belongs to: ?" in err:
            return  # an engine that shut down has lost the labels of a volume: refused, which is safe
        if final in ("succeeded", "failed") and (status != self.outcome["exit_status"] or after != before):
            self.wrong(f"ONCE: not replayed, {status}: {err.strip()[:200]}")
        if final in ("killed", "unknown") and status != 121:
            self.wrong(f"ONCE: {final}, and the next caller got {status}: {err.strip()[:200]}")
        if before == 0 and status == 121 and final in (None, "not_started") and self.job.kind != "deadline":
            self.wrong(f"ONCE: it never ran, and the key is refused: {err.strip()[:200]}")

    def all(self):
        if len(self.ran) > 1:
            self.wrong(f"SECOND EXECUTION: it began {len(self.ran)} times")
        self.records_agree()
        self.launcher_agrees()
        self.output()
        self.nothing_left()
        self.spooled()
        self.lock_free()
        self.once_again()
        status, out, err = self.run.aside("history", "verify")
        if status:
            self.wrong(f"CHAIN: {(out + err).strip()[:200]}")
        return self.outcome["verdict"] if self.outcome else self.result.get("verdict", "nothing")
