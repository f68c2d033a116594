# steps.sh: sourced by vhost_user.sh: what is done with a guest, a function a row.
# shellcheck shell=bash
: "${w:?}" "${HOST4:?}" "${HOST6:?}" "${GUEST4:?}" "${GUEST6:?}" "${packed:=off}" "${server:=}" "${to_guest:=}"

# ---- frames ----
agreed() {
	local bits
	bits=$(guest 'cat /sys/bus/virtio/devices/virtio0/features') || return
	echo "$bits"
	# Bit 34 is the layout of the rings.
	if [ "$packed" = on ]; then [ "${bits:34:1}" = 1 ]; else [ "${bits:34:1}" = 0 ]; fi
}

# A driver as before virtio 1.0: neither VERSION_1 nor, in its header, num_buffers.
legacy_agreed() {
	local bits
	bits=$(guest 'cat /sys/bus/virtio/devices/virtio0/features') || return
	echo "$bits"
	[ "${bits:32:1}" = 0 ] && [ "${bits:15:1}" = 0 ]
}

# Sizes from $1 on in steps of 4, as long as one frame takes them: four guests see all.
ping_frames() {
	local size sent=0
	for ((size = $1; size <= 1472; size += 4)); do
		ping -q -n -c 1 -W 20 -s "$size" "$GUEST4" >"$w/ping" || { echo "IPv4, $size bytes: $(cat "$w/ping")"; return 1; }
		[ "$size" -gt 1452 ] ||
			ping -6 -q -n -c 1 -W 20 -s "$size" "$GUEST6" >"$w/ping" || { echo "IPv6, $size bytes: $(cat "$w/ping")"; return 1; }
		sent=$((sent + 1))
	done
	echo "$sent sizes from $1"
}

ping_fragments() {
	guest "for size in 1452 1453 1472 1473 2948 2961 9000 32768 65000; do
		ping -q -c 1 -W 20 -s \$size $HOST4 && ping -6 -q -c 1 -W 20 -s \$size $HOST6 || exit 1; done" |
		grep -c ' 0% packet loss'
}

# The last bit rate of iperf3's report: what was received.
figure() { awk -F '[:,]' '/"bits_per_second"/ { rate = $2 } END { if (rate > 0) printf "%.1f Mbit/s\n", rate / 1e6; else exit 1 }'; }

# tcp HOST [-R]: iperf3 in the guest; -R: the host sends.
tcp() {
	guest "iperf3 -J -t 1 -c $*" >"$w/iperf3.json" || { cat "$w/iperf3.json"; return 1; }
	figure <"$w/iperf3.json"
}

udp() {
	guest "iperf3 -J -u -b 200M -t 1 -c $*" >"$w/iperf3.json" || { cat "$w/iperf3.json"; return 1; }
	sed -n '/"sum":/,/}/s/.*"\(lost_packets\|packets\)":[[:space:]]*\([0-9]*\).*/\2 \1/p' "$w/iperf3.json" | tail -n 2 | tr '\n' ' '
	figure <"$w/iperf3.json"
}

# What arrives is what was sent: a file each way.
files() {
	local sum there
	sum=$(sha256sum <"$w/initrd")
	there=$(guest "wget -qO /tmp/file http://$HOST4:7001/initrd && sha256sum </tmp/file")
	[ "$there" = "$sum" ] || { echo "to the guest: $there"; return 1; }
	guest "pidof httpd >/dev/null || httpd -p 7002 -h /tmp" && busybox wget -qO "$w/back" "http://$GUEST4:7002/file" || return
	[ "$(sha256sum <"$w/back")" = "$sum" ] || { echo "from the guest: another sum"; return 1; }
	stat -c '%s bytes each way' "$w/back"
}

# ---- settings ----
# Each offload of the guest's off, and on again: what it sends then is finished by the guest, by us, by the host.
offloads() {
	guest "for what in tso gso gro tx sg; do ethtool -K eth0 \$what off || exit; done" && files && tcp "$HOST4" &&
		guest "for what in sg tx gro gso tso; do ethtool -K eth0 \$what on || exit; done" && files &&
		guest "echo \$(ethtool -k eth0 | grep -c ': on') features on"
}

