#!/bin/sh
# selftest.sh BUILD_DIR: the self test passes with KVM, without, and for an ordinary user; leaves nothing behind.
set -u
build=$1
here=$(dirname "$0")
# shellcheck source=tests/e2e/table.sh
. "$here/table.sh"
# shellcheck source=tests/e2e/wait.sh
. "$here/wait.sh"

kvm=no
if [ -w /dev/kvm ]; then
	kvm=yes
	table guest "$build/tapvm" selftest --stats
else
	skip selftest "/dev/kvm is not there or not ours"
fi
table hosted "$build/tapvm" selftest --no-kvm --stats
# The same NIC over a TUN, where the rows that IP cannot show are not asked.
[ $kvm = yes ] && table guest-tun "$build/tapvm" selftest --net tun --bus pci --stats
table hosted-tun "$build/tapvm" selftest --no-kvm --net tun --bus mmio --stats

# killed NAME STATUS SIGNAL keeper|machine [OPTION]: a signal in the middle of traffic; that status, and nothing left.
killed() {
	name=$1 want=$2 signal=$3 who=$4
	shift 4
	env --default-signal "$mark" "$build/tapvm" selftest "$@" >"$out" 2>&1 &
	run=$! traffic=no target=$!
	machine=$("$build/e2e/helper" machine $run) &&
		wait_for grep -q 'tapvm0: *[0-9]* *[0-9]\{2,\} ' "/proc/$run/net/dev" && traffic=yes
	[ "$who" = keeper ] || target=${machine:-$run}
	kill "-$signal" "$target"
	wait $run 2>/dev/null
	rc=$?
	if [ $traffic = no ]; then bad "$name" "no traffic: $(tail -1 "$out")"
	elif [ $rc != "$want" ]; then bad "$name" "status $rc, want $want: $(tail -1 "$out")"
	elif ! gone; then bad "$name" "an interface or a process is left"
	else ok "$name"; fi
}
in_traffic() { # PREFIX [OPTION]
	prefix=$1
	shift
	killed "$prefix-int-in-traffic" 130 INT keeper "$@"
	killed "$prefix-term-in-traffic" 143 TERM keeper "$@"
	killed "$prefix-kill-keeper-in-traffic" 137 KILL keeper "$@"
	killed "$prefix-kill-machine-in-traffic" 10 KILL machine "$@"
	# The host side is to answer somebody who is gone.
	killed "$prefix-kill-machine-in-a-step" 10 KILL machine --only flood-host-to-guest "$@"
}
[ $kvm = no ] || in_traffic guest
in_traffic hosted --no-kvm

if [ "$(id -u)" != 0 ]; then
	skip rootless "needs root to make device nodes"
elif ! "$here/own-dev.sh" "$build/tapvm" "" true >"$out" 2>&1; then
	bad rootless "no /dev of our own: $(cat "$out")"
elif ! "$here/own-dev.sh" "$build/tapvm" "" unshare -Urn true 2>/dev/null; then
	skip rootless "user namespaces are switched off on this machine"
else
	[ $kvm = yes ] && table rootless "$here/own-dev.sh" "$build/tapvm" "kvm net/tun" /dev/tapvm selftest --stats
	table rootless-hosted "$here/own-dev.sh" "$build/tapvm" "net/tun" /dev/tapvm selftest --no-kvm --bus mmio
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
