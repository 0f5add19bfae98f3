#!/bin/bash
# Makes the virtual environment of the tests, once for each content of requirements.txt, and prints its path.
# It stands in the cache, outside the tree: ${KERNELGW_CACHE:-/var/cache/kernelgw}/venv-tests-STAMP, so that two trees
# with other requirements don't take each other's away. A second call takes milliseconds. Two at once are safe: one waits.
#
# usage: venv.sh                     the tests' own
#        venv.sh NAME REQUIREMENTS   another, for a server whose dependencies don't go with those
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=${1:-tests}
requirements=${2:-$here/requirements.txt}
cache=${KERNELGW_CACHE:-/var/cache/kernelgw}

# Debian's own interpreter first: what else is first in PATH may lack ensurepip or be moved away later.
python=
for candidate in /usr/bin/python3 "$(command -v python3 || true)"; do
    if [ -n "$candidate" ] && "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "tests/venv.sh: no python3 with the venv module; on Debian: apt-get install python3-venv" >&2
    exit 1
fi

# The interpreter is part of the stamp: a venv does not outlive a change of its version.
stamp=$({ "$python" -VV; cat "$requirements"; } | sha256sum | cut -d' ' -f1)

mkdir -p "$cache"
venv=$cache/venv-$name-${stamp:0:16}
exec 9>"$venv.lock"
flock 9
if [ ! -e "$venv/.complete" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/pip" install --quiet --progress-bar off -r "$requirements" >&2
    touch "$venv/.complete"
fi
echo "$venv"
