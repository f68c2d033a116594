#!/bin/bash
# check.sh BUILD: everything that is judged in the bed, with one sum: Linux guests from an initial RAM disk, and then those
# from a disk beside the NIC on vhost-net.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$here/../../../build/bed
# shellcheck source=tests/interop/kernel.sh
. "$here/../kernel.sh"
if ! why=$(fetch_kernel); then
	echo "skip bed: $why"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
{
	"$here/linux.sh" "$1"
	"$here/disk.sh" "$1" &
	"$here/vhost.sh" "$1" &
	wait
} | "$here/../../e2e/sum.sh" bed 4 # linux.sh has two parts
