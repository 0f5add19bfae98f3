#!/bin/bash
# Sets kernelgw up on this machine, runs it, tests it.
#
# usage: ./setup.sh run [-- SERVER OPTIONS]       set up what is missing, then serve until Ctrl-C
#        ./setup.sh build                         set up without serving
#        ./setup.sh test [--long] [SUITE...]      set up, then test (tests/run --list names the suites)
#        ./setup.sh --help
#
# Debian 12, as root. Everything is done once and kept; a second call takes seconds. Nothing is written
# into this tree.
#
#   KERNELGW_CACHE   builds, wheels, base layers, logs     (/var/cache/kernelgw)
#   KERNELGW_DATA    images of the boxes                   (/var/lib/kernelgw)
#   KERNELGW_JOBS    compilers at once                     (one a core)
#
#   ./setup.sh run -- --port 9000 --token secret           server options: ./setup.sh run -- --help
#   ./setup.sh run -- --engine process                     without boxes: NO isolation
set -euo pipefail

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${KERNELGW_CACHE:-/var/cache/kernelgw}
data=${KERNELGW_DATA:-/var/lib/kernelgw}
jobs=${KERNELGW_JOBS:-$(nproc)}
run_dir=${KERNELGW_RUN_DIR:-/run/kernelgw}
logs=$cache/logs
user=kernelgw

# Builds of two trees never share a folder, nor what is tested (warnings are errors) and what runs. Both are
# optimised alike, with symbols: what a crash leaves behind should say where.
tree_key=$(printf %s "$tree" | sha256sum | cut -c1-8)
build=$cache/build-$tree_key
build_asan=$cache/build-$tree_key-asan

packages_run=(
    ca-certificates cmake gcc iproute2 libc6-dev libjansson-dev libseccomp-dev libsodium-dev libuv1-dev
    libwebsockets-dev libwebsockets-evlib-uv mmdebstrap ninja-build passwd pkg-config python3 python3-pip
    runc util-linux uthash-dev
)
packages_test=(
    chromium clang-format-14 clang-tidy-14 codespell curl git libcmocka-dev libssl-dev libzmq3-dev procps python3-venv
    shellcheck
)

say() { printf '%s\n' "$*"; }

usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

# step NAME COMMAND...: runs it with its output in a log, says how long it took, or what went wrong.
step() {
    local name=$1 log=$logs/$1.log begun=$SECONDS rc=0
    shift
    printf '%-22s' "$name"
    "$@" > "$log" 2>&1 < /dev/null || rc=$?
    if [ $rc != 0 ]; then
        say "FAILED after $((SECONDS - begun)) s"
        say "setup.sh: step \"$name\" failed (status $rc). Its last lines, from $log:"
        tail -n 30 "$log" | sed 's/^/    /'
        [ "$mode" != test ] || say "0 passed, 1 failed, 0 skipped"
        exit 1
    fi
    say "$((SECONDS - begun)) s"
}

# Each step is a script of its own, so that the shell stops at its first error: it does not inside a
# function whose status somebody looks at.
step_packages() {
    local package
    local -a missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null || true)" = installed ] ||
            missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then
        echo "all there"
        return 0
    fi
    echo "missing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update &&
        apt-get -qq -y -o Acquire::Retries=3 install --no-install-recommends "${missing[@]}"
}

step_build() {
    local folder=$1
    shift
    cmake -S "$tree" -B "$folder" -G Ninja "$@" &&
        ninja -C "$folder" -j"$jobs" &&
        chmod 755 "$folder"
}

# Manifests and kernelspecs beside the build: the server's own user may not be able to enter this tree.
step_runtimes() {
    local manifest folder
    rm -rf "$build/share.new"
    for manifest in "$tree"/runtimes/*/runtime.json; do
        folder=$(basename "$(dirname "$manifest")")
        mkdir -p "$build/share.new/runtimes/$folder"
        cp -r "$manifest" "$tree/runtimes/$folder/kernelspec" "$build/share.new/runtimes/$folder/" || return 1
    done
    chmod -R a+rX "$build/share.new" && rm -rf "$build/share" && mv "$build/share.new" "$build/share"
}

step_user() {
    id -u "$user" > /dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
}

prepare() {
    local recipe language
    [ "$(id -u)" = 0 ] || { say "setup.sh: must be root: it installs packages and starts boxes" >&2; exit 1; }
    mkdir -p "$logs" "$data/images"
    chmod 755 "$cache" "$data" "$data/images"
    if [ "$mode" = test ]; then
        step packages step_packages "${packages_run[@]}" "${packages_test[@]}"
    else
        step packages step_packages "${packages_run[@]}"
    fi
    step build step_build "$build" "${build_options[@]}"
    step runtimes step_runtimes
    step user step_user
    if [ "$engine" = oci ]; then
        for recipe in "$tree"/runtimes/*/image; do
            language=$(basename "$(dirname "$recipe")")
            step "image-$language" "$tree/runtimes/build-image" --data "$data" --cache "$cache" "$language"
        done
    fi
}

