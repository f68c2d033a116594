#!/bin/sh
# sum.sh NAME COUNT: what suites print, one after the other or at once, passed on, but for the lines "= N passed, ..." at
# their ends: of these there must be COUNT, and their sum is the last line.
set -u
name=$1 count=$2 ended=0 passed=0 failed=0 skipped=0
while IFS= read -r line; do
	case $line in
	'= '*' passed, '*' failed, '*' skipped')
		# shellcheck disable=SC2046
		set -- $(echo "$line" | tr -cd '0-9 ')
		ended=$((ended + 1)) passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
		;;
	*) printf '%s\n' "$line" ;;
	esac
done
[ $ended = "$count" ] || { echo "FAIL $name: $ended of $count suites came to their end"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
