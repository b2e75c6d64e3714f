# What the scripts share: installing what is missing, on Debian 12 with Rust from rustup, and running steps by name.
#
# Read by `source` from the root of the repository, after `set -euo pipefail`.
# shellcheck shell=bash

# What is installed is always the same. GUNGRAUN is as in benches/Cargo.lock, and LLVM reads the profiles of Rust 1.95.
# shellcheck disable=SC2034
readonly MSRV=1.85 DENY=0.20.2 FUZZ=0.13.2 GUNGRAUN=0.20.0 TYPOS=1.52.0 MUTANTS=27.1.0 LLVM_COV_TOOL=0.9.1 LLVM=22

# --- installing ---

say() { printf '   %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs Debian packages, each as NAME or NAME=VERSION. Steps that run at the same time take turns.
apt_get() {
    mkdir -p target/ci
    (
        flock 9
        apt_get_alone "$@"
    ) 9>target/ci/apt.lock
}

apt_get_alone() {
    local missing=() package version
    for package in "$@"; do
        version=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' "${package%%=*}" 2>/dev/null || true)
        # The version ends with a pattern.
        # shellcheck disable=SC2254
        case "$package" in
            *=*) case "$version" in "ii ${package#*=}" | "ii "${package#*=}) continue ;; esac ;;
            *) case "$version" in ii*) continue ;; esac ;;
        esac
        missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installs Debian packages: ${missing[*]}"
    as_root apt-get -q update >/dev/null
    DEBIAN_FRONTEND=noninteractive as_root apt-get -q install -y --no-install-recommends --allow-downgrades \
        "${missing[@]}" >/dev/null || {
        echo "apt-get cannot install ${missing[*]}" >&2
        return 1
    }
}

# Installs a tool with cargo, unless that version is there: NAME VERSION. `cargo-x` is asked as `cargo x`.
# To optimise one takes longer than it runs here: 170 s of CPU for cargo-deny, 60 s without.
cargo_tool() {
    local ask=("$1")
    case "$1" in cargo-*) ask=(cargo "${1#cargo-}") ;; esac
    case "$("${ask[@]}" --version 2>/dev/null || true)" in *" $2"*) return 0 ;; esac
    say "installs $1 $2 with cargo"
    CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug "$1" --version "$2"
}

# Debian's compiler comes with the source of its standard library, so that it builds for any machine.
need_msrv() {
    apt_get "rustc-web=$MSRV.*" "cargo-web=$MSRV.*" "libstd-rust-web-dev=$MSRV.*" "rust-web-src=$MSRV.*"
    case "$(cargo +msrv --version 2>/dev/null || true)" in "cargo $MSRV."*) return 0 ;; esac
    say "links Debian's Rust $MSRV as the rustup toolchain msrv"
    rustup toolchain link msrv /usr
}

need_nightly() {
    cargo +nightly --version >/dev/null || { echo "nightly Rust is needed: rustup toolchain install nightly" >&2; return 1; }
}

need_compiler() {
    { command -v cc && command -v g++ && command -v objdump; } >/dev/null || apt_get build-essential
}

# The laboratory's Python, with what it needs.
readonly INTEROP_VENV=target/interop/venv
interop_venv() {
    local pins=(pytest==9.2.0)
    if [ "$(cat $INTEROP_VENV/pins 2>/dev/null || true)" = "${pins[*]}" ]; then return; fi
    say "makes $INTEROP_VENV with ${pins[*]}"
    apt_get python3-venv
    python3 -m venv --clear $INTEROP_VENV
    $INTEROP_VENV/bin/pip install --quiet --disable-pip-version-check "${pins[@]}"
    echo "${pins[*]}" >$INTEROP_VENV/pins
}

# --- tests ---

# The whole suite but the documentation's: TOOLCHAIN OPTION...
suite() {
    cargo "$1" build --locked --all-features --examples "${@:2}"
    cargo "$1" test --locked --all-features --lib --tests --no-fail-fast "${@:2}"
}

# The standard library for a machine that Debian has no binaries of. With `test` named for the examples as well, what these depend
# on is built once: otherwise cargo adds it for tests alone, and builds every dependency a second time.
readonly BUILD_STD=-Zbuild-std=std,test

# The oldest compiler, and 32 bits. The processor runs these programs itself; only their loader is in another place.
suite_on_i686() {
    need_msrv
    apt_get gcc-i686-linux-gnu libc6-dev-i386-cross
    local libraries=/usr/i686-linux-gnu/lib
    CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc \
    CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS="-Clink-arg=-Wl,--dynamic-linker=$libraries/ld-linux.so.2,-rpath,$libraries" \
        CARGO_PROFILE_DEV_DEBUG=0 RUSTC_BOOTSTRAP=1 suite +msrv "$BUILD_STD" --target i686-unknown-linux-gnu
}

# --- steps: the functions step_NAME ---

# One step after the other, each with the time that it took; the first that fails ends the run.
run_steps() {
    # For the trap, which runs outside of the function: not local.
    step=preparing
    need_compiler
    for step in "$@"; do
        if ! declare -F "step_$step" >/dev/null; then
            echo "no step $step; see $0 --list" >&2
            return 2
        fi
    done
    trap '[ $? -eq 0 ] || echo "== FAILED: $step" >&2' EXIT
    local start
    for step in "$@"; do
        echo "== $step"
        start=$SECONDS
        # What a step sets is gone with it.
        ("step_$step")
        echo "== $step: ok, $((SECONDS - start)) s"
    done
}

# The same, with two lists of steps at the same time, divided by --. What the second one prints comes when both are done.
run_two_lists() {
    local first=() second output one other status=0
    while [ "$1" != -- ]; do
        first+=("$1")
        shift
    done
    shift
    second=("$@")
    # Before anybody needs it.
    need_compiler
    output=$(mktemp)
    (run_steps "${second[@]}") >"$output" 2>&1 &
    other=$!
    # In the background as well: where a command is part of a condition, `set -e` does not hold.
    (run_steps "${first[@]}") &
    one=$!
    wait "$one" || status=$?
    if [ "$status" -ne 0 ]; then
        # With what it has started.
        pkill -P "$other" 2>/dev/null || true
        kill "$other" 2>/dev/null || true
    fi
    local other_status=0
    wait "$other" || other_status=$?
    [ "$status" -ne 0 ] || status=$other_status
    cat "$output"
    rm "$output"
    return "$status"
}
