#!/bin/bash
# vhost.sh BUILD: the NIC on a real vhost-net and a real TAP, in the bed, whose kernel has both: the unit test of it, which
# is skipped where there is none.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
cache=$(cd "$here/../../.." && pwd)/build/bed
# shellcheck source=tests/interop/kernel.sh
. "$here/../kernel.sh"
fetch_kernel || exit
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
add_program "$w/files" "$build/tests/unit/datapath/test_vhost_tap"
BED_FILES=$w/files "$here/bed.sh" "$build" 'LD_LIBRARY_PATH=files/usr/lib/x86_64-linux-gnu files/usr/bin/test_vhost_tap' |
	tee "$w/said"
if grep -q '^100%: Checks: [1-9]' "$w/said"; then
	echo "ok vhost"
	echo "= 1 passed, 0 failed, 0 skipped"
else
	echo "FAIL vhost"
	echo "= 0 passed, 1 failed, 0 skipped"
	exit 1
fi
