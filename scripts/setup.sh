#!/usr/bin/env bash
# Makes .venv with the newest usable Python and installs what pyproject.toml names. Nothing is compiled here: see build.sh.
# Usage: scripts/setup.sh [ENVIRONMENT] [VERSION …]
set -eu
cd "$(dirname "$0")/.."
environment=${1:-.venv}
shift || true

if ! "$environment/bin/python" -c 'import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    python=$(scripts/python.sh "$@")
    echo "burgee: making $environment with $("$python" --version)"
    "$python" -m venv --clear "$environment"
fi

extras=${BURGEE_EXTRAS:-compiler serve openfeature dev}
# shellcheck disable=SC2086 # one word per extra
mapfile -t wanted < <("$environment/bin/python" scripts/requirements.py $extras)
echo "burgee: installing ${#wanted[@]} requirements into $environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "${wanted[@]}"
# pip would compile all of it, one file after the other: 370 MB of source, half of it CDK's 350 services, of which we use 20. What is
# left out here is compiled when it is first imported.
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$environment/bin/python" -m compileall -q -j 0 -x '/(aws_cdk|sympy|tests?)/' "$site" >/dev/null 2>&1 || true # templates aren't Python

# CDK is a program of Node.js with a Python face. Without it everything works but `make synth` and tests/infra's templates, which say so.
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20)' 2>/dev/null; then
    echo "burgee: there is no Node.js 20 or newer here: the infrastructure can't be synthesised (apt-get install nodejs, dnf install nodejs)"
fi
