# leadflow itself on one machine: its configuration, its keys, its one process with every role, its sample model and
# traffic. Sourced by run.sh. Needs $root (the checkout), $here (deploy/local) and $state (.local).
# shellcheck shell=bash disable=SC2154,SC2034
# (the caller sets the variables named above, and traffic.sh uses some of these)

binaries="${CARGO_TARGET_DIR:-$root/target}/release"
leadflow="$binaries/leadflow"
simulator="$binaries/simulator"
mail_catcher="$binaries/mail-catcher"
mails="$state/mails"
leadflow_log="$state/log/leadflow.log"

# build: cargo shows its own progress on a terminal; elsewhere a sign of life stands in for it.
build() {
    [ -t 2 ] || start_ticker 'building'
    (cd "$root" && cargo build --release --locked -p leadflow -p leadflow-simulator -p leadflow-mailbox) 8>&- ||
        fail 'the build failed' 'see the words of the compiler above' 'mend it, then the same command again'
    stop_ticker
}

# choose_port NAME DEFAULT: a port whose neighbour 1000 above (operations: health and metrics) is free too.
choose_port() {
    local port=$2
    while port_is_taken "$port" || port_is_taken $((port + 1000)); do
        port=$((port + 100))
    done
    mkdir -p "$state/port"
    printf '%s\n' "$port" >"$state/port/$1"
    [ "$port" = "$2" ] || say "$1: port $2 (or $(($2 + 1000))) is taken, so it listens on $port"
}

