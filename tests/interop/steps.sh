# steps.sh: sourced by what runs a guest with guest-init: what is done with it and its NIC, a function a row. $w/initrd is what
# it was booted with, and an HTTP server at port 7001 has the folder $w.
# shellcheck shell=bash
: "${w:?}" "${HOST4:?}" "${HOST6:?}" "${GUEST4:?}" "${GUEST6:?}" "${packed:=off}" "${to_guest:=}" "${BOOT_S:?}" "${UDP:?}"

# ---- frames ----
agreed() {
	local bits
	bits=$(guest 'cat /sys/bus/virtio/devices/virtio0/features') || return
	echo "$bits"
	# Bit 34 is the layout of the rings.
	if [ "$packed" = on ]; then [ "${bits:34:1}" = 1 ]; else [ "${bits:34:1}" = 0 ]; fi
}

# ping_frames FIRST STEP: sizes as long as one frame takes them.
ping_frames() {
	local size sent=0
	for ((size = $1; size <= 1472; size += $2)); do
		ping -q -n -c 1 -W 20 -s "$size" "$GUEST4" >"$w/ping" || { echo "IPv4, $size bytes: $(cat "$w/ping")"; return 1; }
		[ "$size" -gt 1452 ] ||
			ping -6 -q -n -c 1 -W 20 -s "$size" "$GUEST6" >"$w/ping" || { echo "IPv6, $size bytes: $(cat "$w/ping")"; return 1; }
		sent=$((sent + 1))
	done
	echo "$sent sizes"
}

ping_fragments() {
	guest "for size in 1452 1453 1472 1473 2948 2961 9000 32768 65000; do
		ping -q -c 1 -W 20 -s \$size $HOST4 && ping -6 -q -c 1 -W 20 -s \$size $HOST6 || exit 1; done" |
		grep -c ' 0% packet loss'
}

# By iperf3 in the guest; -R: the host sends.
tcp() { guest "iperf -c $*"; }
udp() { guest "iperf -u $UDP -c $*"; }

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

# Every queue of the guest's has carried something. Newer drivers let ethtool count a queue's packets only where the device
# does; else its interrupts tell.
queues_used() {
	guest "ethtool -S eth0 | grep -E '[rt]x(_queue_)?[0-9]+(_hw)?_packets:' || awk '/virtio0-(in|out)put/ {
		for (i = 2; \$i ~ /^[0-9]+\$/; i++) count[\$NF] += \$i } END { for (queue in count) print queue \":\", count[queue] }' \
		/proc/interrupts" >"$w/counters" && [ -s "$w/counters" ] && ! grep ' 0$' "$w/counters" && tr '\n' ' ' <"$w/counters"
}

# ---- lives ----
interface_down_up() { guest "for round in 1 2 3; do ip link set eth0 down && net_up || exit; done"; }

RELOAD="rmmod virtio_net && insmod /modules/virtio_net.ko"
reload() { guest "for round in 1 2 3; do $RELOAD && net_up || exit; done"; }

reboot_guest() {
	echo "reboot -f" >&"$to_guest"
	hear @ready "$BOOT_S" && guest net_up
}
