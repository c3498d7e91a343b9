/* The options, one row each. Included several times with another OPTION(): no guard.
 * OPTION(id, name, letter, kind, placeholder, commands, flags, section, default, help) */
#ifndef OPTION_COMMANDS
#define OPTION_COMMANDS
#define ON(c) (1u << CMD_##c)
#define ON_RUN (ON(RUN) | ON(TASK) | ON(PLAN))
#define ON_JOBS                                                                                              \
  (ON(JOBS_LIST) | ON(JOBS_LOGS) | ON(JOBS_ATTACH) | ON(JOBS_WAIT) | ON(JOBS_STOP) | ON(JOBS_RM) |           \
   ON(JOBS_RESULT) | ON(JOBS_PRUNE))
#define ON_HISTORY                                                                                           \
  (ON(HISTORY_LIST) | ON(HISTORY_SHOW) | ON(HISTORY_VERIFY) | ON(HISTORY_ROTATE) | ON(HISTORY_EXPORT))
#define ON_ENGINE (ON_RUN | ON_JOBS | ON(DOCTOR))
#define ON_ALL ((1u << CMD_COUNT) - 1)
#endif
/* clang-format off */
OPTION(FROM, "from", 0, OPTION_TEXT, "SOURCE", ON_RUN, OPTION_NAMED, SECTION_RELEASE, NULL,
       "the release: image/REF, container/NAME, compose/SERVICE or compose/PROJECT/SERVICE, file:PATH#SERVICE (a Compose file), service/NAME (of Swarm), deployment/NAME and other workloads of Kubernetes")
OPTION(RELEASE, "release", 0, OPTION_TEXT, "FILE", ON_RUN | ON(DOCTOR) | ON_JOBS, OPTION_NAMED, SECTION_RELEASE, "./release.yaml, /etc/run-once/release.yaml",
       "the release file")
OPTION(APP, "app", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_NAMED, SECTION_RELEASE, "the release's name",
       "the application, for locks, keys and labels")
OPTION(IMAGE, "image", 0, OPTION_TEXT, "REF", ON_RUN, OPTION_NAMED, SECTION_RELEASE, NULL,
       "run this image; with a source, everything else comes from the source")
OPTION(IMAGE_OF, "image-of", 0, OPTION_TEXT, "REPLICA", ON_RUN, OPTION_NAMED, SECTION_RELEASE, NULL,
       "which replica's image, when a roll-out is half done")
OPTION(CONTAINER, "container", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_NAMED, SECTION_RELEASE, "the pod's default container",
       "Kubernetes: which container of the pod is copied")
OPTION(INIT_CONTAINERS, "init-containers", 0, OPTION_FLAG, NULL, ON_RUN, 0, SECTION_RELEASE, NULL,
       "Kubernetes: run the pod's init containers first")
OPTION(WITH, "with", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_RELEASE, NULL,
       "Kubernetes: run this container of the pod, too")
OPTION(VOLUMES_OF, "volumes-of", 0, OPTION_TEXT, "POD", ON_RUN, OPTION_NAMED, SECTION_RELEASE, "left out",
       "Kubernetes: mount the claims of this pod of a StatefulSet")
OPTION(TASK, "task", 0, OPTION_TEXT, "NAME", ON(PLAN), OPTION_NAMED, SECTION_RELEASE, NULL,
       "plan this task of the release file; what follows is appended to its command")

OPTION(ENV, "env", 'e', OPTION_TEXT, "NAME[=VALUE]", ON_RUN, OPTION_REPEAT | OPTION_SECRET | OPTION_NAMED, SECTION_CONTAINER, NULL,
       "set an environment variable; without a value it comes from the caller")
OPTION(ENV_FILE, "env-file", 0, OPTION_TEXT, "FILE", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_CONTAINER, NULL,
       "read environment variables from a file (docker's format)")
OPTION(VOLUME, "volume", 'v', OPTION_TEXT, "SOURCE:TARGET[:OPTIONS]", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_CONTAINER, NULL,
       "mount a volume or a folder of the engine's host")
OPTION(NETWORK, "network", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_CONTAINER, "the source's",
       "join this network; given once or more, only these")
OPTION(USER, "user", 'u', OPTION_TEXT, "USER[:GROUP]", ON_RUN, 0, SECTION_CONTAINER, "the source's",
       "run as this user")
OPTION(WORKDIR, "workdir", 'w', OPTION_TEXT, "DIR", ON_RUN, OPTION_NAMED, SECTION_CONTAINER, "the source's",
       "working directory")
