#!/usr/bin/env bash
# The Cython core built with AddressSanitizer, UBSan and bounds checks in a copy of the tree, and the tests that try to break it.
# Usage: scripts/asan.sh ENVIRONMENT
set -eu
cd "$(dirname "$0")/.."
python=$PWD/$1/bin/python
"$PWD/scripts/compiler.sh" "$python"
runtime=$(gcc -print-file-name=libasan.so)
if [ ! -e "$runtime" ]; then
    echo "asan: SKIPPED, gcc's libasan isn't here (apt-get install libasan8)"
    exit 0
fi

tree=$PWD/build/asan
mkdir -p "$tree"
rm -rf "$tree/tests" # what an earlier run left behind is not to be tested
git ls-files --cached --others --exclude-standard | grep -Ev '^(benchmarks|docs|examples)/' | while read -r name; do
    if [ -f "$name" ]; then install -D -p -m 644 "$name" "$tree/$name"; fi
done
cd "$tree"
log=$tree/build.log
BURGEE_SANITIZE=address,undefined "$python" setup.py --quiet build_ext --inplace >"$log" 2>&1 || { tail -40 "$log" >&2 && exit 1; }

echo "asan: proving that the sanitizers are in"
module=$(ls evaluator/_fast/_core.*.so)
nm -D "$module" | grep -q __asan_report || { echo "asan: $module has no sanitizer in it" >&2 && exit 1; }

export LD_PRELOAD=$runtime PYTHONMALLOC=malloc EVALUATOR_IMPL=fast PYTHONPATH=$tree
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export BURGEE_SPOILED=${BURGEE_SPOILED:-2000} BURGEE_PARITY_PAIRS=${BURGEE_PARITY_PAIRS:-3000} BURGEE_FUZZ=${BURGEE_FUZZ:-400}
loaded=$("$python" -c 'import evaluator._fast.evaluator as m; print(m.__file__)')
case "$loaded" in "$tree"/*) ;; *) echo "asan: $loaded was loaded, not the sanitized build" >&2 && exit 1 ;; esac
"$python" -m pytest -q -p no:cacheprovider -p no:xdist -p no:cov tests/parity tests/fuzz
