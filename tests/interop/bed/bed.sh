#!/bin/bash
# bed.sh BUILD COMMAND: runs COMMAND where KVM is: in an emulated AMD machine with SVM and nested paging, which
# needs no KVM here. Its kernel is Debian's cloud kernel, its files are this tree's binary and tests and the
# programs below; nothing of the machine outside can be reached from inside.
# COMMAND is a line for sh, run in a folder that looks like this tree: build/tapvm, build/e2e, tests/e2e; and the folder
# BED_FILES, if there is one, as files; and the programs named in BED_PROGRAMS.
# Its output is ours. Status: COMMAND's own; 124 after BED_TIMEOUT (300) seconds; 125 if the bed itself failed.
# The kernel is fetched once, into build/bed. Exits cost 20 to 50 times what they cost on hardware: the bed
# judges what happens, never how fast.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
die() { echo "bed: $*" >&2; exit 125; }
[ $# = 2 ] || die "usage: bed.sh BUILD COMMAND"
build=$(cd "$1" && pwd) command=$2
cache=$root/build/bed
# shellcheck source=tests/interop/kernel.sh
. "$here/../kernel.sh"

programs="sh bash env timeout mktemp sed grep wc readlink kill cat rm mkdir mkfifo ln touch sleep sort tr cut head tail
 unshare setpriv mount mknod chmod cp dd truncate ls stat id dirname basename date true ip insmod setsid stty dmesg
 awk ping iperf3 busybox sha256sum"
modules="kvm_amd tun veth 8021q vhost_net nft_chain_nat nft_masq nft_ct"
# An EPYC as far as emulation goes. What it cannot do is named, so that it need not say so at each start; AVX and
# XSAVE are off because a nested guest could not trust them.
cpu=EPYC,+svm,+npt
for lacks in rdseed sha-ni fxsr-opt misalignsse 3dnowprefetch osvw topoext nrip-save xsave xsavec xsaveopt xgetbv1 \
	avx avx2 f16c fma; do
	cpu=$cpu,-$lacks
done

# The file tree of the emulated machine.
make_tree() {
	tree=$1
	bare_tree "$tree"
	mkdir -p "$tree/tapvm/tests"
	for program in $programs ${BED_PROGRAMS:-}; do
		file=$(command -v "$program") || die "$program is missing here"
		case $file in /*) ;; *) file=$(PATH=/usr/bin:/bin command -v "$program") ;; esac
		case $file in /*) ;; *) file=/usr/bin/$program ;; esac
		add_program "$tree" "$file"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$tree/etc/passwd"
	add_program "$tree" "$build/tapvm"
	mkdir "$tree/tapvm/build"
	mv "$tree/usr/bin/tapvm" "$tree/tapvm/build/"
	[ ! -e "$build/e2e" ] || cp -r "$build/e2e" "$tree/tapvm/build/"
	cp -r "$root/tests/e2e" "$tree/tapvm/tests/"
	[ -z "${BED_FILES:-}" ] || cp -r "$BED_FILES" "$tree/tapvm/files"
	# shellcheck disable=SC2086
	add_modules "$tree" $modules
	cp "$here/init" "$tree/init"
	echo "$command" >"$tree/command"
}

why=$(fetch_kernel) || die "$why"
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
make_tree "$w/tree"
pack "$w/tree" "$w/initrd"
: >"$w/status"
set +e
# One processor. After a VMRUN that injects an interrupt, QEMU (7.2, and still 10) leaves the vector where an exception
# waits to be delivered. What then takes the processor out of its loop without an interrupt of its own delivers the
# vector once more, wherever the guest is: also where it takes no interrupts, which spins for ever on the lock that it
# holds. Alone, the processor is only taken out of its loop by interrupts, and these clear that place; two take turns,
# ten times a second, and one boot in four hangs.
# The kernel's own last words are not the command's.
timeout --foreground -k 5 "${BED_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg -M q35 -cpu "$cpu" -smp 1 \
	-m 4096 -nodefaults -no-user-config -display none -no-reboot -kernel "$cache"/kernel/boot/vmlinuz-* \
	-initrd "$w/initrd" -append "console=ttyS0 loglevel=3 panic=-1 tsc=reliable mitigations=off" \
	-chardev stdio,id=console,signal=off -serial chardev:console -serial "file:$w/status" </dev/null |
	sed -u -e '/^\[ *[0-9.]*\] \(sysrq\|reboot\): Power /d' -e 's/\r$//'
rc=${PIPESTATUS[0]}
set -e
status=$(sed -n 's/^status \([0-9]*\).*/\1/p' "$w/status")
if [ -n "$status" ]; then
	exit "$status"
elif [ "$rc" = 124 ]; then
	echo "bed: ended after ${BED_TIMEOUT:-300} s" >&2
	exit 124
fi
die "the emulated machine ended without a status: $(tail -c 300 "$w/status")"
