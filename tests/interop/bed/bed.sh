#!/bin/bash
# bed.sh BUILD COMMAND: runs COMMAND where KVM is: in an emulated AMD machine with SVM and nested paging, which
# needs no KVM here. Its kernel is Debian's cloud kernel, its files are this tree's binary and tests and the
# programs below; nothing of the machine outside can be reached from inside.
# COMMAND is a line for sh, run in a folder that looks like this tree: build/tapvm, build/e2e, tests/e2e.
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

programs="sh bash env timeout mktemp sed grep wc readlink kill cat rm mkdir mkfifo sleep sort tr cut head tail
 unshare setpriv mount mknod chmod cp ls id dirname basename date true ip insmod setsid stty dmesg"
modules="kvm_amd tun veth"
# An EPYC as far as emulation goes. What it cannot do is named, so that it need not say so at each start; AVX and
# XSAVE are off because a nested guest could not trust them.
cpu=EPYC,+svm,+npt
for lacks in rdseed sha-ni fxsr-opt misalignsse 3dnowprefetch osvw topoext nrip-save xsave xsavec xsaveopt xgetbv1 \
	avx avx2 f16c fma; do
	cpu=$cpu,-$lacks
done

# The kernel package that linux-image-cloud-amd64 stands for today, unpacked.
fetch_kernel() {
	[ ! -e "$cache/kernel/complete" ] || return 0
	command -v apt-get >/dev/null || die "no apt-get here to fetch a kernel with"
	rm -rf "$cache" && mkdir -p "$cache/kernel"
	apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1 || apt-get update -qq
	package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -1)
	[ -n "$package" ] || die "no package linux-image-cloud-amd64 is known: apt-get update"
	(cd "$cache" && apt-get -o APT::Sandbox::User=root -qq download "$package") || die "$package was not fetched"
	dpkg-deb -x "$cache/$package"_*.deb "$cache/kernel"
	rm -f "$cache/$package"_*.deb
	depmod -b "$cache/kernel" "$(ls "$cache/kernel/lib/modules")"
	touch "$cache/kernel/complete"
}

# add_program TREE FILE: a program and the libraries that ldd names, each where it lies here.
add_program() {
	mkdir -p "$1/usr/bin"
	cp -L "$2" "$1/usr/bin/"
	{ ldd "$2" 2>/dev/null || :; } | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$1/usr$(dirname "${library#/usr}")"
		cp -Lu "$library" "$1/usr${library#/usr}"
	done
}

# The file tree of the emulated machine.
make_tree() {
	tree=$1
	mkdir -p "$tree"/{usr/bin,usr/sbin,usr/lib,usr/lib64,dev,proc,sys,run,tmp,etc,mnt,modules,tapvm/tests}
	for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$tree/$folder"; done
	for program in $programs; do
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
	release=$(ls "$cache/kernel/lib/modules")
	for module in $modules; do
		modprobe -d "$cache/kernel" -S "$release" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | while read -r file; do
		cp -n "$file" "$tree/modules/"
		basename "$file" >>"$tree/modules/order"
	done
	cp "$here/init" "$tree/init"
	echo "$command" >"$tree/command"
}

fetch_kernel
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
make_tree "$w/tree"
(cd "$w/tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$w/initrd"
: >"$w/status"
set +e
# One thread for both processors. With one each, this QEMU (7.2) now and then keeps running a breakpoint that the
# kernel has taken out of its code again (each VM that starts or ends patches the scheduler's: preempt_notifier_key),
# and both processors are in asm_exc_int3 for ever.
# The kernel's own last words are not the command's.
timeout --foreground -k 5 "${BED_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg,thread=single -M q35 -cpu "$cpu" -smp 2 \
	-m 2048 -nodefaults -no-user-config -display none -no-reboot -kernel "$cache"/kernel/boot/vmlinuz-* \
	-initrd "$w/initrd" -append "console=ttyS0 quiet panic=-1 tsc=reliable mitigations=off" \
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
