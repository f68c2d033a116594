#!/bin/bash
# disk.sh BUILD: a stock Linux guest under tapvm whose root is a disk, in the bed: an ext4 image behind virtio-blk. It is
# mounted by an initial RAM disk with Debian's modules, which then hands over to the image's own init.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
cache=$(cd "$here/../../.." && pwd)/build/bed
# shellcheck source=tests/interop/kernel.sh
. "$here/../kernel.sh"
fetch_kernel || exit
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
mkdir "$w/files"
for tree in initrd root; do
	bare_tree "$w/$tree"
	add_program "$w/$tree" "$(command -v busybox)"
done
add_modules "$w/initrd" virtio_pci virtio_blk virtio_rng ext4
cp "$here/disk-initrd" "$w/initrd/init"
pack "$w/initrd" "$w/files/initrd"
cp "$here/disk-init" "$w/root/sbin/init"
# The image may be mounted read-only: its commands are there from the start.
busybox --list | while read -r applet; do
	[ -e "$w/root/bin/$applet" ] || ln -s busybox "$w/root/bin/$applet"
done
mke2fs -q -t ext4 -d "$w/root" "$w/files/root.img" 32M
cp "$cache"/kernel/boot/vmlinuz-* "$w/files/vmlinuz"
cp "$(command -v busybox)" "$here/disk-cases.sh" "$w/files/"
BED_FILES=$w/files BED_TIMEOUT=${BED_TIMEOUT:-900} "$here/bed.sh" "$build" 'bash files/disk-cases.sh'
