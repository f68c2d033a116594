#!/bin/sh
# kvm.sh BUILD: what needs KVM: the suites of the command line, of kernels and of the self test, here, or where /dev/kvm
# is missing in an emulated machine that has it. The same rows; the last line sums them up.
set -u
build=$1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
suites='tests/e2e/cli.sh build; tests/e2e/boot.sh build; tests/e2e/selftest.sh build'
if [ -e /dev/kvm ]; then
	{ tests/e2e/cli.sh "$build"; tests/e2e/boot.sh "$build"; tests/e2e/selftest.sh "$build"; } | tee "$out" | grep --line-buffered -v '^ok'
else
	tools/deps.sh bed quiet || exit 1
	BED_TIMEOUT=${BED_TIMEOUT:-900} tests/interop/bed/bed.sh "$build" "$suites" | tee "$out" | grep --line-buffered -v '^ok'
fi
passed=0 failed=0 skipped=0
while read -r _ p _ f _ s _; do
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done <<END
$(grep -E '^= [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$out" | tr -d ,)
END
# All must have come to their end.
ended=$(grep -cE '^= [0-9]+ passed, ' "$out")
[ "$ended" = 3 ] || { echo "FAIL kvm: $ended of 3 suites came to their end: $(tail -1 "$out")"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
