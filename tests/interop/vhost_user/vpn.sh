# vpn.sh: sourced by vhost_user.sh: docs/examples/vpn.c between two guests, each on a NIC of ours in a namespace of its own:
#   guest (10.1.0.2) - west (10.1.0.1, tunnel) = UDP over 198.51.100.1, .2 = east (tunnel, 10.2.0.1) - guest (10.2.0.2)
# shellcheck shell=bash
: "${w:?}" "${build:?}" "${prefix:=}" "${server:=}" "${top:?}"
VPN_BYTES=4000000

declare -A its_vpn

# side NAME NET LOCAL PEER FAR: host side, guest and tunnel of one end.
side() {
	mkdir "$top/$1"
	at "$1"
	cp "$top/initrd" "$w/initrd"
	ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1
	ip netns exec "$1" "$build/tapvm-vhost-user" --socket "$w/socket" --net "tap,name=t0,ip=$2.1/24" --stats \
		>"$w/server.words" 2>&1 &
	server=$!
	wait_for test -S "$w/socket" || return 1
	ip netns exec "$1" "$build/examples/vpn" tun0 "10.8.0.${3##*.}/30" "$3" "$4" 5555 "$5.0/24" >"$w/vpn.words" 2>&1 &
	its_vpn[$1]=$!
	start_guest 1 off
	keep "$1"
	guest "ip link set eth0 up && ip addr add $2.2/24 dev eth0 && ip route add default via $2.1 && reach $2.1"
}

vpn_up() {
	ip netns add west && ip netns add east || return 1
	ip link add up0 netns west type veth peer name up0 netns east
	ip -n west addr add 198.51.100.1/24 dev up0
	ip -n east addr add 198.51.100.2/24 dev up0
	ip -n west link set up0 up
	ip -n east link set up0 up
	side west 10.1.0 198.51.100.1 198.51.100.2 10.2.0 && side east 10.2.0 198.51.100.2 198.51.100.1 10.1.0
}

# Sizes of one frame, of one that the tunnel's MTU cuts, and of many. Of each one is answered at least: the first that is
# too long for the tunnel is the one that tells of its MTU.
vpn_ping() {
	local whole
	at west
	whole=$(guest "for size in 0 1 56 1372 1400 1472 8000 20000; do
		ping -q -c 2 -W 20 -s \$size 10.2.0.2 || exit 1; done" | grep -c ' 0% packet loss') || return 1
	echo "8 sizes, $whole of them without a loss"
}

vpn_file() {
	at east
	guest "head -c $VPN_BYTES /dev/urandom >/tmp/file && busybox httpd -p 80 -h /tmp && md5sum </tmp/file" >"$top/there"
	at west
	guest "wget -q -O - http://10.2.0.2/file | md5sum" >"$top/here"
	grep -o '^[0-9a-f]\{32\}' "$top/there" >"$top/sum"
	[ -s "$top/sum" ] && grep -qf "$top/sum" "$top/here" && echo "$VPN_BYTES bytes by TCP"
}

vpn() {
	prefix=vpn
	row boot vpn_up
	row ping vpn_ping
	row file vpn_file
	local name
	for name in west east; do
		at $name
		stop_guest
		kill "${its_vpn[$name]}"
		wait "${its_vpn[$name]}"
		row $name-account stop_server
		ip netns del $name
	done
	w=$top
}
