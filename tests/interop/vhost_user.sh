#!/bin/bash
# vhost_user.sh BUILD: tapvm-vhost-user under frontends that others wrote: QEMU with a stock Linux guest (split and packed
# rings, one and two queue pairs; two guests over a VPN; a live migration), with EDK2 and with iPXE, and dpdk-testpmd.
# Rows "ok NAME figures", "FAIL NAME why", "skip NAME why"; at the end the counts. Times are bounds for hangs; figures are
# printed, not judged. All of it is in namespaces of its own, which end with it.
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
# Of this network namespace.
mount -t sysfs sys /sys
ip link set lo up
# shellcheck source=tests/e2e/table.sh
. "$here/../e2e/table.sh"
# shellcheck source=tests/e2e/wait.sh
. "$here/../e2e/wait.sh"
w=$(mktemp -d)
trap 'rm -rf "$w" "$out"' EXIT
client=
HOST4=192.0.2.1 HOST6=2001:db8::1 GUEST4=192.0.2.2 GUEST6=2001:db8::2 UDP="-b 200M"
# shellcheck source=tests/interop/talk.sh
. "$here/talk.sh"
# shellcheck source=tests/interop/vhost_user/guest.sh
. "$here/vhost_user/guest.sh"
# shellcheck source=tests/interop/steps.sh
. "$here/steps.sh"
# shellcheck source=tests/interop/vhost_user/steps.sh
. "$here/vhost_user/steps.sh"
# shellcheck source=tests/interop/vhost_user/firmware.sh
. "$here/vhost_user/firmware.sh"
# shellcheck source=tests/interop/vhost_user/vpn.sh
. "$here/vhost_user/vpn.sh"
# shellcheck source=tests/interop/vhost_user/migrate.sh
. "$here/vhost_user/migrate.sh"

