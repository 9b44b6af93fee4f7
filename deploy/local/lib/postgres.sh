# A private PostgreSQL: own folder, own port, loopback only, no unix socket, passwords made here. Sourced by services.sh.
# Needs $root (the checkout), $here (deploy/local) and $state (the folder of this set of services).
# A cluster that the system's packages run is never touched.
# shellcheck shell=bash disable=SC2154,SC2016
# (the caller sets the variables named above; what stands in single quotes is for an inner shell)

# The services that keep state; each gets a role and a schema of its name.
stateful_services=(qualification nurture assignment)

# With all links resolved: the user postgres may not be able to read a link of ours.
postgres_home=$(realpath -m "$state/postgres")
postgres_passwords="$state/postgres-passwords"
postgres_log="$state/log/postgres.log"

# PostgreSQL refuses to run as root: then everything of it runs as the user that its package made.
as_postgres=()
if [ "$(id -u)" = 0 ]; then
    as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi

# postgres_bin NAME: the path of a program, of the version that made the data if there is data, else of the newest.
postgres_bin() {
    local version folder
    version=$(cat "$postgres_home/data/PG_VERSION" 2>/dev/null) || version=''
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) \
        "$(dirname "$(command -v postgres || echo /nowhere/postgres)")"; do
        [ -x "$folder/initdb" ] || continue
        if [ "$(postgres_major "$folder")" -ge 15 ] &&
            { [ -z "$version" ] || [ "$(postgres_major "$folder")" = "$version" ]; }; then
            printf '%s/%s' "$folder" "$1"
            return 0
        fi
    done
    return 1
}

postgres_major() {
    "$1/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'
}

# postgres_password NAME: the password of a role, made at the first call.
postgres_password() {
    local word
    word=$(sed -n "s/^$1=//p" "$postgres_passwords" 2>/dev/null) || word=''
    if [ -z "$word" ]; then
        word=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
        (umask 077 && printf '%s=%s\n' "$1" "$word" >>"$postgres_passwords")
    fi
    printf '%s' "$word"
}

postgres_url() { # ROLE DATABASE
    printf 'postgres://%s:%s@127.0.0.1:%s/%s' "$1" "$(postgres_password "$1")" "$(remembered_port postgres)" "$2"
}

postgres_sql() { # DATABASE OPTION...
    local database=$1
    shift
    PGPASSWORD=$(postgres_password postgres) "$(postgres_bin psql)" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 \
        -p "$(remembered_port postgres)" -U postgres -d "$database" "$@"
}

# postgres_make_home: the folder of the cluster. As root it belongs to the user postgres, who must be able to walk to it:
# where a parent folder is closed to others (/root is) the cluster lives in that user's own home, linked from here.
postgres_make_home() {
    local elsewhere
    [ ! -d "$postgres_home" ] || return 0
    if [ "${#as_postgres[@]}" = 0 ]; then
        mkdir -p "$postgres_home"
    elif "${as_postgres[@]}" test -x "$state"; then
        install -d -o postgres -g postgres -m 700 "$postgres_home"
    else
        elsewhere=$("${as_postgres[@]}" env HOME="$(getent passwd postgres | cut -d: -f6)" \
            sh -c 'mktemp -d "$HOME/leadflow-local.XXXXXX"')
        ln -sfn "$elsewhere" "$state/postgres"
        postgres_home=$elsewhere
        say "the database lives in $elsewhere: the user postgres may not enter $state"
    fi
}

# postgres_initialise: an empty cluster, once.
postgres_initialise() {
    local word="$postgres_home/superuser-password"
    "${as_postgres[@]}" test ! -e "$postgres_home/initialised" || return 0
    "${as_postgres[@]}" rm -rf "$postgres_home/data"
    postgres_password postgres | "${as_postgres[@]}" sh -c 'umask 077 && cat >"$0"' "$word"
    # It does not work in a folder that its user may not enter, so it works in one that everybody may.
    (cd / && quietly 'making the database cluster' "$postgres_log" \
        "${as_postgres[@]}" "$(postgres_bin initdb)" --pgdata "$postgres_home/data" --username postgres \
        --pwfile "$word" --auth-host scram-sha-256 --auth-local reject --encoding UTF8 --locale C.UTF-8) ||
        fail 'the database cluster could not be made' 'initdb ended with an error' \
            'mend what the lines below name, then the same command again' "$postgres_log"
    "${as_postgres[@]}" rm -f "$word"
    "${as_postgres[@]}" sh -c "echo \"include = 'leadflow.conf'\" >>\"\$0/data/postgresql.conf\" &&
        touch \"\$0/initialised\"" "$postgres_home"
}

# postgres_launch: starts it if it does not run; postgres_wait then waits until it answers.
postgres_launch() {
    running_pid postgres >/dev/null && return 0
    postgres_bin postgres >/dev/null || fail 'PostgreSQL cannot start' \
        "there is no PostgreSQL $(cat "$postgres_home/data/PG_VERSION" 2>/dev/null || echo '15 or later') on this machine" \
        'deploy/local/install.sh run (or, to give up data that another version made: make clean-local)'
    [ "${#as_postgres[@]}" = 0 ] || id postgres >/dev/null 2>&1 || fail 'PostgreSQL cannot start' \
        'it refuses to run as root, and there is no user postgres' 'adduser --system --group postgres'
    mkdir -p "$state/log"
    postgres_make_home
    postgres_initialise
    {
        cat "$here/postgres/postgresql.conf"
        printf 'port = %s\n' "$(remember_port postgres)"
    } | "${as_postgres[@]}" sh -c 'cat >"$0"' "$postgres_home/data/leadflow.conf"
    (cd / && start_process postgres "$postgres_log" "${as_postgres[@]}" "$(postgres_bin postgres)" \
        -D "$postgres_home/data")
}

postgres_wait() {
    local port deadline=$((SECONDS + 60))
    port=$(remembered_port postgres)
    start_ticker 'waiting for PostgreSQL'
    until "$(postgres_bin pg_isready)" -q -h 127.0.0.1 -p "$port" -U postgres -d postgres; do
        running_pid postgres >/dev/null ||
            fail 'PostgreSQL did not start' 'its process ended' 'mend what the lines below name' "$postgres_log"
        [ "$SECONDS" -lt "$deadline" ] ||
            fail 'PostgreSQL did not start' "it does not answer on port $port after 60 s" \
                "deploy/local/services.sh stop $state" "$postgres_log"
        sleep 0.1
    done
    stop_ticker
}

# postgres_set_up: the database, and a role and a schema for each service.
postgres_set_up() {
    local service
    postgres_sql postgres -f "$root/deploy/postgres/database.sql"
    for service in "${stateful_services[@]}"; do
        SERVICE_PASSWORD=$(postgres_password "$service") \
            postgres_sql leadflow -v service="$service" -f "$root/deploy/postgres/service.sql"
    done
}