OPTION(ENTRYPOINT, "entrypoint", 0, OPTION_TEXT, "WORD", ON_RUN, OPTION_EMPTY, SECTION_CONTAINER, "the source's",
       "replace the entrypoint; an empty word removes it")
OPTION(MEMORY, "memory", 'm', OPTION_SIZE, "SIZE", ON_RUN, 0, SECTION_CONTAINER, "the source's",
       "memory limit")
OPTION(CPUS, "cpus", 0, OPTION_CPUS, "NUMBER", ON_RUN, 0, SECTION_CONTAINER, "the source's",
       "CPU limit")
OPTION(LABEL, "label", 'l', OPTION_TEXT, "NAME=VALUE", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_CONTAINER, NULL,
       "set a label on the copy")
OPTION(HOSTNAME, "hostname", 0, OPTION_TEXT, "NAME|source", ON_RUN, OPTION_NAMED, SECTION_CONTAINER, "the container's id",
       "host name inside; `source` takes the source's")
OPTION(INIT, "init", 0, OPTION_FLAG, NULL, ON_RUN, 0, SECTION_CONTAINER, "the source's",
       "run an init inside that forwards signals and reaps processes")
OPTION(PLATFORM, "platform", 0, OPTION_TEXT, "OS/ARCH", ON_RUN, OPTION_NAMED, SECTION_CONTAINER, "the source's",
       "platform of the image")
OPTION(KEEP_LABEL, "keep-label", 0, OPTION_TEXT, "KEY", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_CONTAINER, NULL,
       "keep this label of the source")
OPTION(KEEP_ENV, "keep-env", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_REPEAT | OPTION_NAMED, SECTION_CONTAINER, NULL,
       "keep this variable that would be dropped")
OPTION(CREATE_VOLUMES, "create-volumes", 0, OPTION_FLAG, NULL, ON_RUN, 0, SECTION_CONTAINER, NULL,
       "make named volumes that do not exist, instead of refusing")
OPTION(LOG_DRIVER, "log-driver", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_NAMED, SECTION_CONTAINER, "local",
       "the engine's log driver for the copy")
OPTION(LOG_MAX, "log-max", 0, OPTION_SIZE, "SIZE", ON_RUN, 0, SECTION_CONTAINER, "100MiB",
       "most that the engine's log may grow to")

OPTION(STREAMS, "streams", 0, OPTION_CHOICE, "whole|apart", ON_RUN, 0, SECTION_STREAMS, "whole",
       "Kubernetes, where the log cannot be split: all of the output on stdout, or both streams as they are attached")
OPTION(SHELL, "shell", 0, OPTION_FLAG, NULL, ON(RUN) | ON(PLAN), 0, SECTION_STREAMS, NULL,
       "COMMAND is one word, run by /bin/sh -c")
OPTION(INTERACTIVE, "interactive", 'i', OPTION_FLAG, NULL, ON_RUN, 0, SECTION_STREAMS, "on a terminal",
       "forward stdin")
OPTION(NO_STDIN, "no-stdin", 'n', OPTION_FLAG, NULL, ON_RUN, 0, SECTION_STREAMS, NULL,
       "never read stdin: the command gets end of file")
OPTION(TTY, "tty", 't', OPTION_FLAG, NULL, ON_RUN, 0, SECTION_STREAMS, "if stdin, stdout and stderr are terminals",
       "give the command a terminal")
OPTION(NO_TTY, "no-tty", 'T', OPTION_FLAG, NULL, ON_RUN, 0, SECTION_STREAMS, NULL,
       "never give the command a terminal")
OPTION(DETACH_KEYS, "detach-keys", 0, OPTION_TEXT, "KEYS", ON_RUN | ON(JOBS_ATTACH), OPTION_NAMED, SECTION_STREAMS, "ctrl-p,ctrl-q",
       "keys that leave the command running")
OPTION(DETACH, "detach", 'd', OPTION_FLAG, NULL, ON_RUN, 0, SECTION_STREAMS, NULL,
       "start it, print its id and return")
OPTION(ON_DISCONNECT, "on-disconnect", 0, OPTION_CHOICE, "keep|stop", ON_RUN, 0, SECTION_STREAMS, "keep; stop on a terminal or with -i",
       "what happens to the command when the caller dies")
OPTION(ON_EPIPE, "on-epipe", 0, OPTION_CHOICE, "continue|stop", ON_RUN, 0, SECTION_STREAMS, "continue",
       "what happens when nobody wants the output any more")
