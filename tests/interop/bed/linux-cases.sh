#!/bin/bash
# linux-cases.sh: the rows of linux.sh, inside the bed: each boots one guest.
set -u
passed=0 failed=0
said=/tmp/said
# guest NAME STATUS WORDS OPTION...: a guest that ends with this status, and has said a line for each of the words.
guest() {
	local name=$1 want=$2 words=$3 word why='' got
	shift 3
	build/tapvm run --kernel files/vmlinuz --initrd files/initrd --timeout 60 --stats \
		--append "console=ttyS0 quiet panic=-1 case=$name" "$@" </dev/null >$said 2>&1
	got=$?
	[ $got = "$want" ] || why="status $got, want $want;"
	for word in $words; do
		tr -d '\r' <$said | grep -q "^@${word//_/ }" || why="$why no '$word';"
	done
	! grep -q '^@bad' $said || why="$why $(grep '^@bad' $said)"
	! grep -q 'unaccounted=[^0]' $said || why="$why $(grep unaccounted $said)"
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "ok $name up after $(tr -d '\r' <$said | sed -n 's/^@up //p') s"
	else
		failed=$((failed + 1))
		echo "FAIL $name: $why $(tail -n 5 $said | tr '\n' ' ')"
	fi
}
guest poweroff 0 up --memory 256M --no-net
guest reboot 0 up --memory 256M --no-net
guest panic 8 up --memory 256M --no-net
guest memory 0 'up memory_4' --no-net --memory 512M
guest net 0 'up net_0 size_0 size_1 size_64 size_1000 size_1472 size_1473 size_9000 size_30000 reloaded' \
	--memory 256M --net tap,ip=192.168.77.1/24
guest two 0 'up net_0 net_1' --memory 256M --net tap,ip=192.168.77.1/24 --net tap,ip=192.168.78.1/24
echo "$passed passed, $failed failed, 0 skipped"
