#!/bin/sh
# vpn.sh BUILD_DIR: docs/examples/vpn.c between two namespaces that a veth joins, and a network behind each:
#   left (10.1.0.2) - west (10.1.0.1, tunnel 10.8.0.1) = UDP over 192.0.2.1, .2 = east (tunnel 10.8.0.2, 10.2.0.1) - right (10.2.0.2)
set -u
build=$1
here=$(dirname "$0")
# shellcheck source=tests/e2e/table.sh
. "$here/table.sh"
# shellcheck source=tests/e2e/wait.sh
. "$here/wait.sh"
vpn=$build/examples/vpn
w=$(mktemp -d) || exit 1

[ -x "$vpn" ] || { bad vpn "$vpn is not built"; sum_up; exit 1; }
if ! unshare -n true 2>/dev/null || ! [ -w /dev/net/tun ]; then
	skip vpn "needs root for namespaces, and /dev/net/tun"
	sum_up
	exit 0
fi

# A namespace lives with the process that holds it, whose number is in a file of its name.
holders=''
hold() {
	unshare -n sleep 1000 &
	echo $! >"$w/$1"
	holders="$holders $!"
	wait_for sh -c "[ \"\$(readlink /proc/$!/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]"
}
holder() { cat "$w/$1"; }
in_ns() {
	holder=$(holder "$1")
	shift
	nsenter -t "$holder" -n "$@"
}
cleanup() {
	# shellcheck disable=SC2086
	kill $holders ${west_vpn-} ${east_vpn-} ${far_nc-} 2>/dev/null
	wait
	rm -rf "$w" "$out"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

for name in west east left right; do hold $name; done

# veth NAME_A ADDRESS_A NAME_B ADDRESS_B: joins two of them; the interface has the other one's name.
veth() {
	ip link add "$3" netns "$(holder "$1")" type veth peer name "$1" netns "$(holder "$3")"
	in_ns "$1" ip addr add "$2" dev "$3"
	in_ns "$3" ip addr add "$4" dev "$1"
	in_ns "$1" ip link set "$3" up
	in_ns "$3" ip link set "$1" up
}
veth west 192.0.2.1/24 east 192.0.2.2/24
veth left 10.1.0.2/24 west 10.1.0.1/24
veth right 10.2.0.2/24 east 10.2.0.1/24
in_ns left ip route add default via 10.1.0.1
in_ns right ip route add default via 10.2.0.1
for name in west east; do in_ns $name sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'; done

start_west() {
	nsenter -t "$(holder west)" -n "$vpn" tun0 10.8.0.1/30 192.0.2.1 192.0.2.2 5555 10.2.0.0/24 >"$w/west.says" 2>&1 &
	west_vpn=$!
}
start_east() {
	: >"$w/east.says" # what an earlier one said is not waited for
	nsenter -t "$(holder east)" -n "$vpn" tun0 10.8.0.2/30 192.0.2.2 192.0.2.1 5555 10.1.0.0/24 >"$w/east.says" 2>&1 &
	east_vpn=$!
	wait_for grep -q '^tun0: ' "$w/east.says"
}
result() { # NAME COMMAND...: it succeeds
	name=$1
	shift
	if "$@" >"$out" 2>&1; then ok "vpn-$name"; else bad "vpn-$name" "$(tail -2 "$out" | tr '\n' ' ')"; fi
}

# One side alone, whose peer is not there: what is sent is lost, and it goes on.
start_west
wait_for grep -q '^tun0: ' "$w/west.says"
in_ns west ping -c 3 -i 0.01 -W 0.01 -q 10.8.0.2 >/dev/null 2>&1
start_east
result starts grep -q '^tun0: 192.0.2.1 to 192.0.2.2, port 5555$' "$w/west.says"
result ping in_ns west ping -c 5 -i 0.01 -W 20 -q 10.8.0.2
result ping-back in_ns east ping -c 5 -i 0.01 -W 20 -q 10.8.0.1
result ping-of-the-mtu in_ns west ping -c 5 -i 0.01 -W 20 -q -M "do" -s 1372 10.8.0.2
result ping-in-fragments in_ns west ping -c 5 -i 0.01 -W 20 -q -s 9000 10.8.0.2
if in_ns west ping -c 1 -W 1 -q -M "do" -s 1373 10.8.0.2 >"$out" 2>&1; then bad vpn-beyond-the-mtu "it went through"
else ok vpn-beyond-the-mtu; fi
result ping-behind in_ns left ping -c 5 -i 0.01 -W 20 -q 10.2.0.2

# A file by TCP, from the network behind one to the network behind the other.
head -c 8000000 /dev/urandom >"$w/sent"
in_ns right timeout 120 nc -l -N 7000 >"$w/came" </dev/null &
far_nc=$!
wait_for sh -c "nsenter -t $(holder right) -n ss -ltn | grep -q ':7000 '"
result tcp-behind in_ns left sh -c "timeout 60 nc -N 10.2.0.2 7000 <'$w/sent'"
wait $far_nc
result tcp-whole cmp "$w/sent" "$w/came"

# It was that way: the tunnel's packets are counted, and the networks have no other.
packets=$(in_ns east ip -s link show tun0 | awk 'rx { print $2; exit } /RX:/ { rx = 1 }')
if [ "${packets:-0}" -gt 1000 ]; then ok vpn-tunnel; else bad vpn-tunnel "$packets packets came by it"; fi

# A peer that ends takes its TUN with it; one that comes again is heard.
kill "$east_vpn"
wait "$east_vpn" 2>/dev/null
if in_ns east ip link show tun0 >/dev/null 2>&1; then bad vpn-ends "tun0 is left"; else ok vpn-ends; fi
in_ns west ping -c 3 -i 0.01 -W 0.01 -q 10.8.0.2 >/dev/null 2>&1
start_east
result ping-again in_ns west ping -c 5 -i 0.01 -W 20 -q 10.8.0.2

# Bad usage, in words.
refuses() { # NAME PATTERN WORD...
	name=$1 pattern=$2
	shift 2
	in_ns west "$vpn" "$@" >"$out" 2>&1
	rc=$?
	if [ $rc = 1 ] && [ "$(wc -l <"$out")" = 1 ] && grep -q "^vpn: .*$pattern" "$out"; then ok "vpn-refuses-$name"
	else bad "vpn-refuses-$name" "status $rc: $(cat "$out")"; fi
}
refuses no-words usage
refuses no-address 'nowhere is no IPv4 address' tun1 10.8.0.9/30 nowhere 192.0.2.2 5555
refuses no-port 'abc is no port' tun1 10.8.0.9/30 192.0.2.1 192.0.2.2 abc
refuses port-past-the-last '65536 is no port' tun1 10.8.0.9/30 192.0.2.1 192.0.2.2 65536
refuses busy 'attach to TUN tun0: process .* uses it' tun0 10.8.0.9/30 192.0.2.1 192.0.2.2 5556
refuses prefix 99 tun1 10.8.0.9/99 192.0.2.1 192.0.2.2 5555
result alive kill -0 "$west_vpn"
sum_up
