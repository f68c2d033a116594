# table.sh: sourced by the suites here: results in the form that tests/run.sh sums up.
# shellcheck shell=sh
passed=0 failed=0 skipped=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
ok() { echo "ok $1"; passed=$((passed + 1)); }
bad() { echo "FAIL $1: $2"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }
sum_up() {
	echo "= $passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

# What must be gone: each process that a table started (they inherit its mark; others may run a tapvm here too),
# and with them the self test's interfaces (of others, any may come and go). Within 2 s: namespaces and TAPs die
# asynchronously.
mark=TAPVM_TABLE=$$
ours() { (cd /sys/class/net && echo tapvm* judge*); }
interfaces=$(ours)
gone() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(ours)" = "$interfaces" ] && ! grep -qszx "$mark" /proc/[0-9]*/environ && return 0
		sleep 0.1
	done
	return 1
}

# table PREFIX COMMAND...: each row of a self test is a result, and so are its status, its account and what it
# leaves.
table() {
	prefix=$1
	shift
	env "$mark" timeout 300 "$@" >"$out" 2>"$out.err"
	rc=$?
	while read -r word name detail; do
		case $word in
		ok) ok "$prefix-$name" ;;
		FAIL) bad "$prefix-$name" "$detail" ;;
		skip) skip "$prefix-$name" "$detail" ;;
		esac
	done <"$out"
	if [ $rc = 0 ] && tail -1 "$out" | grep -q ' 0 failed,'; then ok "$prefix-status"
	else bad "$prefix-status" "status $rc: $(tail -1 "$out") $(tail -1 "$out.err")"; fi
	if gone; then ok "$prefix-leaves-nothing"; else bad "$prefix-leaves-nothing" "an interface or a process"; fi
	devices=$(grep -c '^net.0.unaccounted=' "$out.err")
	if [ "$devices" -gt 0 ]; then
		if [ "$(grep -c '^net.0.unaccounted=0$' "$out.err")" = "$devices" ]; then ok "$prefix-account"
		else bad "$prefix-account" "$(grep unaccounted "$out.err")"; fi
		costs=$(grep -cE '^net\.0\.(kicks|interrupts|syscalls)_per_frame=[0-9]+\.[0-9][0-9]$' "$out.err")
		if [ "$costs" = $((3 * devices)) ]; then ok "$prefix-costs"
		else bad "$prefix-costs" "$costs of $((3 * devices)) are told"; fi
	fi
	rm -f "$out.err"
}
