# What the program says about itself, and what the documents say about it: both from, or against, the same tables.
load lib

setup_file() { :; } # no engine
on_engine() { :; }

README=$PROJECT/README.md

options_of() { "$RUN_ONCE" help "$@" | grep -oE -- '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u; }
later_of() { "$RUN_ONCE" help run | sed -n '/^Not in this version:/,/^$/p' | grep -oE -- '--[a-z-]+'; }
all_options() { { "$RUN_ONCE" help man | tr -d '\\' | grep -oE -- '--[a-z][a-z-]+'; later_of; } | sort -u; }

@test "help: overview, each command, each group; on stdout, with 0" {
  once help
  status_is 0
  local command
  for command in run task plan 'jobs list' 'jobs logs' 'jobs attach' 'jobs wait' 'jobs stop' 'jobs rm' 'jobs result' 'jobs prune' \
    'history list' 'history show' 'history verify' 'history rotate' 'history export' doctor completion version help; do
    out_has "  $command "
  done
  once --help
  status_is 0
  out_has 'Usage: run-once'
  for command in run task plan jobs 'jobs list' 'jobs logs' history 'history verify' doctor completion version help; do
    # shellcheck disable=SC2086
    once help $command
    status_is 0
    err_is ''
    out_has "Usage: run-once $command"
    [[ $command == jobs || $command == history ]] && continue
    cp "$OUT" help
    # shellcheck disable=SC2086
    once $command --help
    status_is 0
    cmp help "$OUT"
  done
  once version
  status_is 0
  grep -qE '^run-once [0-9]+\.[0-9]+\.[0-9]+' "$OUT"
  once version --output json
  jq -e .version "$OUT"
}

@test "every option of the contract is one, or says that it is not in this version" {
  local option options
  options=$(options_of run; later_of)
  for option in from release app image image-of container init-containers with env env-file volume network user workdir entrypoint memory cpus label \
    hostname init platform keep-label keep-env create-volumes interactive tty detach-keys detach lock if-locked lock-wait once once-keep once-output \
    rerun-failed timeout start-timeout idle-timeout stop-grace reconnect-for on-disconnect on-epipe keep keep-for pull log-driver log-max spool-max \
    result history reason actor redact-args progress heartbeat quiet timestamps prefix trace host context runtime namespace kubeconfig \
    put get plan guardian notify shards; do
    grep -qx -- "--$option" <<<"$options" || { echo "no --$option"; missing=1; }
  done
  [[ -z ${missing-} ]]
  for option in -e -v -u -w -i -n -t -T -d -q -H; do
    "$RUN_ONCE" help run | grep -qE -- "^ +$option, --" || { echo "no $option"; return 1; }
  done
}

@test "the contract's defaults are the ones that help tells" {
  # One line for each option.
  "$RUN_ONCE" help run | awk '/^ +(-., )?--/ { printf "\n" } { gsub(/^ +/, ""); printf "%s ", $0 }' >options
  local row
  for row in '--if-locked fail|wait|attach fail' '--lock-wait DURATION 5m' '--once-keep DURATION 30d' '--once-output SIZE 1MiB' \
    '--start-timeout DURATION 10m' '--timeout DURATION none' '--idle-timeout DURATION none' "--stop-grace DURATION the source's, else 10s" \
    '--reconnect-for DURATION 5m' '--on-disconnect keep|stop keep; stop on a terminal or with -i' '--on-epipe continue|stop continue' \
    '--keep never|on-failure|always never' '--keep-for DURATION 24h' '--pull missing|always|never missing' '--log-driver NAME local' \
    '--log-max SIZE 100MiB' '--spool-max SIZE 64MiB' '--progress auto|plain|json|none auto'; do
    read -r option arg fallback <<<"$row"
    grep -F -- "$option $arg " options | grep -qF -- "(default: $fallback)" || { echo "not so: $row"; grep -F -- "$option " options; return 1; }
  done
}

@test "man page: made from the tables, readable, with every command, option and status" {
  command -v scdoc || skip 'scdoc is not installed'
  "$RUN_ONCE" help man | scdoc >run-once.1
  if command -v man && command -v groff; then
    MANWIDTH=200 man --warnings -l run-once.1 2>warnings | col -b >page
    [[ ! -s warnings ]]
  else
    tr -d '\\' <run-once.1 >page
  fi
  local word
  for word in $(options_of run) $(options_of jobs prune) $(options_of history verify) 'run-once jobs rm' 'run-once history rotate' 120 121 122 124 125 '126, 127'; do
    grep -qF -- "$word" page || { echo "not in the man page: $word"; return 1; }
  done
}

@test "completion: bash loads it and completes commands, options and choices" {
  PATH=$(dirname "$RUN_ONCE"):$PATH
  complete_bash() {
    bash --norc -c 'eval "$(run-once completion bash)"; complete -p run-once >/dev/null || exit 1
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _run_once; printf "%s\n" "${COMPREPLY[@]}"' - "$@" | sort
  }
  is "$(complete_bash run-once pl)" plan
  is "$(complete_bash run-once jobs r | paste -sd' ')" 'result rm'
  is "$(complete_bash run-once run --keep- | paste -sd' ')" '--keep-env --keep-for --keep-label'
  is "$(complete_bash run-once run --pull '' | paste -sd' ')" 'always missing never'
  is "$(complete_bash run-once completion z)" zsh
  # Every option of every command is offered.
  is "$(complete_bash run-once run -- | grep -- '^--')" "$(options_of run)"
  is "$(complete_bash run-once doctor -- | grep -- '^--')" "$(options_of doctor)"
  printf '%s\n' 'version: 1' 'name: x' 'image: y' 'tasks: {migrate: {command: [x]}, menu: {command: [y]}}' >release.yaml
  is "$(complete_bash run-once task m | paste -sd' ')" 'menu migrate'
}

@test "completion: zsh loads it" {
  command -v zsh || skip 'zsh is not installed'
  once completion zsh
  zsh -n "$OUT"
  head -n 1 "$OUT" | grep -q '^#compdef run-once'
  zsh -fc 'autoload -U compinit; compinit -D -u; eval "$(<$1)"; (( $+functions[_run-once] || $+functions[_run_once] )) && (( $+_comps[run-once] ))' - "$OUT"
}

@test "completion: fish loads it and completes" {
  command -v fish || skip 'fish is not installed'
  PATH=$(dirname "$RUN_ONCE"):$PATH
  complete_fish() { fish --no-config -c "run-once completion fish | source; complete -C '$1'" | cut -f1 | sort | paste -sd' '; }
  is "$(complete_fish 'run-once pl')" plan
  is "$(complete_fish 'run-once jobs r')" 'result rm'
  is "$(complete_fish 'run-once run --keep-')" '--keep-env --keep-for --keep-label'
  is "$(complete_fish 'run-once run --pull ')" 'always missing never'
}

@test "README: every exit status is in its table, with the verdict that the program gives" {
  local row
  for row in '0 | succeeded' '1–255 | failed' '0 | detached' '120 | unknown' '121 | refused' '122 | killed' '124 | killed' '125 | not_started' '126, 127 | not_started'; do
    grep -qF -- "| $row" "$README" || { echo "no row '$row'"; return 1; }
  done
}

@test "README and docs: every option and command that they name is there" {
  local word page
  all_options >known
  for page in "$README" "$PROJECT"/docs/*.md "$PROJECT"/docs/session.txt "$PROJECT"/CHANGELOG.md; do
    [[ -e $page ]] || continue
    # Options of run-once stand in code; those of other programs are not looked at.
    for word in $(grep -oE 'run-once [^`|#]*' "$page" | sed 's/ -- .*//' | grep -oE -- '(^| )--[a-z][a-z-]+' | sort -u); do
      grep -qx -- "$word" known || { echo "${page##*/}: run-once has no $word"; return 1; }
    done
    for word in $(grep -oE '^    +run-once [a-z]+' "$page" | grep -oE '[a-z]+$' | sort -u); do
      once help "$word"
      status_is 0
    done
  done
}

@test "README: what it links to is there" {
  local link
  for link in $(grep -oE '\]\([^)#:]+' "$README" | cut -c3-); do
    [[ -e $PROJECT/$link ]] || { echo "README.md links to $link, which is not there"; missing=1; }
  done
  [[ -z ${missing-} ]]
}

@test "README: its release file is one" {
  awk '/^    version: 1/ { on = 1 } on && !/^    / && NF { exit } on' "$README" | sed 's/^    //' | sed '/^run-once /,$d' >release.yaml
  TAG=7 once task
  status_is 0
  out_has migrate
}

@test "guarantees: every test and file that the page names is there" {
  local page=$PROJECT/docs/guarantees.md cited file name n=0
  while read -r cited; do
    n=$((n + 1)) file=${cited%%: *} name=${cited#*: }
    file=$PROJECT/${file%% *} # a command may have arguments
    [[ -e $file ]] || { echo "no file: $cited"; missing=1; continue; }
    [[ $cited == *': '* ]] || continue
    case $file in
      *.bats) grep -qF "@test \"$name\" {" "$file" ;;
      *) grep -qE "(cmocka_unit_test[a-z_]*|[A-Z_]*TEST|CASE)\(${name}[,)]" "$file" ;; # a table may have a macro of its own
    esac || { echo "no test: $cited"; missing=1; }
  done < <(grep -oE '`tests/[^`]+`' "$page" | tr -d '`')
  ((n > 100)) || { echo "only $n tests are named"; missing=1; }
  # A name that was broken over two lines would not be looked at.
  if grep -nE '^[^`]*(`[^`]*`[^`]*)*`[^`]*$' "$page"; then missing=1; fi
  for cited in $(grep -oE '`(base|cli|data|io|job|net|release|runtime)/[^` ]*`' "$page" | tr -d '`' | sort -u); do
    [[ -e $PROJECT/src/$cited ]] || { echo "no file: src/$cited"; missing=1; }
  done
  [[ -z ${missing-} ]]
}

