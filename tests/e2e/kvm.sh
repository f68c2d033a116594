#!/bin/sh
# kvm.sh BUILD: what needs KVM: the suites of the command line, of kernels, of tapvm ctl and of the self test, here, or
# where /dev/kvm is missing in an emulated machine that has it. The same rows; the last line sums them up.
set -u
build=$1
names='cli boot ctl selftest' count=4 suites=
for name in $names; do suites="$suites tests/e2e/$name.sh build;"; done
if [ -e /dev/kvm ]; then
	for name in $names; do "tests/e2e/$name.sh" "$build"; done
else
	tools/deps.sh bed quiet || exit 1
	BED_TIMEOUT=${BED_TIMEOUT:-900} tests/interop/bed/bed.sh "$build" "$suites"
fi | grep --line-buffered -v '^ok' | tests/e2e/sum.sh kvm $count
