#!/usr/bin/env bash
# An environment of its own from a lock file and nothing else, checked by hash: for what builds bundles and wheels (other versions
# would give other bytes), and for what deploys them (it holds a role on AWS). It is of Python 3.13, whose headers and byte code the
# bundles are made with. Usage: scripts/tools.sh ENVIRONMENT LOCK
set -eu
cd "$(dirname "$0")/.."
environment=$1
lock=locks/$2.txt
python=$(scripts/python.sh 3.13) || { echo "burgee: bundles are built with Python 3.13, which Lambda runs" >&2 && exit 1; }
if ! "$environment/bin/python" -c 'import sys, pip; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    "$python" -m venv --clear "$environment"
fi
echo "burgee: installing $(grep -c == "$lock") locked distributions into $environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
