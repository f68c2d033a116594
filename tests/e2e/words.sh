# words.sh: sourced by the suites of a program's words: a network namespace for the suite, whose own arguments it has here;
# rows, what may be left behind, and commands that must be refused.
# Wants $build, and $program, whose name begins each of its lines.
# shellcheck shell=sh
: "${build:?}" "${program:?}"
if [ -z "${TAPVM_E2E_INSIDE:-}" ]; then
	export TAPVM_E2E_INSIDE=1
	user=
	[ "$(id -u)" = 0 ] || user=-r
	exec unshare $user -n "$0" "$@"
fi
helper=$build/e2e/helper
# shellcheck source=tests/e2e/wait.sh
. "$(dirname "$0")/wait.sh"
w=$(mktemp -d)
trap 'rm -rf "$w"' EXIT
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); echo "ok   $*"; }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
skip() { skipped=$((skipped + 1)); echo "skip $*"; }

before=$("$helper" interfaces)
# nothing_left: waits up to 2 s; then says what is left.
nothing_left() { "$helper" left "$before" "$program"; }

# refuse NAME STATUS PATTERN COMMAND...: that status, one line on stderr with PATTERN in it, nothing left.
refuse() {
	name=$1 want=$2 pattern=$3
	shift 3
	timeout -k 1 20 "$@" </dev/null >"$w/out" 2>"$w/err"
	got=$?
	lines=$(wc -l <"$w/err")
	if [ $got != "$want" ]; then
		bad "$name: status $got, want $want: $(head -c 300 "$w/err")"
	elif [ "$lines" != 1 ] || ! grep -q "^${program##*/}: " "$w/err"; then
		bad "$name: $lines lines on stderr, want one that begins with '${program##*/}: ': $(head -c 300 "$w/err")"
	elif ! grep -q -e "$pattern" "$w/err"; then
		bad "$name: '$pattern' is not in: $(cat "$w/err")"
	elif ! left=$(nothing_left); then
		bad "$name: $left"
	else
		ok "$name"
	fi
}
