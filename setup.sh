#!/bin/bash
# Sets kernelgw up on this machine, runs it, tests it.
#
# usage: ./setup.sh run [--languages LIST] [-- SERVER OPTIONS]   set up what is missing, then serve until Ctrl-C
#        ./setup.sh build [--languages LIST]                     set up without serving
#        ./setup.sh test [--languages LIST] [--long] [SUITE...]  set up, then test (tests/run --list names the suites)
#        ./setup.sh --help
#
# LIST: names of folders of runtimes/ with commas between, such as python,cpp; without it, all of them.
#
# Debian 12, as root. Everything is done once and kept; a second call takes seconds. Nothing is written
# into this tree.
#
#   KERNELGW_CACHE   builds, wheels, base layers, logs     (/var/cache/kernelgw)
#   KERNELGW_DATA    images of the boxes                   (/var/lib/kernelgw)
#   KERNELGW_RUN_DIR sockets; a server each, with cgroup,
#                    ids and state of its own              (/run/kernelgw)
#   KERNELGW_JOBS    compilers at once                     (one a core)
#   KERNELGW_BOXD_OPTIONS  more options of boxd, such as "--max-memory-mb 8192 --max-boxes 4000"
#
#   ./setup.sh run -- --port 9000 --token secret    server options: ./setup.sh run -- --help
#   ./setup.sh run -- --engine process              without boxes: NO isolation
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
    ca-certificates cmake gcc iproute2 libc6-dev libcurl4-openssl-dev libjansson-dev libmnl-dev libpcre2-dev libseccomp-dev libsodium-dev
    libssl-dev libuv1-dev libwebsockets-dev libwebsockets-evlib-uv libzmq3-dev mmdebstrap nftables ninja-build passwd pkg-config python3 python3-pip
    runc slirp4netns util-linux uthash-dev
)
packages_test=(
    chromium clang-format-14 clang-tidy-14 codespell curl git libcmocka-dev openssl procps python3-venv
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
    [ $rc = 0 ] || failed "$name" "$rc" $((SECONDS - begun))
    say "$((SECONDS - begun)) s"
}

# failed NAME STATUS SECONDS
failed() {
    say "FAILED after $3 s"
    say "setup.sh: step \"$1\" failed (status $2). Its last lines, from $logs/$1.log:"
    tail -n 30 "$logs/$1.log" | sed 's/^/    /'
    [ "$mode" != test ] || say "0 passed, 1 failed, 0 skipped"
    exit 1
}

