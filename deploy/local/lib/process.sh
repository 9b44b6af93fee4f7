# Processes that outlive the script that starts them, and ports on loopback. Sourced by the scripts of deploy/local.
# Needs $state, the folder that remembers them: pid/NAME ("pid start-time boot-id") and port/NAME.
# Only a process that this file started is ever signalled: a number that the system gave to somebody else meanwhile
# has another start time, or another boot.
# shellcheck shell=bash disable=SC2154
# (the caller sets the variables named above)

# process_birth PID: what tells this process from a later one of the same number; fails if it is gone or a zombie.
process_birth() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The second field is the command in brackets and may hold blanks; after it come the state and, 19 further on, the
    # start time in ticks since boot.
    read -r -a fields <<<"${stat##*) }"
    [ "${fields[0]}" != Z ] && [ "${fields[0]}" != X ] || return 1
    printf '%s %s' "${fields[19]}" "$(cat /proc/sys/kernel/random/boot_id)"
}

# running_pid NAME: the pid if the process that was started under NAME still runs.
running_pid() {
    local pid birth
    read -r pid birth 2>/dev/null <"$state/pid/$1" || return 1
    [ "$(process_birth "$pid")" = "$birth" ] || return 1
    printf '%s' "$pid"
}

# start_process NAME LOG COMMAND...: starts COMMAND in a session of its own (a Ctrl-C at the terminal does not reach it:
# whoever started it decides the order of the end), output to LOG.
start_process() {
    local name=$1 log=$2
    shift 2
    mkdir -p "$state/pid" "$(dirname "$log")"
    rm -f "$state/pid/$name"
    # The child notes itself before it becomes COMMAND, and holds the locks of run.sh and services.sh (descriptors 8 and
    # 9) until then: whoever is interrupted meanwhile, the next `stop` finds it.
    # shellcheck disable=SC2016  # expanded by the inner shell
    setsid bash -c '. "$0" && note=$1 && shift && printf "%s %s\n" "$$" "$(process_birth "$$")" >"$note" &&
        exec "$@" 8>&- 9>&-' "${BASH_SOURCE[0]}" "$state/pid/$name" "$@" </dev/null >>"$log" 2>&1 &
    disown
    until [ -s "$state/pid/$name" ]; do
        sleep 0.02
    done
}

# stop_process NAME SIGNAL SECONDS: sends SIGNAL, waits, and ends it by force when SECONDS have passed.
stop_process() {
    local name=$1 signal=$2 deadline=$((SECONDS + $3)) pid
    if pid=$(running_pid "$name"); then
        kill -s "$signal" "$pid" 2>/dev/null || true
        # A process that was frozen hears no signal but this one.
        kill -s CONT "$pid" 2>/dev/null || true
        start_ticker "waiting for $name to end"
        while running_pid "$name" >/dev/null; do
            if [ "$SECONDS" -ge "$deadline" ]; then
                stop_ticker
                say "$name ($pid) did not end within $3 s of SIG$signal: ended by force"
                kill -s KILL "$pid" 2>/dev/null || true
                deadline=$((SECONDS + 10))
            fi
            sleep 0.05
        done
        stop_ticker
    fi
    rm -f "$state/pid/$name"
}

# port_is_taken PORT: somebody listens there on loopback.
port_is_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_port: a port that nobody listens on, below the range from which the kernel serves outgoing connections (a
# connection of somebody else's must not take it while its owner restarts).
free_port() {
    local port
    for _ in $(seq 200); do
        port=$((20000 + (RANDOM % 9000)))
        if ! port_is_taken "$port" && ! grep -qsx "$port" "$state"/port/*; then
            printf '%s' "$port"
            return 0
        fi
    done
    return 1
}

# remember_port NAME: the port of NAME: the one it had before if that is still free, else a new one.
remember_port() {
    local port
    mkdir -p "$state/port"
    port=$(cat "$state/port/$1" 2>/dev/null) || port=''
    if [ -z "$port" ] || port_is_taken "$port"; then
        port=$(free_port)
        printf '%s\n' "$port" >"$state/port/$1"
    fi
    printf '%s' "$port"
}

# remembered_port NAME: the port of NAME as it was last started.
remembered_port() {
    cat "$state/port/$1" 2>/dev/null
}
