#!/bin/sh
# run.sh BUILD_DIR PROGRAM...: runs each Check program, then the shell suites, and sums up.
# SUITES: these shell suites instead of all. RUN: what runs a program that is for another processor.
# A program prints Check's summary, and a line "skip: REASON" for each part of it that was skipped; exit status 77 means
# that all of it was.
set -u
build=$1
shift
logs=$build/logs
mkdir -p "$logs"
export ASAN_OPTIONS="${ASAN_OPTIONS:-halt_on_error=1:detect_leaks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"
# A hang ends, a slow machine does not fail: no test is judged by its time.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-120}"
case $build in */tsan) export CK_FORK=no ;; esac
passed=0 failed=0 skipped=0

run_program() {
	name=${1#"$build"/tests/}
	log=$logs/$(echo "$name" | tr / -).log
	# shellcheck disable=SC2086
	timeout 300 ${RUN:-} "$1" >"$log" 2>&1
	rc=$?
	if [ $rc = 77 ]; then
		skipped=$((skipped + 1))
		echo "$name: $(grep -m1 '^skip:' "$log" || echo 'skip: no reason was given')"
		return
	fi
	summary=$(grep -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' "$log" | tail -1)
	counts=$(echo "$summary" | sed -n 's/.*Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3/p')
	if [ -z "$counts" ]; then
		failed=$((failed + 1))
		echo "$name: ended with status $rc and without a summary"
		tail -30 "$log"
		return
	fi
	echo "$name: $summary"
	skipped=$((skipped + $(grep -c '^skip:' "$log")))
	grep '^skip:' "$log"
	# shellcheck disable=SC2086
	set -- $counts
	bad=$(($2 + $3))
	[ $bad = 0 ] && [ $rc != 0 ] && bad=1
	passed=$((passed + $1 - $2 - $3)) failed=$((failed + bad))
	[ $bad = 0 ] || grep -E ':[FE]:|ERROR|WARNING|Sanitizer' "$log" | head -30
}

run_suite() {
	log=$logs/$(basename "$1" .sh).log
	timeout 900 "$1" "$build" >"$log" 2>&1
	rc=$?
	last=$(grep -E '^= [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -1)
	if [ -z "$last" ]; then
		failed=$((failed + 1))
		echo "$1: ended with status $rc and without its last line"
		tail -30 "$log"
		return
	fi
	echo "$1: $last"
	# shellcheck disable=SC2046
	set -- $(echo "$last" | tr -cd '0-9 ')
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	[ "$2" = 0 ] || grep '^FAIL' "$log"
	grep '^skip' "$log"
}

for program in "$@"; do
	run_program "$program"
done
all=
for name in layers tap-doc cli boot ctl hostnet vhost_user selftest capture vpn qemu; do
	all="$all tests/e2e/$name.sh"
done
for suite in ${SUITES-$all}; do
	run_suite "$suite"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
