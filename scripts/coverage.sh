#!/usr/bin/env bash
# The tests with branch coverage, and the floor under it. The core in use is that of EVALUATOR_IMPL, or the built one.
# Usage: scripts/coverage.sh ENVIRONMENT JOBS
set -eu
cd "$(dirname "$0")/.."
python=$PWD/$1/bin/python
rm -f .coverage .coverage.*
status=0
"$python" -m pytest -n "$2" -q --cov --cov-report= || status=$?
"$python" -m coverage json -q -o "$1/coverage.json"
"$python" -m coverage report --sort=cover | tail -25
"$python" scripts/coverage_gate.py "$1/coverage.json" evaluator=90 config_sync=90 || status=1
exit $status
