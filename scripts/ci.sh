#!/usr/bin/env bash
# The whole check, leg by leg. Every leg first proves that it tests what its name says; a failed leg doesn't stop the others.
# The last line is the summary line of the main test run, as pytest wrote it. Usage: scripts/ci.sh [LEG …], all without one.
#
# Most legs keep JOBS processes busy and run one after the other, `here`. Those that are one process, or wait for an index of
# packages, run meanwhile `beside` them, also one after the other: what such a leg says is kept and printed whole, when it has
# ended and a leg `here` has too. With JOBS=1 there is no beside.
set -u
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
python=$PWD/$VENV/bin/python
logs=$(mktemp -d)
aside=""   # the process that runs the legs beside
wanted=" $* "
export VENV JOBS
export PYTHONHASHSEED=${PYTHONHASHSEED:-random}

finish() { # also when it is interrupted: nothing stays behind
    [ -z "$aside" ] || kill -TERM -- "-$aside" 2>/dev/null
    rm -rf "$logs"
}
trap finish EXIT

named() { [[ "$wanted" == *" $1 "* ]]; }

# --- where legs run ---------------------------------------------------------------------------------------------------

declare -A places commands
names=()

leg() { # leg NAME PLACE COMMAND…, the place one of: first, here, early, beside, alone
    names+=("$1")
    places[$1]=$2
    commands[$1]="${*:3}"
}

chosen() { # chosen PLACE: the legs there that were asked for
    local name
    for name in "${names[@]}"; do
        if [ "${places[$name]}" = "$1" ] && { [ "$wanted" = "  " ] || named "$name"; }; then echo "$name"; fi
    done
}

run() { # run NAME: what it says, and how it ended
    local name=$1 start=$SECONDS status=0
    printf '\n=== %s\n' "$name"
    # shellcheck disable=SC2086 # a command's words
    ${commands[$name]} 2>&1 || status=$?
    printf -- '--- %s: %s, %d s\n' "$name" "$([ $status -eq 0 ] && echo ok || echo FAILED)" $((SECONDS - start))
    echo $status >"$logs/$name.status"
}

here() { # here LEG…: one after the other; each followed by what has ended beside it
    local name
    for name; do
        run "$name" > >(tee "$logs/$name.log")
        settle $!
        touch "$logs/$name.told"
        tell
    done
}

settle() { # settle PROCESS: until it has written all; not for ever, should a leg have left somebody behind who holds its output
    local tries
    for ((tries = 0; tries < 20; tries++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
}

beside() { # the legs that need no environment; then, when there is one, the others
    local name
    for name in $(chosen early); do run "$name" >"$logs/$name.log" </dev/null; done
    until [ -e "$logs/ready" ]; do sleep 0.2; done
    for name in $(chosen beside); do run "$name" >"$logs/$name.log" </dev/null; done
}

tell() { # prints the legs beside that have ended since
    local name
    for name in $(chosen early) $(chosen beside); do
        if [ -e "$logs/$name.status" ] && [ ! -e "$logs/$name.told" ]; then
            cat "$logs/$name.log"
            touch "$logs/$name.told"
        fi
    done
}

# --- what they are -----------------------------------------------------------------------------------------------------

summary() { grep -E '[0-9]+ (passed|failed|error)' "$logs/$1.log" 2>/dev/null | tail -1; }

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
    # Meanwhile the leg `deployed` may be installing ministack; what needs it is that leg's.
    BURGEE_MINISTACK=none BURGEE_CORE=fast BURGEE_PARITY_PAIRS=5000 BURGEE_SPOILED=1000 BURGEE_FUZZ=300 BURGEE_MODEL=40 PYTEST_ADDOPTS="--cov --cov-report= --durations=15 --durations-min=10" bash -c "$command"
}

coverage_leg() {
    "$python" -m coverage json -q -o "$VENV/coverage.json" && "$python" -m coverage report --sort=cover | tail -15
    "$python" scripts/coverage_gate.py "$VENV/coverage.json" evaluator=90 config_sync=90 handlers=90
}

pure_leg() { # what `import evaluator` is used by; the tests of both cores, and a thousand schedules of faults, ran above
    BURGEE_CORE=pure EVALUATOR_IMPL=pure BURGEE_FAULTS=200 make test ARGS="tests/evaluator tests/handlers tests/faults tests/golden tests/conformance"
}

# older_leg VERSION: the same suite on an older Python, where there is one. Left out is what that Python has no part in: the rules
# of the repository, the templates that Node.js makes, and the proofs that the model finds mistakes and misses no step (its schedules
# run).
older_leg() {
    local version=$1 older
    if ! older=$(scripts/python.sh "$version" 2>/dev/null); then
        echo "SKIPPED: no Python $version on this machine"
        ! named "python-$version" # asked for by name, it has to be there
        return
    fi
    BURGEE_PYTHON=$older make VENV="build/python-$version" build || return 1
    "build/python-$version/bin/python" -c 'import sys; assert "%d.%d" % sys.version_info[:2] == sys.argv[1]; print(sys.version)' "$version" || return 1
    local without="tests/architecture tests/infra tests/model/test_mutations.py tests/model/test_every_step.py"
    BURGEE_CORE=fast BURGEE_PARITY_PAIRS=3000 BURGEE_SPOILED=500 BURGEE_FUZZ=100 BURGEE_FAULTS=200 BURGEE_MODEL=40 \
        make VENV="build/python-$version" test ARGS="$(printf -- '--ignore=%s ' $without)"
}

leg setup first setup_leg
leg build first build_leg
leg wheels early make wheels
leg lint beside make lint
leg types beside make types
leg asan beside make asan
leg arm64 beside make arm64 ARGS=--again
leg deployed beside make deployed
leg python-3.11 here older_leg 3.11
leg test here test_leg
leg coverage here coverage_leg
leg pure here pure_leg
leg parity here make parity
leg fuzz here make fuzz
leg model here make model
leg bench-gate alone make bench-gate
# Only by name: `test` runs the same tests on the same core, in the same way.
if named golden; then leg golden here make golden; fi
if named conformance; then leg conformance here make conformance; fi
# Only by name: the oldest and the newest leave little for it to find, and it takes as long as they do.
if named python-3.12; then leg python-3.12 here older_leg 3.12; fi

failed=()
for name in $wanted; do
    [[ " ${names[*]} " == *" $name "* ]] || { echo "scripts/ci.sh has no leg $name" && failed+=("$name"); }
done

if [ "$JOBS" -gt 1 ]; then
    set -m # a group of its own, which can be ended as a whole, and in which Ctrl-C isn't ignored
    beside &
    aside=$!
    set +m
fi
here $(chosen first)
touch "$logs/ready"
[ -n "$aside" ] || here $(chosen early) $(chosen beside)
here $(chosen here)
[ -z "$aside" ] || wait "$aside"
aside=""
tell
here $(chosen alone) # it compares times, and counts on a machine that has nothing else to do

for name in $(chosen first) $(chosen early) $(chosen beside) $(chosen here) $(chosen alone); do
    [ "$(cat "$logs/$name.status" 2>/dev/null)" = 0 ] || failed+=("$name") # one that hasn't come to its end has failed, too
done
printf '\n%d s in all. ' "$SECONDS"
if [ ${#failed[@]} -eq 0 ]; then echo "All legs passed."; else echo "FAILED: ${failed[*]}"; fi
summary test
[ ${#failed[@]} -eq 0 ]
