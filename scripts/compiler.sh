#!/usr/bin/env bash
# Exits 0 if the given Python's C extensions can be compiled here; else says what is missing and how to install it, and exits 1.
# Usage: scripts/compiler.sh PYTHON
set -u
python=$1
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')

compiler=""
for candidate in ${CC:-} cc gcc clang; do
    if command -v "$candidate" >/dev/null 2>&1; then compiler=$candidate && break; fi
done

complain() { # complain WHAT APT DNF
    cat >&2 <<END
burgee: the Cython core can't be compiled: $1. Install it:
    apt-get install $2       (Debian, Ubuntu)
    dnf install $3           (Fedora, RHEL)
Or go on with the pure Python core, which gives the same answers much more slowly: put BURGEE_PURE=1 before the command.
END
    exit 1
}

[ -n "$compiler" ] || complain "there is no C compiler (gcc or clang)" "gcc libc6-dev python$version-dev" "gcc python$version-devel"
[ -f "$include/Python.h" ] || complain "Python $version's headers (Python.h) are not in $include" "python$version-dev" "python$version-devel"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '#include <Python.h>\nint main(void) { return 0; }\n' >"$scratch/try.c"
"$compiler" -I"$include" -c "$scratch/try.c" -o "$scratch/try.o" 2>"$scratch/errors" || {
    head -5 "$scratch/errors" >&2
    complain "$compiler does not compile a file that includes Python.h" "gcc libc6-dev python$version-dev" "gcc glibc-devel python$version-devel"
}
