#!/bin/sh
# kvm.sh BUILD: what needs KVM: the suites of the command line, of kernels, of tapvm ctl and of the self test, here, or
# where /dev/kvm is missing in an emulated machine that has it. The same rows; the last line sums them up.
set -u
build=$1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
names='cli boot ctl selftest' count=4 suites=
for name in $names; do suites="$suites tests/e2e/$name.sh build;"; done
if [ -e /dev/kvm ]; then
	for name in $names; do "tests/e2e/$name.sh" "$build"; done | tee "$out" | grep --line-buffered -v '^ok'
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
[ "$ended" = $count ] || { echo "FAIL kvm: $ended of $count suites came to their end: $(tail -1 "$out")"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
