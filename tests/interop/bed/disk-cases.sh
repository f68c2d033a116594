#!/bin/bash
# disk-cases.sh: the rows of disk.sh, inside the bed: each boots one guest from files/root.img.
set -u
export TMPDIR=/tmp
passed=0 failed=0
said=/tmp/said
result() {
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1: $2 $(tail -n 5 $said | tr '\n' ' ')"
	fi
}
# from NAME ro|rw WORDS OPTION...: a guest that powers off, and has said a line for each of the words.
from() {
	local name=$1 how=$2 words=$3 word why='' got
	shift 3
	build/tapvm run --kernel files/vmlinuz --initrd files/initrd --memory 256M --no-net --timeout 150 \
		--append "console=ttyS0 quiet panic=-1 $how" "$@" </dev/null >$said 2>&1
	got=$?
	[ $got = 0 ] || why="status $got;"
	for word in $words @end; do
		tr -d '\r' <$said | grep -q "^${word//_/ }" || why="$why no '$word';"
	done
	! grep -qE '^@bad|I/O error|EXT4-fs error' $said || why="$why $(grep -E '^@bad|I/O error|EXT4-fs error' $said)"
	result "$name" "$why"
}
image() { files/busybox md5sum <files/root.img; }
# same NAME SUM: the image is as it was.
same() {
	local why=''
	[ "$(image)" = "$2" ] || why='the image was written;'
	result "$1" "$why"
}

before=$(image)
from read-only ro '@root_/dev/vda_ro @random @read-only @disk_vda_65536_disk0' --disk files/root.img,ro
same read-only-image "$before"
from snapshot rw '@root_/dev/vda_rw @run_1 @holds @disk_vda_65536_disk0_write_back' --disk files/root.img,snapshot
from snapshot-again rw '@root_/dev/vda_rw @run_1 @holds' --disk files/root.img,snapshot
same snapshot-image "$before"
result snapshot-file "$(echo /tmp/tapvm-* | grep -v '\*')"
from written rw '@root_/dev/vda_rw @run_1 @holds' --disk files/root.img
from written-again rw '@run_2 @holds' --disk files/root.img
head -c 1M /dev/zero >/tmp/second
from eight rw "@run_3 @disk_vdb_2048_disk1 @disk_vdh_2048_disk7" --cpus 2 --disk files/root.img,snapshot --disk /tmp/second,ro \
	--disk /tmp/second,ro --disk /tmp/second,ro --disk /tmp/second,ro --disk /tmp/second,ro --disk /tmp/second,snapshot \
	--disk /tmp/second,snapshot
echo "= $passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
