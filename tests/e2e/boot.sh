#!/bin/sh
# boot.sh [BUILD]: kernels, initial RAM disks, memory and processors that cannot be, or only just. Rows and last line as
# those of cli.sh. What is cut or damaged in all its ways is tested without KVM (tests/unit/vmm); this is what is said.
set -u
build=$(cd "${1:-build}" && pwd)
tapvm=$build/tapvm program=$tapvm
# shellcheck source=tests/e2e/words.sh
. "$(dirname "$0")/words.sh"
kernels=$build/e2e
idle=$kernels/IDLE.elf

if [ "$(id -u)" != 0 ] || [ ! -w /dev/kvm ]; then
	skip "with-kvm /dev/kvm is not there or not ours; tapvm doctor says more"
	echo "= $passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
	exit
fi

# ---- a bzImage: 1536 bytes of setup, 1024 of kernel ----
image=$w/bzImage
# put OFFSET BYTES: in printf's octal.
put() {
	# shellcheck disable=SC2059
	printf "$2" | dd of="$image" bs=1 seek=$(($1)) conv=notrunc status=none
}
truncate -s 2560 "$image"
put 0x1f1 '\002'             # sectors of setup, less one
put 0x1f4 '\100\000\000\000' # paragraphs of kernel
put 0x1fe '\125\252'
put 0x200 '\353\146HdrS\017\002'
put 0x211 '\001'
put 0x22c '\377\377\377\177'
put 0x236 '\177'
put 0x238 '\377\007'
put 0x248 '\020\002\000\000\100\000\000\000' # its payload
put 0x800 '\260\000\346\364' # at its 64-bit entry: the verdict 0
put 0x258 '\000\000\020\000\000\000\000\000\000\000\020\000'
for at in 1 1f1 1f2 1f4 1f8 1fa 1fc 1fe 200 202 206 208 20c 20e 210 211 212 214 218 21c 220 224 226 228 22c 230 234 235 \
	236 238 23c 240 248 24c 250 258 260 263 264 268 600 9ff; do
	head -c $((0x$at)) "$image" >"$w/cut"
	refuse bzimage-cut-at-$at 4 "kernel $w/cut is truncated" "$tapvm" run --no-net "$w/cut"
done
# boots NAME
boots() {
	timeout -k 1 20 "$tapvm" run --no-net "$image" </dev/null >"$w/out" 2>"$w/err"
	if [ $? = 1 ] && [ ! -s "$w/err" ]; then ok "$1"; else bad "$1: $(cat "$w/err")"; fi
}
boots bzimage-whole
put 0x248 '\000\000\000\000\000\000\000\000'
boots bzimage-without-payload
put 0x260 '\000\000\000\020'
refuse bzimage-without-room 4 'give more --memory' "$tapvm" run --no-net "$image"
refuse bzimage-too-old 4 'at least 2.12 is needed' sh -c \
	"printf '\\013' | dd of='$image' bs=1 seek=518 conv=notrunc status=none; exec '$tapvm' run --no-net '$image'"

# ---- initial RAM disks ----
for size in 64M 200M 5G; do
	truncate -s $size "$w/initrd"
	refuse initrd-of-$size 4 "initrd $w/initrd has .* bytes: .* give more --memory, or a smaller initrd" \
		"$tapvm" run --no-net --memory 64M --initrd "$w/initrd" "$idle"
done

# ---- processors, and memory at the hole below 4 GiB ----
refuse cpus-none 2 'out of range' "$tapvm" run --cpus 0 "$idle"
refuse cpus-too-many 2 'out of range' "$tapvm" run --cpus 33 "$idle"
refuse memory-too-much 2 '255G' "$tapvm" run --memory 256G "$idle"
refuse memory-of-half-pages 2 'no multiple of 4K' "$tapvm" run --memory 4097K "$idle"
have_kib=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
for kib in 3145724 3145728 3145732 4194300 4194304 4194308; do # 3 GiB and 4 GiB, and a page less and more
	if [ "$have_kib" -le $kib ]; then
		skip "memory-of-${kib}K the host has $have_kib"
		continue
	fi
	timeout -k 1 20 "$tapvm" run --no-net --quiet --memory ${kib}K "$kernels/VERDICT_0.elf" </dev/null >/dev/null 2>"$w/err"
	if [ $? = 1 ] && [ ! -s "$w/err" ]; then ok memory-of-${kib}K; else bad "memory-of-${kib}K: $(cat "$w/err")"; fi
done
if left=$(nothing_left); then ok leaves-nothing; else bad "leaves-nothing: $left"; fi

echo "= $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
