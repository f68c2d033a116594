#!/bin/sh
# deps.sh build|check|e2e|bed|interop|uml|aarch64|lint|fresh [quiet]: names every missing Debian package of that set and installs it.
set -eu
PATH=$PATH:/usr/sbin:/sbin
set_name=${1:-build} quiet=${2:-}
case $set_name in
build) need="gcc:gcc libc6-dev:/usr/include/stdio.h libfdt-dev:/usr/include/libfdt.h check:/usr/include/check.h
	libvirt-dev:/usr/include/libvirt/libvirt.h libmnl-dev:/usr/include/libmnl/libmnl.h
	zlib1g-dev:/usr/include/zlib.h liblz4-dev:/usr/include/lz4.h libzstd-dev:/usr/include/zstd.h
	liblzma-dev:/usr/include/lzma.h" ;;
check) need="mount:mount tshark:tshark iproute2:ip iputils-ping:ping netcat-openbsd:nc.openbsd
	acpica-tools:iasl dnsmasq-base:dnsmasq nftables:nft openvswitch-switch:ovs-vsctl busybox-static:busybox
	procps:pgrep" ;;
e2e) need="qemu-system-x86:qemu-system-x86_64" ;;
interop) need="qemu-system-x86:qemu-system-x86_64 cpio:cpio xz-utils:xz kmod:modprobe iproute2:ip procps:ps mount:mount busybox-static:busybox
	iperf3:iperf3 ethtool:ethtool iputils-ping:ping dpdk-dev:dpdk-testpmd ovmf:/usr/share/OVMF/OVMF_CODE.fd
	dnsmasq-base:dnsmasq tshark:tshark" ;;
uml) need="user-mode-linux:linux.uml cpio:cpio iproute2:ip mount:mount busybox-static:busybox" ;;
aarch64) need="gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/include/stdio.h
	qemu-user-static:qemu-aarch64-static" ;;
lint) need="clang:clang clang-format:clang-format shellcheck:shellcheck" ;;
bed) need="qemu-system-x86:qemu-system-x86_64 cpio:cpio xz-utils:xz kmod:modprobe iproute2:ip procps:ps mount:mount
	busybox-static:busybox e2fsprogs:mke2fs iperf3:iperf3 ethtool:ethtool iputils-ping:ping dnsmasq-base:dnsmasq
	nftables:nft" ;;
fresh) need="mmdebstrap:mmdebstrap" ;;
*) echo "deps: no such set: $set_name (build, check, e2e, bed, interop, uml, aarch64, lint, fresh)" >&2; exit 2 ;;
esac
missing=
for pair in $need; do
	package=${pair%%:*} proof=${pair#*:}
	case $proof in
	/*) [ -e "$proof" ] || missing="$missing $package" ;;
	*) command -v "$proof" >/dev/null 2>&1 || missing="$missing $package" ;;
	esac
done
if [ -z "$missing" ]; then
	[ -n "$quiet" ] || echo "deps: nothing is missing for '$set_name'"
	exit 0
fi
echo "deps: missing:$missing"
command -v apt-get >/dev/null 2>&1 || {
	echo "deps: no apt-get here; install by your system's means: $missing" >&2
	exit 1
}
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