@test "the map: every file and folder that src/README.md names is there" {
  local word
  for word in $(grep -oE '(base|cli|data|io|job|net|release|runtime|docker|scripts|tests)/[A-Za-z0-9_./-]*[a-z]' "$PROJECT/src/README.md" | sort -u); do
    [[ $word != *NAME* ]] || continue
    [[ -e $PROJECT/src/$word || -e $PROJECT/$word || -e $PROJECT/src/$word.c || -e $PROJECT/src/runtime/$word ]] || { echo "no $word"; missing=1; }
  done
  [[ -z ${missing-} ]]
}

@test "dependencies: what the program is linked with is on the page" {
  local library
  for library in $(readelf -d "$RUN_ONCE" | sed -n 's/.*NEEDED.*\[lib\([a-z]*\).*/\1/p'); do
    [[ $library == c ]] || grep -qi -- "$library" "$PROJECT/docs/dependencies.md" || { echo "not named: $library"; missing=1; }
  done
  [[ -z ${missing-} ]]
}

@test "the recorded session: no path of the machine it was made on, and the ends it is there to show" {
  local session=$PROJECT/docs/session.txt line
  ! grep -nE '/(tmp|work|build|home)/' "$session" "${session%.txt}.svg" || return 1
  for line in 'status 3, stdout: 4 orders before' 'status 121' 'it ended with status 0' 'status 122' 'status 7' '$ run-once history verify' 'whole: '; do
    grep -qF -- "$line" "$session" || { echo "not in the session: $line"; return 1; }
  done
}
