#!/usr/bin/env bash
# An environment of its own for what builds bundles and wheels, from the lock file: other versions would give other bytes.
# It is of Python 3.13, whose headers and byte code the bundles are made with. Usage: scripts/tools.sh ENVIRONMENT
set -eu
cd "$(dirname "$0")/.."
environment=$1
python=$(scripts/python.sh 3.13) || { echo "burgee: bundles are built with Python 3.13, which Lambda runs" >&2 && exit 1; }
if ! "$environment/bin/python" -c 'import sys, pip; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    "$python" -m venv --clear "$environment"
fi
echo "burgee: installing what builds bundles into $environment (some 400 MB: a C compiler for every Linux)"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement locks/bundle.txt
