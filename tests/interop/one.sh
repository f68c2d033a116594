#!/bin/bash
# vhost_user.sh BUILD: tapvm-vhost-user under frontends that others wrote: QEMU with a stock Linux guest (split and packed
# rings, one and two queue pairs), dpdk-testpmd. Rows "ok NAME figures", "FAIL NAME why", "skip NAME why"; at the end the
# counts. Times are bounds for hangs; figures are printed, not judged. All of it is in namespaces of its own, which end
# with it.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
cache=$here/../../build/bed
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/interop/kernel.sh
. "$here/kernel.sh"
if [ -z "${TAPVM_INTEROP_INSIDE:-}" ]; then
	export TAPVM_INTEROP_INSIDE=1 NO_KERNEL=
	NO_KERNEL=$(fetch_kernel) && NO_KERNEL=
	user=
	[ "$(id -u)" = 0 ] || user=-r
	exec unshare $user -nmpf --kill-child --mount-proc "$0" "$@"
fi
# shellcheck source=tests/e2e/table.sh
. "$here/../e2e/table.sh"
# shellcheck source=tests/e2e/wait.sh
. "$here/../e2e/wait.sh"
w=$(mktemp -d)
trap 'rm -rf "$w" "$out"' EXIT
HOST4=192.0.2.1 HOST6=2001:db8::1 GUEST4=192.0.2.2 GUEST6=2001:db8::2
# shellcheck source=tests/interop/vhost_user/guest.sh
. "$here/vhost_user/guest.sh"
# shellcheck source=tests/interop/vhost_user/steps.sh
. "$here/vhost_user/steps.sh"

# row NAME COMMAND...: one row; the last line that COMMAND prints are the figures, or the last three why it failed.
row() {
	local name=$prefix-$1
	shift
	if "$@" >"$w/words" 2>&1; then ok "$name $(tail -n 1 "$w/words")"
	else bad "$name" "$(tail -n 3 "$w/words" | tr '\n' ' ')"; fi
}

# ---- the host's side ----
# make_tap PAIRS: it outlives the server.
make_tap() {
	local multi=
	[ "$1" = 1 ] || multi=multi_queue
	ip tuntap add dev t0 mode tap vnet_hdr $multi
	sysctl -qw net.ipv6.conf.t0.accept_dad=0
	ip addr add $HOST4/24 dev t0
	ip addr add $HOST6/64 dev t0
	ip link set t0 up
}

start_server() {
	"$build/tapvm-vhost-user" --socket "$w/socket" --tap t0 --net "queues=$1" --stats >"$w/server.words" 2>&1 &
	server=$!
	wait_for test -S "$w/socket"
}

# stop_server: its account must be even.
stop_server() {
	kill -TERM "$server"
	wait "$server" || { echo "status $?: $(tail -n 3 "$w/server.words")"; return 1; }
	grep '^net.*unaccounted=0$' "$w/server.words" || tail -n 3 "$w/server.words"
}

# ---- QEMU ----
# linux PAIRS PACKED FIRST: one guest, all steps.
linux() {
	local pairs=$1
	packed=$2
	prefix=qemu-$1-$([ "$2" = on ] && echo packed || echo split)
	make_tap "$pairs"
	start_server "$pairs"
	iperf3 -s >"$w/iperf3" 2>&1 &
	local iperf=$!
	if start_guest "$pairs" "$packed" >"$w/said" && guest net_up >"$w/said" 2>&1; then
		ok "$prefix-boot"
		all_steps "$pairs" "$3"
	else
		bad "$prefix-boot" "$(tail -n 3 "$w/said" | tr '\n' ' ')"
	fi
	stop_guest
	kill $iperf
	row account stop_server
	ip link del t0
}

ip link set lo up
if [ -z "$NO_KERNEL" ]; then
	make_guest
	linux 1 on 3; exit
	linux 1 on 1
	linux 2 off 2
	linux 2 on 3
else
	skip qemu "$NO_KERNEL"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
