#!/bin/sh
# lint.sh: what a compiler run does not see, a line each, then the counts: format, clang with the same warnings,
# headers that compile alone, sizes of files and functions, shell scripts.
set -u
tools/deps.sh build quiet && tools/deps.sh lint quiet || exit 1
passed=0 failed=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
# verdict NAME: what is in $out is wrong.
verdict() {
	if [ -s "$out" ]; then
		echo "FAIL $1:"
		head -20 "$out"
		failed=$((failed + 1))
	else
		echo "ok $1"
		passed=$((passed + 1))
	fi
}

git ls-files '*.c' '*.h' | xargs clang-format --dry-run 2>&1 | grep 'warning:' >"$out"
verdict "format (make format mends it)"

make -s -j2 CC=clang B=build/clang build-all >"$out" 2>&1 && : >"$out"
verdict "clang builds everything with the same warnings"

git ls-files '*.h' | while read -r header; do
	gcc -std=gnu11 -D_GNU_SOURCE -I. -Wall -Wextra -fsyntax-only -include stddef.h -x c "$header" 2>&1 |
		grep -v 'pragma once' | head -3
done >"$out"
verdict "each header compiles alone"

git ls-files 'devices/*.[chS]' 'vmm/*.[chS]' 'guest/*.[chS]' 'tests/*.[chS]' | xargs wc -l |
	awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines, 400 are the limit" }' >"$out"
verdict "files up to 400 lines"

git ls-files '*.c' | xargs awk '
	FNR == 1 { inside = 0 }
	/^\{/ { inside = 1; from = FNR; next }
	/^\}/ { if (inside && FNR - from - 1 > 60) print FILENAME ":" from ": a function of " FNR - from - 1 " lines, 60 are the limit"; inside = 0 }
' >"$out"
verdict "functions up to 60 lines"

git ls-files '*.sh' .ci/run 'tests/interop/*init' 'tests/interop/guest-dhcp' | xargs shellcheck -x >"$out" 2>&1
verdict "shell scripts"

echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
