#!/bin/sh
# qemu.sh BUILD_DIR: the same guest on QEMU's device: our driver is proven on a device that we did not write.
set -u
build=$1
here=$(dirname "$0")
# shellcheck source=tests/e2e/table.sh
. "$here/table.sh"

if command -v qemu-system-x86_64 >/dev/null; then
	table qemu "$build/tapvm" selftest --with qemu
else
	skip qemu "no qemu-system-x86_64: 'make check-e2e' installs it"
fi
# Without it there is a word, and no table.
PATH=/nowhere "$build/tapvm" selftest --with qemu >"$out" 2>&1
rc=$?
if [ $rc = 4 ] && grep -q 'qemu-system-x86_64 was not found' "$out"; then ok no-qemu-word
else bad no-qemu-word "status $rc: $(cat "$out")"; fi
sum_up
