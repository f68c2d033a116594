#!/bin/sh
# run.sh BUILD: the self test: on this host's KVM; where it has none, in an emulated machine that has one.
set -eu
build=$1
if [ -e /dev/kvm ] || ! command -v apt-get >/dev/null 2>&1; then
	exec "$build/tapvm" selftest
fi
echo "run: no /dev/kvm here: the guest boots in an emulated machine that has KVM; '$build/tapvm selftest --no-kvm'" \
	"runs the same checks on this kernel, without a guest"
tools/deps.sh bed quiet
exec tests/interop/bed/bed.sh "$build" 'build/tapvm selftest'