# The path of a program of the build, wherever its room puts it.
program() {
    local found
    found=$(find "$build" -type f -name "$1" -perm -u+x -print -quit)
    [ -n "$found" ] || { say "setup.sh: the build made no program $1" >&2; exit 1; }
    printf '%s' "$found"
}

server_pid=
boxd_keeper=

# Starts boxd again whenever it ends unasked: it finds its boxes again. TERM to this ends both.
keep_boxd() {
    local pid='' rc
    trap 'trap "" TERM; [ -z "$pid" ] || { kill -TERM "$pid" 2> /dev/null; wait "$pid"; }; exit 0' TERM
    while :; do
        setsid "$@" &
        pid=$!
        rc=0
        wait "$pid" || rc=$?
        say "setup.sh: boxd ended (status $rc); starting it again" >&2
        pid=
        sleep 1
    done
}

# First the server, which gives its boxes back; then boxd. In this order, however we are told to end.
stop_all() {
    trap '' INT TERM
    if [ -n "$server_pid" ]; then
        kill -TERM "$server_pid" 2> /dev/null || true
        wait "$server_pid" 2> /dev/null || true
        server_pid=
    fi
    if [ -n "$boxd_keeper" ]; then
        kill -TERM "$boxd_keeper" 2> /dev/null || true
        wait "$boxd_keeper" 2> /dev/null || true
        boxd_keeper=
    fi
}

serve() {
    local socket=$run_dir/boxd.sock kernelgw agent boxd rc=0 tries
    local -a options=(--run-dir "$run_dir/server" --runtimes "$build/share/runtimes")
    kernelgw=$(program kernelgw)
    agent=$(program kernelgw-agent)
    mkdir -p "$run_dir/server"
    chmod 755 "$run_dir"
    chown "$user:$user" "$run_dir/server"
    chmod 700 "$run_dir/server"
    trap 'stop_all; exit 130' INT
    trap 'stop_all; exit 143' TERM
    trap stop_all EXIT
    if [ "$engine" = oci ]; then
        boxd=$(program kernelgw-boxd)
        keep_boxd "$boxd" --socket "$socket" --run-dir "$run_dir" --images "$data/images" \
            --agent "$agent" --gateway-uid "$(id -u "$user")" < /dev/null &
        boxd_keeper=$!
        for ((tries = 0; tries < 100; tries++)); do
            [ ! -S "$socket" ] || break
            sleep 0.1
        done
        [ -S "$socket" ] || { say "setup.sh: boxd made no socket $socket" >&2; exit 1; }
        options+=(--boxd "$socket")
    else
        options+=(--agent "$agent")
    fi
    HOME=$run_dir/server setsid setpriv --reuid "$user" --regid "$user" --init-groups -- \
        "$kernelgw" "${options[@]}" "$@" < /dev/null &
    server_pid=$!
    wait "$server_pid" || rc=$?
    server_pid=
    [ $rc = 0 ] || say "setup.sh: the server ended with status $rc" >&2
    exit $rc
}

mode=${1:-}
[ $# = 0 ] || shift
engine=oci
build_options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DKERNELGW_TESTS=OFF)
case $mode in
run)
    [ "${1:-}" != -- ] || shift
    previous=
    for option in "$@"; do
        case $previous$option in
        --engine=process | --engineprocess) engine=process ;;
        esac
        previous=
        [ "$option" != --engine ] || previous=--engine
    done
    [ "${KERNELGW_ENGINE:-}" != process ] || engine=process
    if [ "${1:-}" = --help ]; then
        prepare
        server=$(program kernelgw)
        exec "$server" --help
    fi
    prepare
    serve "$@"
    ;;
build)
    prepare
    server=$(program kernelgw)
    say "built: $server"
    ;;
test)
    for option in "$@"; do
        case $option in
        -h | --help | --list) exec "$tree/tests/run" --help ;;
        esac
    done
    begun=$SECONDS
    build=$build-test
    build_options+=(-DKERNELGW_TESTS=ON -DKERNELGW_WERROR=ON)
    prepare
    # The tests' own build, with the sanitizers, is made only when a suite wants it.
    if "$tree/tests/run" --wants-asan "$@"; then
        step build-sanitized step_build "$build_asan" "${build_options[@]}" -DKERNELGW_SANITIZE=ON
    fi
    step tests-environment "$tree/tests/venv.sh"
    say "set up in $((SECONDS - begun)) s"
    export KERNELGW_CACHE=$cache KERNELGW_BUILD=$build KERNELGW_BUILD_ASAN=$build_asan \
        KERNELGW_IMAGES=$data/images KERNELGW_E2E_RUNTIMES=$build/share/runtimes KERNELGW_LOGS=$logs
    exec "$tree/tests/run" "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
