#!/usr/bin/env bash
# A private Apache Kafka and PostgreSQL in one folder: for `make run`, the tests, chaos and the benchmarks, each with a
# folder of its own, side by side if need be. Not for production: one node each, one machine.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
here="$root/deploy/local"
usage="usage: deploy/local/services.sh COMMAND [DIR]     (DIR: .local)
  start                     both, on free ports that DIR remembers; writes DIR/services.env; again: does nothing
  stop                      both; the data stays
  status                    what runs; exit 0 if both do, else 3
  remove                    stop, then delete DIR and all data in it
  fetch                     the jars of Apache Kafka, without starting anything
  kafka-start | kafka-stop | kafka-kill
  postgres-start | postgres-stop-immediate"

command=${1:-help}
state=$(realpath -m "${2:-$root/.local}")

# shellcheck source=deploy/local/lib/say.sh
. "$here/lib/say.sh"
# shellcheck source=deploy/local/lib/process.sh
. "$here/lib/process.sh"
# shellcheck source=deploy/local/lib/kafka.sh
. "$here/lib/kafka.sh"
# shellcheck source=deploy/local/lib/postgres.sh
. "$here/lib/postgres.sh"

trap 'stop_ticker' EXIT

# write_env: what a client needs, as a shell file. It holds passwords.
write_env() {
    local service
    umask 077
    {
        printf '# Written by deploy/local/services.sh at each start.\n'
        printf "export KAFKA_BROKERS='127.0.0.1:%s'\n" "$(remembered_port kafka)"
        printf "export DATABASE_ADMIN_URL='%s'\n" "$(postgres_url postgres postgres)"
        for service in "${stateful_services[@]}"; do
            printf "export %s_DATABASE_URL='%s'\n" "${service^^}" "$(postgres_url "$service" leadflow)"
        done
        printf "# For cargo test.\n"
        printf "export LEADFLOW_TEST_KAFKA='127.0.0.1:%s'\n" "$(remembered_port kafka)"
        printf "export LEADFLOW_TEST_DATABASE_ADMIN_URL='%s'\n" "$(postgres_url postgres postgres)"
    } >"$state/services.env"
}

start() {
    kafka_launch
    postgres_launch
    postgres_wait
    postgres_set_up
    kafka_wait
    write_env
}

stop() {
    stop_process kafka TERM 30
    # Fast shutdown: open sessions end, a checkpoint is written.
    stop_process postgres INT 30
}

status() {
    local name pid code=0
    for name in kafka postgres; do
        if pid=$(running_pid "$name"); then
            printf '%s: running, pid %s, 127.0.0.1:%s\n' "$name" "$pid" "$(remembered_port "$name")"
        else
            printf '%s: not running\n' "$name"
            code=3
        fi
    done
    return "$code"
}

# remove: only a folder that this script made (it has our marks) or an empty one is deleted.
remove() {
    [ -d "$state" ] || return 0
    if [ ! -e "$state/.lock" ] && [ -n "$(ls -A "$state")" ]; then
        fail "$state was not deleted" 'it holds files, and services.sh did not make it' "look into it: ls -la $state"
    fi
    locked stop
    # The database may live elsewhere (see postgres_make_home); nothing else behind a link is deleted.
    case $postgres_home in
        "$state"/*) ;;
        */leadflow-local.*) rm -rf "$postgres_home" ;;
    esac
    rm -rf "$state"
}

# locked FUNCTION: one at a time in a folder.
locked() {
    mkdir -p "$state"
    exec 9>"$state/.lock"
    flock -w 120 9 || fail "$command in $state did not begin" 'another services.sh works there since 120 s' \
        "deploy/local/services.sh status $state"
    "$@"
}

kafka_start() {
    kafka_launch
    kafka_wait
}

postgres_start() {
    postgres_launch
    postgres_wait
}

case $command in
    start) locked start ;;
    stop) [ ! -d "$state" ] || locked stop ;;
    status) status ;;
    remove) remove ;;
    fetch) locked kafka_fetch ;;
    kafka-start) locked kafka_start ;;
    kafka-stop) locked stop_process kafka TERM 30 ;;
    kafka-kill) locked stop_process kafka KILL 10 ;;
    postgres-start) locked postgres_start ;;
    # SIGQUIT: sessions are cut and nothing is flushed, as in a crash; the next start recovers.
    postgres-stop-immediate) locked stop_process postgres QUIT 30 ;;
    help | -h | --help) printf '%s\n' "$usage" ;;
    *)
        printf '%s\n' "$usage" >&2
        exit 2
        ;;
esac