# choose [LIST]: which languages there are, or those of the list, into `languages`.
languages=()
choose() {
    local name manifest
    local -a all=()
    for manifest in "$tree"/runtimes/*/runtime.json; do
        all+=("$(basename "$(dirname "$manifest")")")
    done
    languages=("${all[@]}")
    [ $# -gt 0 ] || return 0
    IFS=, read -ra languages <<< "$1"
    for name in "${languages[@]}"; do
        [[ " ${all[*]} " = *" $name "* ]] || {
            say "setup.sh: there is no language \"$name\"; there are: ${all[*]}" >&2
            exit 2
        }
    done
    [ ${#languages[@]} -gt 0 ] || { say "setup.sh: --languages names none; there are: ${all[*]}" >&2; exit 2; }
    if [ "$mode" = test ] && [[ " ${languages[*]} " != *" python "* ]]; then
        say "python is taken, too: most tests need it"
        languages+=(python)
    fi
    for name in "${all[@]}"; do
        [[ " ${languages[*]} " = *" $name "* ]] || say "left out: $name"
    done
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

# Manifests and kernelspecs beside the build: the server's own user may not be able to enter this tree. Those of the
# languages that were chosen: the server offers what lies there.
step_runtimes() {
    local language
    rm -rf "$build/share.new"
    for language in "${languages[@]}"; do
        mkdir -p "$build/share.new/runtimes/$language"
        cp -r "$tree/runtimes/$language/"{runtime.json,kernelspec} "$build/share.new/runtimes/$language/" || return 1
    done
    cp -r "$("$tree/client/build.sh")" "$build/share.new/client" || return 1
    chmod -R a+rX "$build/share.new" && rm -rf "$build/share" && mv "$build/share.new" "$build/share"
}

# All images, as many at once as there are cores; each waits by itself for what it shares with others.
image_pids=()
stop_images() {
    local pid
    for pid in "${image_pids[@]}"; do
        kill -TERM -- "-$pid" 2> /dev/null || true
    done
    exit 130
}

build_images() {
    local language i rc
    local -a begins=() failures=()
    trap stop_images INT TERM
    set -m # a process group for each, which can be ended whole
    for language in "${languages[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
            sleep 0.2
        done
        begins+=($SECONDS)
        "$tree/runtimes/build-image" --data "$data" --cache "$cache" "$language" \
            > "$logs/image-$language.log" 2>&1 < /dev/null &
        image_pids+=($!)
    done
    set +m
    for i in "${!languages[@]}"; do
        rc=0
        wait "${image_pids[i]}" || rc=$?
        printf '%-22s' "image-${languages[i]}"
        if [ $rc = 0 ]; then
            say "$((SECONDS - begins[i])) s"
        else
            say "failed"
            failures+=("${languages[i]} $rc $((SECONDS - begins[i]))")
        fi
    done
    trap - INT TERM
    image_pids=()
    [ ${#failures[@]} = 0 ] || {
        read -r language rc i <<< "${failures[0]}"
        failed "image-$language" "$rc" "$i"
    }
    "$tree/runtimes/image-files" prune "$data/images"
    "$tree/runtimes/image-files" sizes "$data/images" > "$logs/image-sizes.log"
}

step_user() {
    id -u "$user" > /dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
}

# `kernelgw exec`, `connect` and `doctor` as commands: those of the tree that was set up last. A program of that name that
# is no link of ours stays.
step_command() {
    local command=/usr/local/bin/kernelgw
    if [ -L "$command" ] || [ ! -e "$command" ]; then
        ln -sfT "$(program kernelgw)" "$command"
    else
        echo "$command is another program: left as it is"
    fi
}

prepare() {
    local -a packages=("${packages_run[@]}")
    [ "$(id -u)" = 0 ] || { say "setup.sh: must be root: it installs packages and starts boxes" >&2; exit 1; }
    mkdir -p "$logs" "$data/images"
    chmod 755 "$cache" "$data" "$data/images"
    [ "$mode" != test ] || packages+=("${packages_test[@]}")
    if [ "$engine" = oci ]; then
        mapfile -t -O ${#packages[@]} packages < <("$tree/runtimes/build-image" --needs "${languages[@]}")
    fi
    step packages step_packages "${packages[@]}"
    step build step_build "$build" "${build_options[@]}"
    step client "$tree/client/build.sh"
    step runtimes step_runtimes
    step user step_user
    [ "$mode" = test ] || step command step_command
    [ "$engine" != oci ] || build_images
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
    local state=$data/state placed
    local -a boxd_options place
    read -ra boxd_options <<< "${KERNELGW_BOXD_OPTIONS:-}"
    # Two servers may share images, never what the next server of either takes over.
    [ "$run_dir" = /run/kernelgw ] || state=$data/state-$(printf %s "$run_dir" | sha256sum | cut -c1-12)
    local -a options=(--run-dir "$run_dir/server" --state-dir "$state" --runtimes "$build/share/runtimes"
        --client "$build/share/client")
    kernelgw=$(program kernelgw)
    agent=$(program kernelgw-agent)
    mkdir -p "$run_dir/server" "$state"
    chmod 755 "$run_dir"
    chown "$user:$user" "$run_dir/server" "$state"
    chmod 700 "$run_dir/server" "$state"
    trap 'stop_all; exit 130' INT
    trap 'stop_all; exit 143' TERM
    trap stop_all EXIT
    if [ "$engine" = oci ]; then
        boxd=$(program kernelgw-boxd)
        placed=$("$tree/pool/boxd/place" "$run_dir" "${boxd_options[@]}") || exit 1
        read -ra place <<< "$placed"
        keep_boxd "$boxd" --socket "$socket" --run-dir "$run_dir" --images "$data/images" \
            --agent "$agent" --gateway-uid "$(id -u "$user")" "${place[@]}" "${boxd_options[@]}" < /dev/null &
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
chosen=()
case $mode:${1:-} in
run:--languages | build:--languages | test:--languages)
    [ $# -ge 2 ] || { say "setup.sh: --languages needs a list, such as python,cpp" >&2; exit 2; }
    chosen=("$2")
    shift 2
    ;;
run:--languages=* | build:--languages=* | test:--languages=*)
    chosen=("${1#--languages=}")
    shift
    ;;
esac
case $mode in
run | build | test) choose "${chosen[@]}" ;;
esac
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
    [ $# = 0 ] || { say "setup.sh: build takes no \"$1\"" >&2; exit 2; }
    prepare
    server=$(program kernelgw)
    say "built: $server"
    cat "$logs/image-sizes.log"
    ;;
test)
    for option in "$@"; do
        case $option in
        -h | --help | --list) exec "$tree/tests/run" --help ;;
        esac
    done
    begun=$SECONDS
    wants_asan=0
    "$tree/tests/run" --wants-asan "$@" || wants_asan=$?
    [ "$wants_asan" -le 1 ] || exit "$wants_asan" # it has said what is wrong with them
    build=$build-test
    build_options+=(-DKERNELGW_TESTS=ON -DKERNELGW_WERROR=ON)
    prepare
    # The tests' own build, with the sanitizers, is made only when a suite wants it.
    if [ "$wants_asan" = 0 ]; then
        step build-sanitized step_build "$build_asan" "${build_options[@]}" -DKERNELGW_SANITIZE=ON
    fi
    step tests-environment "$tree/tests/venv.sh"
    say "set up in $((SECONDS - begun)) s"
    export KERNELGW_CACHE=$cache KERNELGW_BUILD=$build KERNELGW_BUILD_ASAN=$build_asan \
        KERNELGW_IMAGES=$data/images KERNELGW_E2E_RUNTIMES=$build/share/runtimes KERNELGW_CLIENT=$build/share/client KERNELGW_LOGS=$logs
    exec "$tree/tests/run" "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
