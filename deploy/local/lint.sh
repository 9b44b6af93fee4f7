#!/usr/bin/env bash
# make lint: everything that can be judged without running leadflow. Each check runs even if one before it failed; the
# exit code is 1 if any did. Tools that cargo does not bring are kept under .local/tools/.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/../.." && pwd -P)
here="$root/deploy/local"
tools="$root/.local/tools"
log="$root/.local/log/tools.log"
cargo_deny_version=0.20.2
buf_version=1.75.0
cd "$root"

# shellcheck source=deploy/local/lib/say.sh
. "$here/lib/say.sh"
trap 'stop_ticker' EXIT

failed=()

# check NAME COMMAND...
check() {
    local name=$1
    shift
    phase "$name"
    "$@" || failed+=("$name")
}

docs() {
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --document-private-items
}

# licences: cargo-deny is fetched and built once (some minutes). A machine that cannot have it is told, not failed: the
# machine that releases has it.
licences() {
    if ! cargo deny --version >/dev/null 2>&1 && [ ! -x "$tools/bin/cargo-deny" ]; then
        quietly 'building cargo-deny, once' "$log" \
            cargo install --locked --root "$tools" --version "$cargo_deny_version" cargo-deny || {
            say "SKIPPED: cargo-deny could not be built, so licences and sources were NOT checked (see $log)"
            return 0
        }
    fi
    PATH="$tools/bin:$PATH" cargo deny --offline --workspace check bans licenses sources
}

protos() {
    if [ ! -x "$tools/node_modules/.bin/buf" ]; then
        command -v npm >/dev/null 2>&1 || {
            say 'SKIPPED: npm is not on this machine, so the protos were NOT linted (deploy/local/install.sh test)'
            return 0
        }
        mkdir -p "$tools"
        quietly 'fetching buf, once' "$log" npm install --silent --no-audit --no-fund --no-save --no-package-lock --prefix "$tools" \
            "@bufbuild/buf@$buf_version" || {
            say "npm could not fetch buf (see $log)"
            return 1
        }
    fi
    "$tools/node_modules/.bin/buf" lint proto
}

scripts() {
    command -v shellcheck >/dev/null 2>&1 || {
        say 'SKIPPED: shellcheck is not on this machine, so the scripts were NOT checked'
        return 0
    }
    git ls-files -co --exclude-standard -- '*.sh' .ci/run | xargs shellcheck -x
}

check 'formatting (make fmt mends it)' cargo fmt --all --check
check 'clippy' cargo clippy --workspace --all-targets --locked -- -D warnings
check 'docs' docs
check 'licences, sources, banned crates' licences
check 'protos' protos
check 'scripts' scripts

if [ "${#failed[@]}" -gt 0 ]; then
    fail "${#failed[@]} check(s): $(printf '%s; ' "${failed[@]}")" 'see above' 'make fmt, or mend what is named above; then make lint'
fi
phase 'Everything is clean'
