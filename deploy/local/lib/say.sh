# Words to the person at the terminal: phases with elapsed time, signs of life, failures that say what to type.
# Sourced by the scripts of deploy/local. It decides nothing and starts nothing that outlives its caller.
# shellcheck shell=bash

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' red='' plain=''
fi

# Seconds are counted from the first script of a run, also by the scripts it calls.
LEADFLOW_STARTED_AT=${LEADFLOW_STARTED_AT:-$(date +%s)}
export LEADFLOW_STARTED_AT

# phase TEXT: a new step begins.
phase() {
    printf '%s[%3d s]%s %s\n' "$bold" "$(($(date +%s) - LEADFLOW_STARTED_AT))" "$plain" "$1"
}

# say TEXT: a detail of the present step.
say() {
    printf '        %s\n' "$1"
}

# fail WHAT WHY WHAT_TO_TYPE [LOG]: the last words of a script. With LOG its last lines are shown.
fail() {
    stop_ticker
    {
        printf '\n%sfailed:%s %s\n' "$red$bold" "$plain" "$1"
        printf '   why: %s\n' "$2"
        printf '  type: %s\n' "$3"
        if [ -n "${4:-}" ] && [ -s "$4" ]; then
            printf '\n%sthe last lines of %s:%s\n' "$dim" "$4" "$plain"
            tail -n 25 "$4" | cut -c 1-400
        fi
    } >&2
    exit 1
}

# start_ticker TEXT [lines] ... stop_ticker: a sign of life every three seconds, so that nothing is ever silent for five:
# on a terminal one line that is written anew (with `lines`, while others write too: a line of its own each time). It ends
# by itself when the script that started it is gone.
start_ticker() {
    local text=$1 style=${2:-} owner=$$ started=$SECONDS
    stop_ticker
    (
        trap - EXIT INT TERM HUP
        # Waiting on a pipe that nobody writes to needs no `sleep` process that would be left behind.
        exec {quiet}<> <(:)
        while read -rt 3 -u "$quiet"; [ -d "/proc/$owner" ]; do
            if [ -t 2 ] && [ "$style" != lines ]; then
                printf '\r        %s%s: %d s%s\e[K' "$dim" "$text" "$((SECONDS - started))" "$plain"
            else
                printf '        %s: %d s\n' "$text" "$((SECONDS - started))"
            fi >&2
        done
    ) &
    ticker=$!
}

stop_ticker() {
    [ -n "${ticker:-}" ] || return 0
    # By force: where the caller ignores signals while it stops everything, so does the ticker.
    kill -s KILL "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=''
    [ ! -t 2 ] || printf '\r\e[K' >&2
}

# quietly TEXT LOG COMMAND...: runs COMMAND with its output in LOG and signs of life on the terminal; its exit code.
quietly() {
    local text=$1 log=$2 code=0
    shift 2
    mkdir -p "$(dirname "$log")"
    start_ticker "$text"
    "$@" >>"$log" 2>&1 </dev/null || code=$?
    stop_ticker
    return "$code"
}
