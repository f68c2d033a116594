#!/bin/sh
# selftest.sh BUILD_DIR: the self test passes with KVM, without, and for an ordinary user; leaves nothing behind.
set -u
build=$1
here=$(dirname "$0")
# shellcheck source=tests/e2e/table.sh
. "$here/table.sh"

if [ -e /dev/kvm ]; then
	table guest "$build/tapvm" selftest --stats
else
	skip selftest "no /dev/kvm on this machine"
fi
table hosted "$build/tapvm" selftest --no-kvm --stats

if [ "$(id -u)" != 0 ]; then
	skip rootless "needs root to make device nodes"
elif ! "$here/own-dev.sh" "$build/tapvm" "" true >"$out" 2>&1; then
	bad rootless "no /dev of our own: $(cat "$out")"
elif ! "$here/own-dev.sh" "$build/tapvm" "" unshare -Urn true 2>/dev/null; then
	skip rootless "user namespaces are switched off on this machine"
else
	[ -e /dev/kvm ] && table rootless "$here/own-dev.sh" "$build/tapvm" "kvm net/tun" /dev/tapvm selftest --stats
	table rootless-hosted "$here/own-dev.sh" "$build/tapvm" "net/tun" /dev/tapvm selftest --no-kvm
	"$here/own-dev.sh" "$build/tapvm" "net/tun" /dev/tapvm selftest >"$out" 2>&1
	rc=$?
	if [ $rc = 4 ] && grep -q '/dev/kvm does not exist.*--no-kvm' "$out" && ! grep -q 'no-kvm.*no-kvm' "$out"
	then ok no-kvm-word
	else bad no-kvm-word "status $rc: $(cat "$out")"; fi
	"$here/own-dev.sh" "$build/tapvm" "kvm" /dev/tapvm selftest --no-kvm >"$out" 2>&1
	rc=$?
	if [ $rc = 4 ] && grep -q '/dev/net/tun' "$out" && [ "$(wc -l <"$out")" = 1 ]; then ok no-tun-word
	else bad no-tun-word "status $rc: $(cat "$out")"; fi
fi
sum_up
