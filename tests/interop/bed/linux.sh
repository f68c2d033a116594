#!/bin/bash
# linux.sh BUILD: stock Linux guests under tapvm, in the bed: Debian's cloud kernel, unmodified, with a busybox. The host
# in the bed and the guest have the same kernel.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
cache=$(cd "$here/../../.." && pwd)/build/bed
# shellcheck source=tests/interop/kernel.sh
. "$here/../kernel.sh"
if ! why=$(fetch_kernel); then
	echo "skip linux $why"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
mkdir "$w/files"
bare_tree "$w/tree"
add_program "$w/tree" "$(command -v busybox)"
add_modules "$w/tree" virtio_mmio virtio_pci virtio_net pvpanic-mmio
cp "$here/guest-init" "$w/tree/init"
pack "$w/tree" "$w/files/initrd"
cp "$cache"/kernel/boot/vmlinuz-* "$w/files/vmlinuz"
cp "$here/linux-cases.sh" "$w/files/"
BED_FILES=$w/files BED_TIMEOUT=${BED_TIMEOUT:-300} "$here/bed.sh" "$build" 'bash files/linux-cases.sh' | tee "$w/said"
grep -qE '^[0-9]+ passed, [0-9]+ failed, 0 skipped$' "$w/said" ||
	{ echo "FAIL linux did not come to its end"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
! grep -q '^FAIL' "$w/said"
