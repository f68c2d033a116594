#!/bin/sh
# selftest.sh BUILD_DIR: the self test passes, and leaves nothing behind.
set -u
build=$1 passed=0 failed=0 skipped=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
ok() { echo "ok $1"; passed=$((passed + 1)); }
bad() { echo "FAIL $1: $2"; failed=$((failed + 1)); }
left() { # what must be gone: the TAP, the machine
	[ ! -e /sys/class/net/tapvm0 ] && ! pgrep -x tapvm-machine >/dev/null
}
gone() { # within 2 s: namespaces and TAPs die asynchronously
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		left && return 0
		sleep 0.1
	done
	return 1
}

if [ -e /dev/kvm ]; then
	timeout 300 "$build/tapvm" selftest >"$out" 2>&1
	rc=$?
	while read -r word name detail; do
		case $word in
		ok) ok "guest-$name" ;;
		FAIL) bad "guest-$name" "$detail" ;;
		skip) echo "skip guest-$name $detail"; skipped=$((skipped + 1)) ;;
		esac
	done <"$out"
	if [ $rc = 0 ] && tail -1 "$out" | grep -q ' 0 failed,'; then ok selftest-status
	else bad selftest-status "status $rc: $(tail -1 "$out")"; fi
	if gone; then ok selftest-leaves-nothing; else bad selftest-leaves-nothing "a TAP or a machine process"; fi
else
	echo "skip selftest no /dev/kvm on this machine"
	skipped=$((skipped + 1))
fi
echo "= $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
