#!/usr/bin/env bash
# Installs what this checkout needs and the machine lacks: on Debian and Ubuntu by apt-get, elsewhere it lists it.
# What is there in any other way (a Java of your own, Node from elsewhere) is used as it is. Nothing is ever removed.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
here="$root/deploy/local"
state="$root/.local"
purpose=${1:-}

# shellcheck source=deploy/local/lib/say.sh
. "$here/lib/say.sh"
# shellcheck source=deploy/local/lib/process.sh
. "$here/lib/process.sh"
# shellcheck source=deploy/local/lib/kafka.sh
. "$here/lib/kafka.sh"
# shellcheck source=deploy/local/lib/postgres.sh
. "$here/lib/postgres.sh"

trap 'stop_ticker' EXIT

has() {
    command -v "$1" >/dev/null 2>&1
}

# c_library HEADER LIBRARY: a C program that uses them can be built.
c_library() {
    echo "#include <$1>
int main(void) { return 0; }" | cc -x c - -o /dev/null "-l$2" 2>/dev/null
}

# need PACKAGE CHECK...: PACKAGE is missing if CHECK fails.
missing=()
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

# What the build and `make run` need.
need_to_run() {
    need build-essential eval 'has cc && has c++ && has make'
    need pkg-config has pkg-config
    need libssl-dev c_library openssl/ssl.h ssl
    need zlib1g-dev c_library zlib.h z
    need openjdk-17-jre-headless find_java
    need maven has mvn
    need postgresql postgres_bin postgres
    need curl has curl
}

# What the figures need besides: a job queue of others to compare with.
need_to_bench() {
    need nodejs has node
    need npm has npm
}

# What the tests need besides: foreign clients in their own languages, and a browser.
need_to_test() {
    need chromium eval 'has chromium || has chromium-browser || has google-chrome'
    need nodejs has node
    need npm has npm
    need python3-venv python3 -c 'import ensurepip, venv'
    need kcat has kcat
}

check_cargo() {
    local version
    has cargo || fail 'the build cannot start' 'cargo, the build tool of Rust, is not on this machine' \
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
    # Under rustup this fetches the version that rust-toolchain.toml names; its words belong on the terminal.
    version=$(cd "$root" && cargo --version) || fail 'the build cannot start' \
        "cargo does not work with the version that rust-toolchain.toml names" \
        "rustup toolchain install $(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust-toolchain.toml")"
    version=${version#cargo }
    if [ "$(printf '%s\n' 1.95.0 "${version%% *}" | sort -V | head -n 1)" != 1.95.0 ]; then
        fail 'the build cannot start' "cargo is ${version%% *}; 1.95.0 is the oldest that will do" \
            'install rustup (https://rustup.rs): it takes the version that rust-toolchain.toml names'
    fi
}

# apt COMMAND...: as root, asking nobody anything.
apt() {
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@"
}

install_missing() {
    local log="$state/log/install.log"
    if ! has apt-get; then
        fail "${#missing[@]} thing(s) are missing: ${missing[*]}" \
            'the names are those of Debian packages; this system has no apt-get to install them with' \
            "your system's own command for: a C and C++ compiler with make, pkg-config, OpenSSL and zlib headers, Java 17 or later, Maven, PostgreSQL 15 or later with initdb, curl (for make bench also Node.js with npm, for make test also Chromium, Node.js with npm, Python 3 with venv, kcat); of these only what is named above is missing"
    fi
    if [ "$(id -u)" != 0 ] && ! has sudo; then
        fail "package(s) are missing: ${missing[*]}" 'you are not root, and there is no sudo' \
            "as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    fi
    phase "Installing ${missing[*]} (once)"
    # A password must be asked for before the output goes to the log.
    [ "$(id -u)" = 0 ] || sudo -v
    quietly 'apt-get update' "$log" apt update ||
        fail 'apt-get update failed' 'see below' 'mend it, then the same command again' "$log"
    replace_java
    quietly 'apt-get install' "$log" apt install -y --no-install-recommends "${missing[@]}" ||
        fail "${missing[*]} could not be installed" 'apt-get install ended with an error' \
            'mend what the lines below name, then the same command again' "$log"
}

# replace_java: where the system has no Java 17 it has a later one, which does as well.
replace_java() {
    local index
    for index in "${!missing[@]}"; do
        if [ "${missing[index]}" = openjdk-17-jre-headless ] &&
            ! apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
            missing[index]=default-jre-headless
        fi
    done
}

find_missing() {
    missing=()
    need_to_run
    [ "$purpose" != test ] || need_to_test
    [ "$purpose" != bench ] || need_to_bench
}

case $purpose in
    run | test | bench) ;;
    *)
        echo 'usage: deploy/local/install.sh run|test|bench' >&2
        exit 2
        ;;
esac

find_missing
if [ "${#missing[@]}" -gt 0 ]; then
    install_missing
    find_missing
    [ "${#missing[@]}" = 0 ] || fail "still missing after the installation: ${missing[*]}" \
        'the packages of this system are too old, or hold something else' \
        'install them by hand (PostgreSQL 15 or later, Java 17 or later)' "$state/log/install.log"
fi
check_cargo
