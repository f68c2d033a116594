# migrate.sh: sourced by vhost_user.sh: a guest goes from one QEMU and server of ours to another of each, live; both servers'
# TAPs are ports of one bridge:   guest - QEMU a, server a - ta \ b0 / tb - server b, QEMU b
# shellcheck shell=bash
: "${w:?}" "${top:?}" "${HOST4:?}" "${HOST6:?}" "${GUEST4:?}" "${prefix:=}" "${packed:=off}" "${to_guest:=}"
MIGRATED_BYTES=8000000 QUEUED_BYTES=1000000

make_bridge() {
	local tap
	ip link add b0 type bridge
	sysctl -qw net.ipv6.conf.b0.accept_dad=0
	ip addr add "$HOST4/24" dev b0
	ip addr add "$HOST6/64" dev b0
	ip link set b0 up
	for tap in ta tb; do
		ip tuntap add dev $tap mode tap vnet_hdr
		ip link set $tap master b0 up
	done
}

# end NAME [WORD...]: a server, and a QEMU that nobody waits for. Without GUEST_ANNOUNCE, as in split rings here, it is the
# back-end that tells the network.
end() {
	mkdir -p "$top/$1"
	at "$1"
	ln -f "$top/initrd" "$w/initrd"
	start_server 1 "t$1"
	launch_guest 1 "$packed" ",guest_announce=$packed" "${@:2}"
	keep "$1"
}

migrate_boot() {
	rm -f "$top/state"
	end a && hear @ready "$BOOT_S" && guest net_up && end b -incoming "unix:$top/state" && wait_for test -S "$top/state"
}

info() {
	monitor 'info migrate'
	grep -aq "$1" "$w/monitor.words"
}

# What the guest has received and nobody has read.
queued() {
	guest "cat /proc/net/tcp /proc/net/tcp6" | sed -n 's/.*:1388 [0-9A-F]*:[0-9A-F]* 0[15] [0-9A-F]*:\([0-9A-F]*\) .*/\1/p'
}
queued_enough() { [ $((0x$(queued))) -ge $QUEUED_BYTES ]; }

# Memory has been copied once, and is written by the guest faster than it is copied, before the file comes: what of it is in
# the guest's socket goes along by the log of dirty pages or not at all. Nothing of it is read until the guest is there.
migrate_under_traffic() {
	local pings sender
	head -c $MIGRATED_BYTES /dev/urandom >"$top/file"
	at a
	guest "sysctl -qw net.ipv4.tcp_rmem='4096 4194304 4194304' && mkfifo /tmp/go || exit;
		{ nc -l -p 5000 | { read -r go </tmp/go; md5sum; } >/tmp/sum; } 2>/dev/null &
		{ while [ ! -e /tmp/stop ]; do dd if=/dev/urandom of=/tmp/dirty bs=64k count=64; done; } 2>/dev/null &" || return 1
	ping -f -q "$GUEST4" >"$top/ping" &
	pings=$!
	monitor 'migrate_set_parameter downtime-limit 1'
	monitor 'migrate_set_parameter max-bandwidth 24M'
	monitor "migrate -d unix:$top/state"
	wait_for info 'dirty sync count: [2-9]' || { tail -n 20 "$w/monitor.words"; return 1; }
	monitor 'migrate_set_parameter max-bandwidth 4M'
	cat "$top/file" >"/dev/tcp/$GUEST4/5000" &
	sender=$!
	wait_for queued_enough || { echo "$(queued) bytes are in the guest's socket"; return 1; }
	guest 'touch /tmp/stop' || return 1
	monitor 'migrate_set_parameter downtime-limit 1000'
	monitor 'migrate_set_parameter max-bandwidth 1G'
	wait_for info 'status: completed' || { tail -n 20 "$w/monitor.words"; return 1; }
	at b
	guest 'echo >/tmp/go' && wait $sender && reach_guest || return 1
	kill -INT $pings
	wait $pings
	sed -n 's/^\(downtime\|total time\): \([0-9]* ms\).*/\1 \2,/p' "$top/a/monitor.words" "$top/ping" | tail -n 2 | tr '\n' ' '
	sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\2 of \1 pings answered/p' "$top/ping"
}

reach_guest() { ping -q -c 1 -W 20 "$GUEST4" >"$top/reach"; }

migrate_memory() {
	guest 'wait_for test -s /tmp/sum && cut -c 1-32 /tmp/sum' >"$top/there" || { cat "$top/there"; return 1; }
	[ "$(cat "$top/there")" = "$(md5sum <"$top/file" | cut -c 1-32)" ] || { echo "another sum"; return 1; }
	echo "$MIGRATED_BYTES bytes that came meanwhile"
}

# The bridge has heard of the guest at its new port.
migrate_announce() {
	bridge fdb show br b0 | grep -iq '^02:54:41:50:00:02 dev tb ' && wait_for grep -q . "$top/announced" && head -n 1 "$top/announced"
}

migration() {
	packed=$1
	prefix=migrate-$([ "$1" = on ] && echo packed || echo split)
	make_bridge
	tshark -l -i tb -Y 'arp.opcode == 3 || arp.isgratuitous' >"$top/announced" 2>"$top/tshark.words" &
	local tshark=$! name
	row boot migrate_boot
	row under-traffic migrate_under_traffic
	row memory migrate_memory
	row announce migrate_announce
	row files files
	for name in a b; do
		at $name
		stop_guest
		row account-$name stop_server
	done
	kill $tshark
	wait $tshark
	w=$top
	for name in b0 ta tb; do ip link del $name; done
}