OPTION(RECONNECT_FOR, "reconnect-for", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_STREAMS, "5m",
       "how long to try to reach the engine again")

OPTION(LOCK, "lock", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_NAMED | OPTION_EMPTY, SECTION_ALONE, NULL,
       "at most one job of the application with this name at a time")
OPTION(IF_LOCKED, "if-locked", 0, OPTION_CHOICE, "fail|wait|attach", ON_RUN, 0, SECTION_ALONE, "fail",
       "what to do when the lock is held")
OPTION(LOCK_WAIT, "lock-wait", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_ALONE, "5m",
       "how long to wait for the lock; alone implies --if-locked wait")
OPTION(ONCE, "once", 0, OPTION_TEXT, "KEY", ON_RUN, OPTION_NAMED | OPTION_EMPTY, SECTION_ALONE, NULL,
       "run at most once for this key; later callers get the recorded output and status")
OPTION(ONCE_KEEP, "once-keep", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_ALONE, "30d",
       "how long the key is remembered")
OPTION(ONCE_OUTPUT, "once-output", 0, OPTION_SIZE, "SIZE", ON_RUN, 0, SECTION_ALONE, "1MiB",
       "how much of the output is recorded with the key")
OPTION(RERUN_FAILED, "rerun-failed", 0, OPTION_FLAG, NULL, ON_RUN, 0, SECTION_ALONE, NULL,
       "run a key again whose command failed")

OPTION(TIMEOUT, "timeout", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_TIME, "none",
       "stop the command after this time (exit status 124)")
OPTION(START_TIMEOUT, "start-timeout", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_TIME, "10m",
       "give up when the command does not run by then")
OPTION(IDLE_TIMEOUT, "idle-timeout", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_TIME, "none",
       "stop the command when it is silent this long")
OPTION(STOP_GRACE, "stop-grace", 0, OPTION_DURATION, "DURATION", ON_RUN | ON(JOBS_STOP), 0, SECTION_TIME, "the source's, else 10s",
       "time between the stop signal and the kill")

OPTION(PULL, "pull", 0, OPTION_CHOICE, "missing|always|never", ON_RUN, 0, SECTION_AFTER, "missing",
       "when to pull the image")
OPTION(KEEP, "keep", 0, OPTION_CHOICE, "never|on-failure|always", ON_RUN, 0, SECTION_AFTER, "never",
       "keep the ended container")
OPTION(KEEP_FOR, "keep-for", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_AFTER, "24h",
       "how long a kept container or spooled output stays")
OPTION(SPOOL_MAX, "spool-max", 0, OPTION_SIZE, "SIZE", ON_RUN, 0, SECTION_AFTER, "64MiB",
       "most output kept for `jobs logs` that no caller received")
OPTION(FORCE, "force", 'f', OPTION_FLAG, NULL, ON(JOBS_RM), 0, SECTION_AFTER, NULL,
       "remove a job that is running, too")
OPTION(NOW, "now", 0, OPTION_FLAG, NULL, ON(JOBS_PRUNE), 0, SECTION_AFTER, NULL,
       "settle jobs of other machines at once, too")

OPTION(RESULT, "result", 0, OPTION_TEXT, "FILE|fd:N", ON_RUN, OPTION_NAMED, SECTION_RECORD, NULL,
       "write the result there, one JSON object")
OPTION(HISTORY, "history", 0, OPTION_TEXT, "PATH|off", ON_RUN | ON_JOBS | ON_HISTORY | ON(DOCTOR), OPTION_NAMED, SECTION_RECORD, "/var/lib/run-once (root), ~/.local/state/run-once",
       "the history of what was run")
OPTION(REASON, "reason", 0, OPTION_TEXT, "TEXT", ON_RUN, 0, SECTION_RECORD, NULL,
       "why, for the record")
OPTION(ACTOR, "actor", 0, OPTION_TEXT, "NAME", ON_RUN, OPTION_NAMED, SECTION_RECORD, "SUDO_USER, the CI system's user, the login name",
       "who, for the record")
OPTION(REDACT_ARGS, "redact-args", 0, OPTION_FLAG, NULL, ON_RUN, 0, SECTION_RECORD, NULL,
       "record the command's first word and a hash only")
OPTION(HEAD, "head", 0, OPTION_TEXT, "HASH", ON(HISTORY_VERIFY), OPTION_NAMED, SECTION_RECORD, "history.head",
       "the last hash that must be there")

OPTION(PROGRESS, "progress", 0, OPTION_CHOICE, "auto|plain|json|none", ON_RUN, 0, SECTION_OUTPUT, "auto",
       "how progress is shown on stderr")
