#!/usr/bin/env bash
# The bundles' arm64 code on an arm64 Python 3.13, emulated: what the compiled core answers is compared with what the pure core
# answers here, every bundle's modules are imported, and the flags function answers requests. Run by `make arm64`, after `make bundle`.
# Needs Debian's qemu-user-static and debootstrap, which root installs (BURGEE_SUDO=1: sudo does); without them it says SKIPPED,
# and why. Usage: scripts/arm64.sh ENVIRONMENT
set -eu
cd "$(dirname "$0")/.."
python=$PWD/$1/bin/python place=$PWD/build/arm64 root=$PWD/build/arm64/root
suite=trixie # its Python is 3.13

rooted() { if [ "$(id -u)" = 0 ]; then "$@"; elif [ "${BURGEE_SUDO:-}" = 1 ]; then sudo --non-interactive "$@"; else return 1; fi; }

skip() { echo "arm64: SKIPPED: $1" && exit 0; }

if ! command -v qemu-aarch64-static >/dev/null || { ! command -v debootstrap >/dev/null && [ ! -e "$root/.made" ]; }; then
    rooted true || skip "qemu-user-static and debootstrap aren't installed (apt-get install qemu-user-static debootstrap)"
    command -v apt-get >/dev/null || skip "there is no apt-get to install qemu-user-static and debootstrap with"
    echo "arm64: installing qemu-user-static and debootstrap"
    mkdir -p "$place"
    { rooted apt-get update -qq && rooted env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        qemu-user-static debootstrap debian-archive-keyring; } >"$place/apt.log" 2>&1 || skip "apt-get can't install them: $(tail -1 "$place/apt.log")"
fi

if [ ! -e "$root/.made" ]; then # unpacked, not installed: nothing in it is ever run but Python
    echo "arm64: unpacking an arm64 Debian $suite with its Python into $root"
    rooted true || skip "only root can run debootstrap"
    rooted rm -rf "$root" "$place/packages" && mkdir -p "$root"
    rooted debootstrap --arch=arm64 --foreign --variant=minbase --include=python3,python3.13,libpython3.13,libstdc++6 \
        "$suite" "$place/packages" >"$place/debootstrap.log" 2>&1 || skip "debootstrap: $(tail -1 "$place/debootstrap.log")"
    for package in "$place"/packages/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$root"; done
    rooted rm -rf "$place/packages"
    touch "$root/.made"
fi

# The cores of Lambda's arm64 (Graviton2). The emulator's own choice has pointer authentication, which Debian's Python uses at every
# call: computing that takes it several times as long as all the rest.
arm64() { qemu-aarch64-static -cpu neoverse-n1 -L "$root" "$root/usr/bin/python3.13" -B "$@"; }
export -f arm64
export root place
arm64 -c 'import sys, platform; sys.exit((sys.version_info[:2], platform.machine()) != ((3, 13), "aarch64"))'

for zip in build/bundles/*.zip; do
    name=$(basename "$zip" .zip)
    rm -rf "${place:?}/$name" && "$python" -m zipfile -e "$zip" "$place/$name"
done
"$python" -m tests.arm64.write "$place/questions.pickle"
rm -rf "$place/store" && "$python" -m burgee publish examples --store "$place/store" >/dev/null

arm64 tests/arm64/ask.py "$place/questions.pickle" "$place/flags" aarch64
"$python" tests/arm64/load.py answer . "$place/store" "$place/expected.txt" >/dev/null
arm64 tests/arm64/load.py answer "$place/flags" "$place/store" "$place/found.txt" >/dev/null
cmp "$place/expected.txt" "$place/found.txt"
echo "the flags function: $(grep -c ' 200 ' "$place/found.txt") requests answered as here"
printf '%s\n' build/bundles/*.zip | sed 's|.*/||; s|\.zip$||' | xargs -P "$(nproc)" -I NAME \
    bash -eu -c 'arm64 tests/arm64/load.py import "$place/NAME" build/bundles/NAME.json aarch64'