# row NAME COMMAND...: one row; the last line that COMMAND prints are the figures, or the last three why it failed.
row() {
	local name=$prefix-$1 words=$w/words
	shift
	if "$@" >"$words" 2>&1; then ok "$name $(tail -n 1 "$words")"
	else bad "$name" "$(tail -n 3 "$words" | tr '\n' ' ')"; fi
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

# start_server PAIRS [TAP]: with $client it connects to a front-end that listens.
start_server() {
	local queues=
	[ "$1" = 1 ] || queues=,queues=$1
	"$build/tapvm-vhost-user" $client --socket "$w/socket" --net "tap,name=${2:-t0}$queues" --stats >"$w/server.words" 2>&1 &
	server=$!
	[ -n "$client" ] || wait_for test -S "$w/socket"
}

# stop_server: its account must be even.
stop_server() {
	kill -TERM "$server"
	wait "$server" || { echo "status $?: $(tail -n 3 "$w/server.words")"; return 1; }
	grep '^net.*unaccounted=0$' "$w/server.words" || { tail -n 3 "$w/server.words"; return 1; }
}

# ---- QEMU ----
# with_guest NAME PAIRS PACKED PROPERTIES STEPS...: a guest whose NIC has these properties, and what is done with it.
with_guest() {
	local pairs=$2 properties=$4
	prefix=qemu-$1 packed=$3
	shift 4
	make_tap "$pairs"
	start_server "$pairs"
	if start_guest "$pairs" "$packed" "$properties" >"$w/said" && guest net_up >"$w/said" 2>&1; then
		ok "$prefix-boot"
		"$@"
	else
		bad "$prefix-boot" "$(tail -n 3 "$w/said" | tr '\n' ' ')"
	fi
	stop_guest
	row account stop_server
	ip link del t0
}

# ---- dpdk-testpmd ----
# start_testpmd MODE OPTIONS: virtio_user, one pair, a core that polls. The host's queue runs some time after the carrier is
# on; until then it drops what is sent.
start_testpmd() {
	rm -f "$w/testpmd.in"
	mkfifo "$w/testpmd.in"
	stdbuf -o0 dpdk-testpmd --no-huge -m 256 --no-pci --lcores 0@0,1@0 --file-prefix=tapvm$$ --no-telemetry \
		--vdev "net_virtio_user0,path=$w/socket,queues=1,mac=02:54:41:50:00:02,$2" -- \
		-i --auto-start --total-num-mbufs=2048 "--forward-mode=$1" <"$w/testpmd.in" >"$w/testpmd.words" 2>&1 &
	testpmd=$!
	exec {to_testpmd}>"$w/testpmd.in"
	if ! wait_for grep -q 'testpmd> ' "$w/testpmd.words" || ! wait_for grep -q up /sys/class/net/t0/operstate; then
		cat /sys/class/net/t0/operstate
		tail -n 3 "$w/testpmd.words"
		return 1
	fi
}

from_tap() { cat /sys/class/net/t0/statistics/rx_packets; }
at_least() { [ "$("$1")" -ge "$2" ]; }
# testpmd_count RX|TX: frames that it has taken from its ring, or given into it.
testpmd_count() {
	echo 'show port stats 0' >&"$to_testpmd"
	sed -n "s/.*$1-packets: \\([0-9]*\\).*/\\1/p" "$w/testpmd.words" | tail -n 1 | grep . || echo 0
}
testpmd_received() { testpmd_count RX; }
# It drops what its full ring does not take; all that it gave is here.
all_came_back() {
	[ "$(testpmd_count RX)" -ge $FRAMES ] || return
	local given
	given=$(testpmd_count TX)
	[ "$given" -gt 0 ] && [ "$(from_tap)" -ge "$given" ]
}

FRAMES=2000
# Datagrams to the guest, who needs no ARP for it.
send_frames() {
	local i
	ip neigh replace $GUEST4 lladdr 02:54:41:50:00:02 dev t0
	exec {datagrams}>/dev/udp/$GUEST4/9
	for ((i = 0; i < FRAMES; i++)); do echo "frame $i" >&"$datagrams"; done
	exec {datagrams}>&-
}

testpmd_txonly() { wait_for at_least from_tap $FRAMES && echo "$(from_tap) frames"; }
testpmd_rxonly() { send_frames && wait_for at_least testpmd_received $FRAMES && echo "$(testpmd_received) frames"; }
testpmd_macswap() { send_frames && wait_for all_came_back && echo "$(from_tap) of $FRAMES frames came back"; }

# testpmd NAME OPTIONS MODE...: OPTIONS of virtio_user.
testpmd() {
	local mode options=$2
	prefix=testpmd-$1
	shift 2
	for mode in "$@"; do
		make_tap 1
		ip link set t0 txqueuelen $((2 * FRAMES))
		start_server 1
		if start_testpmd "$mode" "$options" >"$w/said" 2>&1; then row "$mode" "testpmd_$mode"
		else bad "$prefix-$mode" "$(tail -n 3 "$w/said" | tr '\n' ' ')"; fi
		echo quit >&"$to_testpmd"
		exec {to_testpmd}>&-
		wait $testpmd
		row "$mode-account" stop_server
		ip link del t0
	done
}

iperf3 -s >"$w/iperf3" 2>&1 &
busybox httpd -p 7001 -h "$w"
if [ -z "$NO_KERNEL" ]; then
	make_guest
	with_guest 1-split 1 off "" all_steps 1 0
	with_guest 1-packed 1 on "" all_steps 1 1
	if "$build/tapvm-vhost-user" --help | grep -q 'queues='; then
		with_guest 2-split 2 off "" all_steps 2 2
		with_guest 2-packed 2 on "" all_steps 2 3
	else
		skip qemu-2 "the server has no second queue pair"
	fi
	with_guest legacy 1 off ,disable-legacy=off,disable-modern=on,mrg_rxbuf=off legacy_steps
	vpn
	migration off
	migration on
else
	skip qemu "$NO_KERNEL"
fi
firmware
# The tiny guest, whose driver is ours, by QEMU's front-end.
table selftest "$build/tapvm" selftest --with qemu-vhost-user --stats
testpmd split packed_vq=0 txonly rxonly macswap
testpmd packed packed_vq=1 txonly rxonly macswap
# It listens; a buffer a frame, used in any order.
client=--client
testpmd listens server=1,packed_vq=1,mrg_rxbuf=0,in_order=0 macswap
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
