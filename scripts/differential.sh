#!/usr/bin/env bash
# Asks a vendor's own engine and ours the same random questions, in an environment that is made for it: the vendors' pins differ.
# Usage: scripts/differential.sh ENVIRONMENT DIALECT [ARGUMENT …]     (the arguments of `python -m tests.differential`)
set -eu
cd "$(dirname "$0")/.."
environment=$1 dialect=$2
shift 2
python=$environment/bin/python place=build/differential-$dialect
mapfile -t wanted < <("$python" -m tests.differential "$dialect" --requirements; "$python" scripts/requirements.py compiler)
if [ "$(cat "$place/.wanted" 2>/dev/null)" != "${wanted[*]}" ]; then # the same Python: it loads the core that was built
    echo "burgee: installing ${wanted[0]} and what the compiler needs into $place"
    "$python" -m venv --clear "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check "${wanted[@]}"
    echo "${wanted[*]}" >"$place/.wanted"
fi
exec "$place/bin/python" -m tests.differential "$dialect" "$@"