# secret_file PATH: 32 random bytes as hex text, made once.
secret_file() {
    [ -s "$1" ] || (umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$1")
}

# write_config: what `leadflow --config` reads. The identity key is made once and never changed: every identifier in the
# database is hashed with it.
write_config() {
    secret_file "$state/identity.key"
    # shellcheck source=/dev/null
    . "$state/services.env"
    (umask 077 && cat >"$state/leadflow.yaml") <<END
# Written by deploy/local/run.sh at each start.
kafka: { brokers: "$KAFKA_BROKERS" }
identity_key_file: "$state/identity.key"
keys_file: "$state/keys.yaml"
topics_file: "$root/deploy/config/topics.yaml"
telemetry: { log_format: text }
ingest:
  listen: "127.0.0.1:$(remembered_port ingest)"
  ops_listen: "127.0.0.1:$(($(remembered_port ingest) + 1000))"
  sources_file: "$root/deploy/config/sources.yaml"
qualification:
  listen: "127.0.0.1:$(remembered_port qualification)"
  ops_listen: "127.0.0.1:$(($(remembered_port qualification) + 1000))"
  database: { url: "$QUALIFICATION_DATABASE_URL" }
assignment:
  listen: "127.0.0.1:$(remembered_port assignment)"
  ops_listen: "127.0.0.1:$(($(remembered_port assignment) + 1000))"
  database: { url: "$ASSIGNMENT_DATABASE_URL" }
nurture:
  listen: "127.0.0.1:$(remembered_port nurture)"
  ops_listen: "127.0.0.1:$(($(remembered_port nurture) + 1000))"
  database: { url: "$NURTURE_DATABASE_URL" }
  public_url: "http://127.0.0.1:$(remembered_port nurture)"
  # The local mail catcher: it keeps every mail in .local/mails and delivers none.
  smtp: { url: "smtp+plain://127.0.0.1:$(remembered_port mail-catcher)" }
  sender:
    name: Seller
    email: hello@seller.example
    postal_address: Seller, 1 Sample Street, 12345 Sampletown
    message_id_domain: mail.seller.example
    reply_domain: mail.seller.example
  # On a trial nobody waits for the morning. In production leave this out: 20:00 to 08:00 of the lead's own day is quiet.
  quiet_hours: null
  topics: { news: News and guides, events: Invitations to events }
END
}

# client_key NAME OPTION...: an API key, made once and kept in a file only its owner reads.
client_key() {
    local name=$1 file="$state/key/$1"
    shift
    # keys.yaml holds only hashes: without it the kept key opens nothing.
    if [ ! -s "$file" ] || [ ! -s "$state/keys.yaml" ]; then
        mkdir -p "$state/key"
        (umask 077 && attempt "making the key $name" key create --name "$name" "$@" --json |
            sed -n 's/.*"key": *"\([^"]*\)".*/\1/p' >"$file")
    fi
    [ -s "$file" ] || fail "the key $name was not made" 'leadflow key create --json printed no key' \
        "$leadflow --config $state/leadflow.yaml key create --name $name $*"
    cat "$file"
}

# write_client_env: addresses and keys for people and programs; what is not built is absent.
write_client_env() {
    local write_key api_key
    # A lost keys file takes all keys along; `key create` would rather have it put back, and here it is only made anew.
    [ -e "$state/keys.yaml" ] || rm -rf "$state/key" "$state/keys.yaml.lock"
    write_key=$(client_key local-website --scope publish --source web)
    api_key=$(client_key local-admin --scope read:leads --scope read:assignments --scope act:rep --rep '*' --scope admin)
    (umask 077 && cat >"$state/env") <<END
# Written by deploy/local/run.sh at each start:  . .local/env
export LEADFLOW_INGEST_URL='http://127.0.0.1:$(remembered_port ingest)'
export LEADFLOW_QUALIFICATION_URL='http://127.0.0.1:$(remembered_port qualification)'
export LEADFLOW_NURTURE_URL='http://127.0.0.1:$(remembered_port nurture)'
export LEADFLOW_ASSIGNMENT_URL='http://127.0.0.1:$(remembered_port assignment)'
export LEADFLOW_WRITE_KEY='$write_key'
export LEADFLOW_API_KEY='$api_key'
export LEADFLOW_CONFIG='$state/leadflow.yaml'
export LEADFLOW_SMTP_SINK='$mails'
export KAFKA_BROKERS='$KAFKA_BROKERS'
export DATABASE_URL='${DATABASE_ADMIN_URL%/postgres}/leadflow'
END
    # shellcheck source=/dev/null
    . "$state/env"
}

# attempt TEXT ARGUMENT...: a command of the leadflow command line that must succeed; its output.
attempt() {
    local text=$1 log="$state/log/command.log"
    shift
    start_ticker "$text"
    (cd "$root" && "$leadflow" --config "$state/leadflow.yaml" "$@") 2>"$log" </dev/null ||
        fail "$text failed" "leadflow $1 ${2:-} ended with an error" \
            "$leadflow --config $state/leadflow.yaml $* (after: . $state/env)" "$log"
    stop_ticker
}

# start_leadflow: every role in one process; returns when each door is open.
start_leadflow() {
    local role
    # Only this run's words are shown where it fails.
    [ ! -e "$leadflow_log" ] || mv -f "$leadflow_log" "$leadflow_log.previous"
    start_process leadflow "$leadflow_log" "$leadflow" --config "$state/leadflow.yaml" serve all
    start_ticker 'waiting for the roles'
    for role in ingest qualification nurture assignment; do
        wait_for "$role" "its door did not open" port_is_taken "$(remembered_port "$role")"
    done
    stop_ticker
}

# start_mail_catcher: the relay of a laptop.
start_mail_catcher() {
    mkdir -p "$mails"
    start_process mail-catcher "$state/log/mail-catcher.log" "$mail_catcher" \
        --listen "127.0.0.1:$(remembered_port mail-catcher)" --folder "$mails"
}

# check_leadflow: it lives.
check_leadflow() {
    running_pid leadflow >/dev/null || fail 'leadflow ended by itself' 'its last words may tell' \
        'mend what the lines below name, then the same command again' "$leadflow_log"
}

# wait_until_ready: after a scoring model is there.
wait_until_ready() {
    local role port
    start_ticker 'waiting until every role is ready'
    for role in ingest qualification nurture assignment; do
        port=$(($(remembered_port "$role") + 1000))
        wait_for "$role" "http://127.0.0.1:$port/readyz does not answer 200" is_ready "$port"
    done
    stop_ticker
}

is_ready() {
    curl --silent --fail --max-time 2 --output "$state/log/readyz" "http://127.0.0.1:$1/readyz"
}

# wait_for ROLE WHY CHECK...: until CHECK succeeds, for a minute at most, as long as the process lives.
wait_for() {
    local role=$1 why=$2 deadline=$((SECONDS + 60))
    shift 2
    until "$@"; do
        check_leadflow
        [ "$SECONDS" -lt "$deadline" ] || fail "the role $role was not ready within 60 s" "$why" \
            "less $leadflow_log" "$leadflow_log"
        sleep 0.1
    done
}
