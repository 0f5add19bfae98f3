#!/bin/bash
# Runs one suite of end-to-end tests in the tests' environment: run_pytest.sh SUITE [pytest's arguments].
# Results go to $KERNELGW_RESULTS where set (tests/results_plugin.py) and, as JUnit XML, beside it.
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=$1
shift
venv=$("$tests/venv.sh")

junit=()
if [ -n "${KERNELGW_RESULTS:-}" ]; then
    junit=(--junitxml "${KERNELGW_RESULTS%.*}-$suite.xml")
fi
cd "$tests"
# Kernels' and clients' own settings of the person who runs the tests stay out.
export JUPYTER_CONFIG_DIR=/nonexistent JUPYTER_PLATFORM_DIRS=1 PYTHONPATH=$tests PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" -m pytest -c "$tests/pytest.ini" -p no:cacheprovider "${junit[@]}" "$suite" "$@"
