#!/bin/bash
# Builds the lean static libzmq that the agent links, into PREFIX/lib/libzmq.a and PREFIX/include.
#
# usage: agent-deps.sh PREFIX
#
# Debian's own libzmq.a pulls in krb5, norm and pgm, which would end up in every box. This takes
# Debian's source package (whatever sources this machine's apt already uses, read as source entries
# in a private apt directory; the machine's own configuration is not touched) and builds it without
# them. Does nothing when PREFIX already holds what this very script makes.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: agent-deps.sh PREFIX" >&2; exit 2; }
prefix=$(realpath -m -- "$1")
key=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-16)
stamp=$prefix/.agent-deps
[ "$(cat "$stamp" 2>/dev/null || true)" != "$key" ] || exit 0

work=$(mktemp -d)
made=
trap 'rm -rf "$work" ${made:+"$made"}' EXIT

# The machine's package sources, as source entries: one-line format and deb822 alike.
mkdir -p "$work/apt/sources" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" >> "$work/apt/sources/machine.list"
done
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    sed 's/^Types:.*/Types: deb-src/' "$file" > "$work/apt/sources/$(basename "$file")"
done
chmod -R a+rX "$work"

apt_private() {
    apt-get -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/sources" \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}
apt_private -qq update
(cd "$work" && apt_private -qq source zeromq3 > source.log 2>&1) ||
    { cat "$work/source.log" >&2; exit 1; }
source=$(find "$work" -maxdepth 1 -type d -name 'zeromq3-*')
[ -d "$source" ] || { echo "agent-deps: no source tree after apt-get source zeromq3" >&2; exit 1; }

mkdir -p "$(dirname "$prefix")"
made=$(mktemp -d "$prefix.XXXXXX")
cmake -S "$source" -B "$work/build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS="-ffunction-sections -fdata-sections" \
    -DCMAKE_CXX_FLAGS="-ffunction-sections -fdata-sections" \
    -DCMAKE_INSTALL_PREFIX="$made" -DCMAKE_INSTALL_LIBDIR=lib \
    -DBUILD_STATIC=ON -DBUILD_SHARED=OFF -DBUILD_TESTS=OFF -DENABLE_DRAFTS=OFF \
    -DWITH_LIBSODIUM=OFF -DENABLE_CURVE=OFF -DWITH_OPENPGM=OFF -DWITH_NORM=OFF -DWITH_VMCI=OFF \
    -DWITH_TLS=OFF -DENABLE_WS=OFF -DWITH_LIBBSD=OFF -DWITH_PERF_TOOL=OFF -DWITH_DOCS=OFF \
    -DENABLE_CPACK=OFF > "$work/configure.log" 2>&1 || { tail -n 30 "$work/configure.log" >&2; exit 1; }
ninja -C "$work/build" -j"$(nproc)" install > "$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log" >&2; exit 1; }

# What was left out must really be out: a stray symbol would surface only when the agent is linked.
unwanted=$(nm -u "$made/lib/libzmq.a" 2>/dev/null | sed -n 's/^ *U //p' |
    grep -E '^(gss_|krb5_|Norm[A-Z]|pgm_|sodium_|crypto_|gnutls_)' | sort -u || true)
[ -z "$unwanted" ] || { echo "agent-deps: libzmq.a still wants: $unwanted" >&2; exit 1; }
rm -rf "${made:?}/lib/pkgconfig" "${made:?}/lib/cmake" "${made:?}/share" "${made:?}/bin"
echo "$key" > "$made/.agent-deps"
chmod 755 "$made"
rm -rf "$prefix"
mv "$made" "$prefix"
made=
