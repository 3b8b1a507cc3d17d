#!/usr/bin/env bash
# Compiles the Cython core in place and puts the `burgee` command into the environment.
# BURGEE_PURE=1 does without the compiler. Usage: scripts/build.sh [ENVIRONMENT]
set -eu
cd "$(dirname "$0")/.."
environment=${1:-.venv}
python=$PWD/$environment/bin/python

if [ "${BURGEE_PURE:-}" = 1 ]; then
    echo "burgee: BURGEE_PURE=1, so the pure Python core it is; nothing is compiled"
else
    scripts/compiler.sh "$python"
    echo "burgee: compiling the Cython core"
    log=$environment/build.log
    "$python" setup.py build_ext --inplace >"$log.new" 2>&1 || { tail -40 "$log.new" >&2 && exit 1; }
    if [ ! -e "$log" ] || grep -q -e ' -c ' "$log.new"; then mv "$log.new" "$log"; fi # the log of the last real compilation
fi

# A plain path file, not an import hook: the cold path is measured in this environment, and a hook would import modules into it.
site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf '%s\n' "$PWD" >"$site/burgee.pth"
printf '#!%s\nimport sys\n\nfrom burgee.__main__ import main\n\nsys.exit(main())\n' "$python" >"$environment/bin/burgee"
chmod +x "$environment/bin/burgee"

if [ "${BURGEE_PURE:-}" = 1 ]; then wanted=pure; else wanted=fast; fi
EVALUATOR_IMPL=$wanted "$python" -c 'import evaluator; print("burgee: ready, the", evaluator.IMPLEMENTATION, "core")'
