#!/usr/bin/env bash
# The whole check, leg by leg. Every leg first proves that it tests what its name says; a failed leg doesn't stop the others.
# The last line is the summary line of the main test run, as pytest wrote it. Usage: scripts/ci.sh [LEG …], all without one.
set -u
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
python=$PWD/$VENV/bin/python
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
failed=()
wanted=" $* "
known=" "
export VENV JOBS
export PYTHONHASHSEED=${PYTHONHASHSEED:-random}

named() { [[ "$wanted" == *" $1 "* ]]; }

leg() { # leg NAME COMMAND…
    local name=$1 start=$SECONDS status=0
    shift
    known+="$name "
    [ "$wanted" = "  " ] || named "$name" || return 0
    printf '\n=== %s\n' "$name"
    "$@" > >(tee "$logs/$name") 2>&1 || status=$?
    [ $status -eq 0 ] || failed+=("$name")
    printf -- '--- %s: %s, %d s\n' "$name" "$([ $status -eq 0 ] && echo ok || echo FAILED)" $((SECONDS - start))
    return 0
}

summary() { grep -E '[0-9]+ (passed|failed|error)' "$logs/$1" 2>/dev/null | tail -1; }

setup_leg() {
    make setup && "$python" -c 'import sys; print(sys.version); sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
}

build_leg() { # the core that loads is the one just built, with the optimisation and the arithmetic that the twins rely on
    make build || return 1
    EVALUATOR_IMPL=fast "$python" -c 'import evaluator; assert evaluator.IMPLEMENTATION == "fast"; print("core:", evaluator.IMPLEMENTATION)' &&
        for flag in -O2 -ffp-contract=off; do
            grep -q -- "$flag" "$VENV/build.log" || { echo "the core wasn't compiled with $flag" && return 1; }
        done
}

test_leg() { # the README's own test command, with coverage switched on from outside; parity and asan go deeper in their own legs
    local command
    command=$(grep -A2 -F '<!-- test command -->' README.md | grep -E '^make ' | head -1)
    [ -n "$command" ] || { echo "README.md names no test command" && return 1; }
    rm -f .coverage .coverage.*
    BURGEE_CORE=fast BURGEE_PARITY_PAIRS=5000 BURGEE_SPOILED=1000 BURGEE_FUZZ=300 BURGEE_MODEL=40 PYTEST_ADDOPTS="--cov --cov-report=" bash -c "$command"
}

coverage_leg() {
    "$python" -m coverage json -q -o "$VENV/coverage.json" && "$python" -m coverage report --sort=cover | tail -15
    "$python" scripts/coverage_gate.py "$VENV/coverage.json" evaluator=90 config_sync=90 handlers=90
}

pure_leg() { # what `import evaluator` is used by; the tests of both cores ran above
    BURGEE_CORE=pure EVALUATOR_IMPL=pure make test ARGS="tests/evaluator tests/handlers tests/faults tests/golden tests/conformance"
}

older_leg() { # older_leg VERSION: the same suite on an older Python, where there is one
    local version=$1 older
    if ! older=$(scripts/python.sh "$version" 2>/dev/null); then
        echo "SKIPPED: no Python $version on this machine"
        ! named "python-$version" # asked for by name, it has to be there
        return
    fi
    BURGEE_PYTHON=$older make VENV="build/python-$version" build || return 1
    "build/python-$version/bin/python" -c 'import sys; assert "%d.%d" % sys.version_info[:2] == sys.argv[1]; print(sys.version)' "$version" || return 1
    BURGEE_CORE=fast BURGEE_PARITY_PAIRS=3000 BURGEE_SPOILED=500 BURGEE_FUZZ=100 BURGEE_FAULTS=200 BURGEE_MODEL=40 make VENV="build/python-$version" test ARGS="--ignore=tests/architecture --ignore=tests/infra"
}

leg setup setup_leg
leg lint make lint
leg build build_leg
leg types make types
leg test test_leg
leg coverage coverage_leg
leg pure pure_leg
leg parity make parity
leg golden make golden
leg fuzz make fuzz
leg model make model
leg conformance make conformance
leg bench-gate make bench-gate
leg asan make asan
leg arm64 make arm64 ARGS=--again
leg wheels make wheels
leg deployed make deployed
leg python-3.11 older_leg 3.11
# Only by name: the oldest and the newest leave little for it to find, and it takes as long as they do.
if named python-3.12; then leg python-3.12 older_leg 3.12; fi

for name in $wanted; do
    [[ "$known" == *" $name "* ]] || { echo "scripts/ci.sh has no leg $name" && failed+=("$name"); }
done

printf '\n%d s in all. ' "$SECONDS"
if [ ${#failed[@]} -eq 0 ]; then echo "All legs passed."; else echo "FAILED: ${failed[*]}"; fi
summary test
[ ${#failed[@]} -eq 0 ]
