#!/bin/bash
# Installs @jupyterlab/services, once for each content of package-lock.json, in the cache; prints the path of node and that of the
# folder to run life.mjs in. Two calls at once are safe: the second waits.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
node=$("$here/../../../../client/build.sh" sh -c 'command -v node')
cache=${KERNELGW_CACHE:-/var/cache/kernelgw}/services
packages=$cache/$(cat "$here/package-lock.json" "$here/.npmrc" | sha256sum | cut -c1-16)

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [ ! -d "$packages/node_modules" ]; then
    rm -rf "$packages.new"
    mkdir "$packages.new"
    cp "$here"/{package.json,package-lock.json,.npmrc} "$packages.new"
    (cd "$packages.new" && PATH=$(dirname "$node"):$PATH "$node" "$(dirname "$node")/../lib/node_modules/npm/bin/npm-cli.js" ci --no-progress >&2)
    mv "$packages.new" "$packages"
fi
echo "$node"
echo "$packages"
