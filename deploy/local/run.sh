#!/usr/bin/env bash
# make run | up | down | clean-local: all of leadflow on one machine, under .local/ of this checkout.
#   run    everything, in front until Ctrl-C, then nothing is left running; the data stays
#   up     the same, but returns when the sample traffic has become leads; `down` stops it. While it runs, `up` starts what
#          has died of Kafka, PostgreSQL and the mail catcher
#   clean  stops what runs here and deletes .local/
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
here="$root/deploy/local"
state="$root/.local"

# shellcheck source=deploy/local/lib/say.sh
. "$here/lib/say.sh"
# shellcheck source=deploy/local/lib/process.sh
. "$here/lib/process.sh"
# shellcheck source=deploy/local/lib/leadflow.sh
. "$here/lib/leadflow.sh"
# shellcheck source=deploy/local/lib/traffic.sh
. "$here/lib/traffic.sh"

# stop_everything: the roles first (they drain), then what they stand on.
stop_everything() {
    stop_helpers
    stop_process leadflow TERM 25
    stop_process mail-catcher TERM 5
    "$here/services.sh" stop "$state"
}

# finish: however `run` or `up` ends. `up` leaves everything running only if it came to its end.
leave_running=no
finish() {
    local code=$?
    trap '' INT TERM HUP
    trap - EXIT
    stop_ticker
    stop_helpers
    if [ "$leave_running" = no ]; then
        printf '\n'
        phase 'Stopping every role, Apache Kafka and PostgreSQL'
        stop_everything
        phase 'Stopped. The data is kept in .local/ (make clean-local deletes it)'
    fi
    exit "$code"
}

# take_turn WHAT_WAS_NOT_DONE: one at a time in a checkout, until this script ends.
take_turn() {
    exec 8>"$state/.run-lock"
    flock -n 8 || fail "$1" 'another make run or make up is at work in this checkout' \
        'stop it where it runs, with Ctrl-C'
}

# dead_parts: what leadflow stands on and does not run.
dead_parts() {
    local name dead=()
    for name in kafka postgres mail-catcher; do
        running_pid "$name" >/dev/null || dead+=("$name")
    done
    printf '%s' "${dead[*]}"
}

# mend DEAD: leadflow runs, and what it stands on has died. Only that is started again, where it was and with its data;
# leadflow has waited and finds it by itself.
mend() {
    local name port
    for name in $1; do
        phase "leadflow runs, but $name has died: starting only that again; the data stays"
        port=$(remembered_port "$name")
        case $name in
            mail-catcher) start_mail_catcher ;;
            *) "$here/services.sh" "$name-start" "$state" 8>&- ;;
        esac
        [ "$(remembered_port "$name")" = "$port" ] || fail "$name runs, but leadflow looks for it on port $port" \
            'somebody else has taken that port meanwhile' 'make down && make up (the data stays)'
    done
    wait_until_ready
    phase 'Everything runs again, every role is ready'
}

# begin: one at a time, and not on top of what `make up` left running.
begin() {
    local pid
    mkdir -p "$state/log"
    take_turn 'not started'
    if pid=$(running_pid leadflow); then
        fail 'not started' "leadflow runs already (process $pid, from make up)$(dead_parts | sed 's/./, but not: &/')" \
            'make up (starts only what has died), or make down; the data stays'
    fi
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

bring_up() {
    phase 'Looking for what this machine lacks'
    "$here/install.sh" run
    phase 'Building leadflow and the traffic simulator'
    build
    phase 'Starting a private Apache Kafka and PostgreSQL'
    "$here/services.sh" start "$state" 8>&-
    choose_port ingest 8080
    choose_port qualification 8081
    choose_port nurture 8082
    choose_port assignment 8083
    choose_port mail-catcher 2525
    write_config
    write_client_env
    attempt 'making the topics' topics apply >/dev/null
    attempt 'migrating the database' migrate up >/dev/null
    phase 'Starting every role'
    start_mail_catcher
    start_leadflow
    attempt 'publishing the sample scoring model' model publish "$root/deploy/config/scoring.yaml" >/dev/null
    attempt 'publishing the sample journey' journey publish "$root/deploy/config/journeys/warm-up.yaml" >/dev/null
    wait_until_ready
}

run() {
    begin
    bring_up
    send_traffic
    show_addresses
    show_next_steps
    # From here a Ctrl-C is how a person ends it, not a failure.
    trap 'exit 0' INT
    printf '\n%sRunning. Ctrl-C stops everything; new leads appear here as they are assigned.%s\n\n' "$bold" "$plain"
    while check_leadflow; do
        sleep 1
    done
}

up() {
    local dead
    dead=$(dead_parts)
    if running_pid leadflow >/dev/null && [ -n "$dead" ]; then
        take_turn 'not started'
        mend "$dead"
        return 0
    fi
    begin
    bring_up
    send_traffic
    show_addresses
    show_next_steps
    printf '\n%sRunning in the background. make down stops it and keeps the data.%s\n' "$bold" "$plain"
    leave_running=yes
}

down() {
    [ -d "$state" ] || return 0
    take_turn 'not stopped'
    phase 'Stopping every role, Apache Kafka and PostgreSQL'
    stop_everything
    phase 'Stopped. The data is kept in .local/ (make up or make run goes on with it)'
}

clean() {
    local folder
    [ -d "$state" ] || return 0
    take_turn '.local/ was not deleted'
    stop_process leadflow TERM 25
    stop_process mail-catcher TERM 5
    # Tests, chaos and benchmarks keep services of their own in folders below.
    while read -r folder; do
        "$here/services.sh" remove "$folder" 8>&-
    done < <(find "$state" -mindepth 1 -maxdepth 4 -name .lock -printf '%h\n' | sort -r)
    rm -rf "$state"
    phase 'Deleted .local/'
}

case ${1:-} in
    run | up | down | clean) "$1" ;;
    *)
        echo 'usage: deploy/local/run.sh run|up|down|clean' >&2
        exit 2
        ;;
esac