OPTION(HEARTBEAT, "heartbeat", 0, OPTION_DURATION, "DURATION", ON_RUN, 0, SECTION_OUTPUT, "none",
       "say on stderr that it still runs, this often")
OPTION(QUIET, "quiet", 'q', OPTION_FLAG, NULL, ON_RUN | ON_JOBS, 0, SECTION_OUTPUT, NULL,
       "say nothing but faults")
OPTION(TIMESTAMPS, "timestamps", 0, OPTION_FLAG, NULL, ON_RUN, 0, SECTION_OUTPUT, NULL,
       "put the time before each line of output")
OPTION(PREFIX, "prefix", 0, OPTION_TEXT, "TEXT", ON_RUN, 0, SECTION_OUTPUT, NULL,
       "put this before each line of output")
OPTION(FOLLOW, "follow", 'f', OPTION_FLAG, NULL, ON(JOBS_LOGS), 0, SECTION_OUTPUT, NULL,
       "go on with what comes")
OPTION(SINCE, "since", 0, OPTION_TEXT, "TIME|DURATION", ON(JOBS_LOGS) | ON(JOBS_ATTACH), OPTION_NAMED, SECTION_OUTPUT, "the start",
       "only output since then")
OPTION(OUTPUT, "output", 0, OPTION_TEXT, "FORMAT", ON(TASK) | ON(PLAN) | ON(JOBS_LIST) | ON(JOBS_RESULT) | ON(HISTORY_LIST) | ON(HISTORY_SHOW) | ON(HISTORY_EXPORT) | ON(VERSION), OPTION_NAMED, SECTION_OUTPUT, "text",
       "form of what is printed")
OPTION(SHOW_VALUES, "show-values", 0, OPTION_FLAG, NULL, ON(PLAN), 0, SECTION_OUTPUT, NULL,
       "print the values of environment variables in --output engine and manifest")
OPTION(TRACE, "trace", 0, OPTION_TEXT, "net,runtime,job|all", ON_ENGINE, OPTION_NAMED, SECTION_OUTPUT, NULL,
       "say every call on stderr")
OPTION(HELP, "help", 'h', OPTION_FLAG, NULL, ON_ALL, 0, SECTION_OUTPUT, NULL,
       "print the help of the command")

OPTION(HOST, "host", 'H', OPTION_TEXT, "ADDRESS", ON_ENGINE, OPTION_NAMED, SECTION_WHERE, "DOCKER_HOST, the context's, the first socket",
       "the engine: unix:///PATH, tcp://HOST:PORT, ssh://USER@HOST")
OPTION(CONTEXT, "context", 0, OPTION_TEXT, "NAME", ON_ENGINE, OPTION_NAMED, SECTION_WHERE, "DOCKER_CONTEXT, the current one",
       "this docker context's engine, or this kubeconfig context's cluster")
OPTION(NAMESPACE, "namespace", 'N', OPTION_TEXT, "NAME", ON_ENGINE, OPTION_NAMED, SECTION_WHERE, "the context's",
       "Kubernetes: the namespace")
OPTION(KUBECONFIG, "kubeconfig", 0, OPTION_TEXT, "FILE", ON_ENGINE, OPTION_NAMED, SECTION_WHERE, "KUBECONFIG, ~/.kube/config",
       "Kubernetes: the file that names cluster and user")
OPTION(RUNTIME, "runtime", 0, OPTION_CHOICE, "docker|podman|kubernetes", ON_ENGINE, 0, SECTION_WHERE, "what the source says, else docker",
       "kind of the runtime")

OPTION(PUT, "put", 0, OPTION_LATER, "LOCAL:PATH", ON_RUN, 0, SECTION_CONTAINER, NULL, "reserved")
OPTION(GET, "get", 0, OPTION_LATER, "PATH:LOCAL", ON_RUN, 0, SECTION_CONTAINER, NULL, "reserved")
OPTION(PLAN, "plan", 0, OPTION_LATER, "HASH", ON_RUN, 0, SECTION_RECORD, NULL, "reserved")
OPTION(GUARDIAN, "guardian", 0, OPTION_LATER, "engine", ON_RUN, 0, SECTION_AFTER, NULL, "reserved")
OPTION(NOTIFY, "notify", 0, OPTION_LATER, "CMD", ON_RUN, 0, SECTION_RECORD, NULL, "reserved")
OPTION(SHARDS, "shards", 0, OPTION_LATER, "N", ON_RUN, 0, SECTION_ALONE, NULL, "reserved")
