#!/usr/bin/env bash
# The stubs of the compiled modules against the modules themselves. Usage: scripts/stubs.sh ENVIRONMENT
set -eu
cd "$(dirname "$0")/.."
if [ "${BURGEE_PURE:-}" = 1 ]; then
    echo "stubs: not checked, the Cython core isn't built (BURGEE_PURE=1)"
    exit 0
fi
modules=$(cd evaluator/_fast && for stub in *.pyi; do [ "$stub" = __init__.pyi ] || printf 'evaluator._fast.%s ' "${stub%.pyi}"; done)
# shellcheck disable=SC2086 # one word per module
exec "$1/bin/python" -m mypy.stubtest --concise --allowlist scripts/stubtest.allow --ignore-unused-allowlist $modules
