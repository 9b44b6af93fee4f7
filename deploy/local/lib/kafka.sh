# A private Apache Kafka: fetched by Maven, one node in KRaft mode, loopback only. Sourced by services.sh.
# Needs $root (the checkout), $here (deploy/local) and $state (the folder of this set of services).
# shellcheck shell=bash disable=SC2154
# (the caller sets the variables named above)

kafka_libs="$root/.local/kafka/libs"
kafka_log="$state/log/kafka.log"
kafka_java=(-Xmx512m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true
    "-Dlog4j2.configurationFile=$here/kafka/log4j2.properties" -cp "$kafka_libs/*")

# find_java: the first Java of version 17 or later.
find_java() {
    local java version
    for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
        if [ "${version:-0}" -ge 17 ]; then
            printf '%s' "$java"
            return 0
        fi
    done
    return 1
}

# kafka_fetch: the jars, once per version; a fetch that was cut off leaves nothing that looks complete.
kafka_fetch() {
    local version log="$root/.local/log/maven.log"
    version=$(cksum <"$here/kafka/pom.xml")
    [ "$(cat "$kafka_libs/.fetched" 2>/dev/null)" != "$version" ] || return 0
    rm -rf "$kafka_libs" "$kafka_libs.new"
    mkdir -p "$kafka_libs.new"
    # Maven writes "target" beside a pom: it gets a copy. -U: a failure it remembers from before does not count.
    cp "$here/kafka/pom.xml" "$kafka_libs.new/pom.xml"
    quietly 'fetching Apache Kafka from Maven Central (about 45 MB)' "$log" \
        mvn -B -U -f "$kafka_libs.new/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$kafka_libs.new" ||
        fail 'Apache Kafka could not be fetched' 'Maven ended with an error' \
            "look at the lines below, mend it (network, proxy, ~/.m2/settings.xml), then the same command again" "$log"
    printf '%s\n' "$version" >"$kafka_libs.new/.fetched"
    mv "$kafka_libs.new" "$kafka_libs"
}

# kafka_configure PORT CONTROLLER_PORT: server.properties anew at each start, so that a change in the checkout counts.
kafka_configure() {
    mkdir -p "$state/kafka"
    cp "$here/kafka/server.properties" "$state/kafka/server.properties"
    cat >>"$state/kafka/server.properties" <<END

# Added by deploy/local/lib/kafka.sh
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
controller.quorum.bootstrap.servers=127.0.0.1:$2
log.dirs=$state/kafka/data
END
}

# kafka_format JAVA: an empty store, once.
kafka_format() {
    local id
    [ ! -e "$state/kafka/formatted" ] || return 0
    rm -rf "$state/kafka/data"
    # A cluster id is 16 bytes in URL-safe base64; a leading dash would be read as an option.
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    quietly 'making the store of Apache Kafka' "$kafka_log" \
        "$1" "${kafka_java[@]}" kafka.tools.StorageTool format --standalone --cluster-id "${id/#-/A}" \
        --config "$state/kafka/server.properties" ||
        fail 'the store of Apache Kafka could not be made' 'StorageTool ended with an error' \
            "mend what the lines below name, then the same command again" "$kafka_log"
    touch "$state/kafka/formatted"
}

# kafka_launch: starts it if it does not run; kafka_wait then waits until it answers.
kafka_launch() {
    local java
    running_pid kafka >/dev/null && return 0
    java=$(find_java) || fail 'Apache Kafka cannot start' 'there is no Java of version 17 or later' \
        'deploy/local/install.sh run'
    kafka_fetch
    mkdir -p "$state/log"
    kafka_configure "$(remember_port kafka)" "$(remember_port kafka-controller)"
    kafka_format "$java"
    start_process kafka "$kafka_log" "$java" "${kafka_java[@]}" kafka.Kafka "$state/kafka/server.properties"
}

kafka_wait() {
    local port deadline=$((SECONDS + 60))
    port=$(remembered_port kafka)
    start_ticker 'waiting for Apache Kafka'
    until port_is_taken "$port"; do
        running_pid kafka >/dev/null ||
            fail 'Apache Kafka did not start' 'its process ended' 'mend what the lines below name' "$kafka_log"
        [ "$SECONDS" -lt "$deadline" ] ||
            fail 'Apache Kafka did not start' "nobody listens on port $port after 60 s" \
                "deploy/local/services.sh stop $state" "$kafka_log"
        sleep 0.1
    done
    stop_ticker
}
