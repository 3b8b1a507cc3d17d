#!/usr/bin/env bash
# Prints the newest Python of 3.13, 3.12 and 3.11 that really runs; exits 1 and says what to install if there is none.
# A candidate is tried by running it: a pyenv shim with the right name may refuse to start.
# Usage: scripts/python.sh [VERSION …]     BURGEE_PYTHON=/path/to/python names one outright.
set -u
versions=("$@")
[ ${#versions[@]} -gt 0 ] || versions=(3.13 3.12 3.11)
found_without_venv=""

runs() { # runs EXECUTABLE VERSION: prints the real executable if it is that version
    "$1" -c 'import sys; v = "%d.%d" % sys.version_info[:2]; ok = v == sys.argv[1] and sys.implementation.name == "cpython"
print(sys.executable) if ok else sys.exit(1)' "$2" 2>/dev/null
}

makes_environments() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }

shim_root() { # shim_root VERSION: pyenv's folder, told from where its shim lies
    local shim
    shim=$(command -v "python$1" || command -v pyenv || true)
    case "$shim" in */shims/*) printf '%s' "${shim%/shims/*}" ;; */bin/pyenv) printf '%s' "${shim%/bin/pyenv}" ;; esac
}

candidates() { # candidates VERSION: places to look, likeliest first
    printf '%s\n' "python$1"
    for root in "${PYENV_ROOT:-$HOME/.pyenv}" "$(shim_root "$1")"; do
        printf '%s\n' "$root"/versions/"$1"*/bin/python | sort -rV
    done
    printf '%s\n' "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-"$1"*/bin/python3 | sort -rV
    printf '%s\n' /usr/local/bin/python"$1" /opt/homebrew/bin/python"$1" /usr/bin/python"$1" python3 python
}

if [ -n "${BURGEE_PYTHON:-}" ]; then
    versions=("$("$BURGEE_PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
    candidates() { printf '%s\n' "$BURGEE_PYTHON"; }
fi

for version in "${versions[@]}"; do
    while read -r candidate; do
        executable=$(runs "$candidate" "$version") || continue
        if makes_environments "$executable"; then
            printf '%s\n' "$executable"
            exit 0
        fi
        found_without_venv="${found_without_venv:-$version}"
    done < <(candidates "$version")
done

if [ -n "$found_without_venv" ]; then
    echo "burgee: Python $found_without_venv is here, but its venv/ensurepip modules are not. Install them:" >&2
    echo "    apt-get install python$found_without_venv-venv" >&2
else
    echo "burgee: no working Python of ${versions[*]} was found. Install one, with its headers:" >&2
    echo "    apt-get install python3 python3-venv python3-dev       (Debian, Ubuntu)" >&2
    echo "    dnf install python3.13 python3.13-devel                (Fedora, RHEL)" >&2
    echo "or point BURGEE_PYTHON at one." >&2
fi
exit 1
