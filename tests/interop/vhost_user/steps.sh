# steps.sh: sourced by vhost_user.sh: what is done with a guest of QEMU's on our server, beside what is done with any.
# shellcheck shell=bash
: "${w:?}" "${HOST4:?}" "${HOST6:?}" "${packed:=off}" "${server:=}"

# A driver as before virtio 1.0: neither VERSION_1 nor, in its header, num_buffers.
legacy_agreed() {
	local bits
	bits=$(guest 'cat /sys/bus/virtio/devices/virtio0/features') || return
	echo "$bits"
	[ "${bits:32:1}" = 0 ] && [ "${bits:15:1}" = 0 ]
}

# Other sizes of rings need the reset of single queues, which QEMU does not pass on: refused, or it works.
ring_sizes() { guest "ethtool -G eth0 rx 64 tx 64; net_up"; }

link_down_up() {
	monitor "set_link nic0 off"
	guest "wait_for grep -q 0 /sys/class/net/eth0/carrier" || return
	monitor "set_link nic0 on"
	guest "wait_for grep -q 1 /sys/class/net/eth0/carrier && net_up"
}

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
	row ping-frames ping_frames 0 4
	row files files
	row tcp-out tcp "$HOST4"
	row tcp-in tcp "$HOST4" -R
	row reload reload
}

# all_steps PAIRS FIRST_SIZE: every fourth size of a frame, so that four guests see all.
all_steps() {
	row features agreed
	row ping-frames ping_frames "$2" 4
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
