#!/bin/bash
# uml.sh BUILD: tapvm-vhost-user under user-mode-linux, whose virtio_uml passes the control queue on. Outside the gate: on
# many processors this kernel dies before it starts anything, and then all is skipped.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
if [ -z "${TAPVM_INTEROP_INSIDE:-}" ]; then
	user=
	[ "$(id -u)" = 0 ] || user=-r
	TAPVM_INTEROP_INSIDE=1 exec unshare $user -nmpf --kill-child --mount-proc "$0" "$@"
fi
mount -t sysfs sys /sys
ip link set lo up
# shellcheck source=tests/e2e/table.sh
. "$here/../e2e/table.sh"
# shellcheck source=tests/e2e/wait.sh
. "$here/../e2e/wait.sh"
w=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$w" "$out"' EXIT
cache=$w
# shellcheck source=tests/interop/kernel.sh
. "$here/kernel.sh"

# The guest's rows are its own words: it runs by itself and ends.
make_guest() {
	local module
	bare_tree "$w/tree"
	add_program "$w/tree" "$(command -v busybox)"
	for module in net/core/failover drivers/net/net_failover drivers/net/virtio_net; do
		cp /usr/lib/uml/modules/*/kernel/$module.ko "$w/tree/modules/"
	done
	cat >"$w/tree/init" <<-'END'
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		for module in failover net_failover virtio_net; do insmod /modules/$module.ko; done
		row() {
			name=$1
			shift
			if "$@" >/dev/null 2>&1; then echo "@ok $name"; else echo "@bad $name"; fi
		}
		echo "@features $(cat /sys/bus/virtio/devices/virtio0/features)"
		row up ip link set eth0 up
		row address ip addr add 192.0.2.2/24 dev eth0
		row ping ping -c 5 -W 20 192.0.2.1
		row ping-fragments ping -c 2 -W 20 -s 9000 192.0.2.1
		# By the control queue: receive modes and an address.
		row promiscuous ip link set eth0 promisc on
		row mac ip link set eth0 address 02:54:41:50:00:03
		row ping-new-mac ping -c 5 -W 20 192.0.2.1
		row down ip link set eth0 down
		row up-again ip link set eth0 up
		row ping-again ping -c 5 -W 20 192.0.2.1
		echo @end
		poweroff -f
	END
	chmod +x "$w/tree/init"
	pack "$w/tree" "$w/initrd"
}

make_guest
ip tuntap add dev t0 mode tap vnet_hdr
ip addr add 192.0.2.1/24 dev t0
ip link set t0 up
"$build/tapvm-vhost-user" --socket "$w/socket" --net tap,name=t0 --stats >"$w/server.words" 2>&1 &
server=$!
wait_for test -S "$w/socket"
TMPDIR=$w timeout --foreground -k 1 60 setsid linux.uml mem=128M "initrd=$w/initrd" "virtio_uml.device=$w/socket:1" con=null con0=fd:0,fd:1 \
	"uml_dir=$w" umid=tapvm </dev/null >"$w/words" 2>&1
status=$?
if grep -q '^@features' "$w/words"; then
	while read -r word name _; do
		case $word in
		@ok) ok "uml-$name" ;;
		@bad) bad "uml-$name" "it failed in the guest" ;;
		esac
	done < <(tr -d '\r' <"$w/words")
	if grep -q '^@end' "$w/words"; then ok uml-end; else bad uml-end "status $status: $(tail -n 2 "$w/words")"; fi
	kill -TERM $server
	if wait $server && grep -q 'unaccounted=0$' "$w/server.words"; then ok uml-account
	else bad uml-account "$(tail -n 3 "$w/server.words" | tr '\n' ' ')"; fi
else
	skip uml "user-mode-linux did not come to its first program in 60 s: status $status, $(tail -n 2 "$w/words" | tr '\n' ' ')"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
