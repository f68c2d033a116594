#!/bin/bash
# linux.sh BUILD: stock Linux guests under tapvm, in the bed: Debian's cloud kernel, unmodified, with a busybox. The host
# in the bed and the guest have the same kernel. The rows are linux-cases.sh's, in two parts, each with a last line.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
build=$(cd "$1" && pwd)
cache=$root/build/bed
# shellcheck source=tests/interop/kernel.sh
. "$here/../kernel.sh"
fetch_kernel || exit
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
mkdir "$w/files"
bare_tree "$w/tree"
for program in busybox iperf3 ethtool "$build/e2e/kexec"; do add_program "$w/tree" "$(command -v "$program")"; done
add_modules "$w/tree" virtio_mmio virtio_pci virtio_net virtio_blk virtio-rng pvpanic-mmio 8021q
cp "$here/../guest-init" "$w/tree/init"
cp "$here/../guest-dhcp" "$w/tree/dhcp"
cp "$here/../../e2e/wait.sh" "$w/tree/wait.sh"
pack "$w/tree" "$w/files/initrd.img"
cp "$cache"/kernel/boot/vmlinuz-* "$w/files/vmlinuz"
cp "$cache"/kernel/boot/config-* "$w/files/config"
cp "$here/linux-cases.sh" "$here/linux-steps.sh" "$here/../talk.sh" "$here/../steps.sh" "$w/files/"
# The README's way to boot a kernel like this one.
# shellcheck disable=SC2016
sed -n 's/.*`\(build\/tapvm run vmlinuz [^`]*\)`.*/\1/p' "$root/README.md" >"$w/files/readme"
# For the rows of QEMU's.
for rom in seabios/bios-256k.bin qemu/linuxboot_dma.bin qemu/kvmvapic.bin; do cp /usr/share/$rom "$w/files/"; done
# Each has one processor, so there are two of them.
beds=2
for ((part = 0; part < beds; part++)); do
	BED_FILES=$w/files BED_PROGRAMS="qemu-system-x86_64 dnsmasq nft" BED_TIMEOUT=${BED_TIMEOUT:-900} \
		"$here/bed.sh" "$build" "bash files/linux-cases.sh $part $beds" &
done
wait