# channels PAIRS: one, and all again; more than there are is refused.
channels() {
	local count
	for count in 1 "$1"; do
		guest "ethtool -L eth0 combined $count; ethtool -l eth0 | tail -n 2 | grep -q 'Combined:.$count' && reach $HOST4" &&
			tcp "$HOST4" -P $((2 * count)) || return
	done
	! guest "ethtool -L eth0 combined $(($1 + 1)) 2>/dev/null" && echo "1 and $1, not $(($1 + 1))"
}

# Other sizes of rings need the reset of single queues, which QEMU does not pass on: refused, or it works.
ring_sizes() { guest "ethtool -G eth0 rx 64 tx 64; net_up"; }

# Every queue of the guest's has carried something.
queues_used() {
	guest "ethtool -S eth0 | grep -E '_[0-9]+_packets:'" >"$w/counters" && ! grep ' 0$' "$w/counters" &&
		tr '\n' ' ' <"$w/counters"
}

# ---- lives ----
link_down_up() {
	monitor "set_link nic0 off"
	guest "wait_for grep -q 0 /sys/class/net/eth0/carrier" || return
	monitor "set_link nic0 on"
	guest "wait_for grep -q 1 /sys/class/net/eth0/carrier && net_up"
}

interface_down_up() { guest "for round in 1 2 3; do ip link set eth0 down && net_up || exit; done"; }

# memory_blocks COUNT: until the guest has so many, of 128 MiB each; it has 2.
memory_blocks() { guest "wait_for sh -c '[ \$(ls -d /sys/devices/system/memory/memory*[0-9] | wc -l) = $1 ]'"; }
# Memory plugged and unplugged: QEMU tells of it while rings run, once for each pair.
memory() {
	monitor "object_add memory-backend-memfd,id=more,size=128M,share=on"
	monitor "device_add pc-dimm,id=dimm,memdev=more"
	memory_blocks 3 && files || return
	monitor "device_del dimm"
	memory_blocks 2 && files && ! grep vhost_set_mem_table "$w/qemu.words"
}

RELOAD="rmmod virtio_net && insmod /modules/virtio_net.ko"
reload() { guest "for round in 1 2 3; do $RELOAD && net_up || exit; done"; }

reboot_guest() {
	echo "reboot -f" >&"$to_guest"
	hear @ready "$BOOT_S" && guest net_up
}

# server_again PAIRS SIGNAL: QEMU connects to the next server by itself. Where it was in packed rings QEMU does not know
# without the server that was: there the driver starts them anew.
server_again() {
	kill "-$2" "$server"
	{ wait "$server"; } 2>/dev/null
	start_server "$1" || return
	[ "$packed" = off ] || guest "$RELOAD" || return
	guest net_up
}

legacy_steps() {
	row features legacy_agreed
	row ping-frames ping_frames 0
	row files files
	row tcp-out tcp "$HOST4"
	row tcp-in tcp "$HOST4" -R
	row reload reload
}

# all_steps PAIRS FIRST_SIZE
all_steps() {
	row features agreed
	row ping-frames ping_frames "$2"
	row ping-fragments ping_fragments
	row tcp-out tcp "$HOST4"
	row tcp-in tcp "$HOST4" -R
	row tcp6-out tcp "$HOST6"
	row tcp6-in tcp "$HOST6" -R
	row udp-out udp "$HOST4"
	row udp-in udp "$HOST4" -R
	row files files
	row offloads offloads
	row channels channels "$1"
	row ring-sizes ring_sizes
	row queues queues_used
	row link link_down_up
	row down-up interface_down_up
	row memory memory
	row reload reload
	row reboot reboot_guest
	row server-restart server_again "$1" TERM
	row server-killed server_again "$1" KILL
	row files-at-last files
}
