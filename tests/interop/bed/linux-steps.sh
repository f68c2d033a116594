# linux-steps.sh: sourced by linux-cases.sh: a stock Linux guest under tapvm, and what is done with it beside what
# tests/interop/steps.sh has for any guest. A step's last line is its figure.
# shellcheck shell=bash
: "${w:?}" "${HOST4:?}" "${GUEST4:?}" "${MAC:?}" "${BOOT_S:?}" "${packed:?}" "${heard:=}"
tracing=/sys/kernel/tracing
QUIET="console=ttyS0 quiet panic=-1"

# ---- the machine ----
# Exits to user space are counted by KVM's trace point, from here on.
count_exits() {
	echo '!hist:keys=reason' >$tracing/events/kvm/kvm_userspace_exit/trigger
	echo 'hist:keys=reason' >$tracing/events/kvm/kvm_userspace_exit/trigger
}
exits() { sed -n 's/^ *Hits: //p' $tracing/events/kvm/kvm_userspace_exit/hist; }

# launch COMMAND...: a machine whose serial line is its standard input and output.
launch() {
	rm -f "$w/in" "$w/out" "$w/lost"
	mkfifo "$w/in" "$w/out"
	"$@" <"$w/in" >"$w/out" 2>"$w/vm.words" &
	vm=$!
	exec {to_guest}<>"$w/in" {from_guest}<>"$w/out"
}

# boot COMMAND...: until the guest takes commands; $exited: exits to user space by then.
boot() {
	local start=$EPOCHREALTIME end
	count_exits
	launch "$@"
	hear @ready "$BOOT_S" || return
	end=$EPOCHREALTIME exited=$(exits)
	awk "BEGIN { printf \"%.1f s, $exited exits\\n\", $end - $start }"
}

# lives COMMAND...: as far as its first program, by what its kernel says.
lives() {
	launch "$@"
	hear "Run /init" "$BOOT_S" >"$w/said" || return
	kill "$vm"
	wait "$vm"
	exec {to_guest}>&- {from_guest}>&-
	echo "Run /init$heard"
}

exits_below() { [ "$exited" -lt "$1" ] || { echo "$exited exits by the end of the boot, not below $1"; return 1; }; }

# ends COMMAND STATUS: by that command in the guest, with that status of tapvm's, and each NIC's account even.
ends() {
	local status=0
	echo "$1" >&"$to_guest"
	wait "$vm" || status=$?
	exec {to_guest}>&- {from_guest}>&-
	[ "$status" = "$2" ] || { echo "status $status, not $2: $(tail -n 2 "$w/vm.words")"; return 1; }
	! grep 'unaccounted=[^0]' "$w/vm.words"
}

memory() { guest "awk '/MemTotal/ { print \$2, \$3; exit \$2 < $1 }' /proc/meminfo"; }

# ---- disks and random bytes ----
images() { for name in kept read-only snapshot; do head -c 4M /dev/urandom >"$w/$name"; done; sha256sum "$w/read-only" "$w/snapshot" >"$w/sums"; }

# Each is read, and written if it may be; the guest sees what it wrote, and the file what is to be kept of it.
disks() {
	local name disk=a
	for name in kept read-only snapshot; do
		[ "$(guest "sha256sum </dev/vd$disk")" = "$(sha256sum <"$w/$name")" ] || { echo "vd$disk is not $name"; return 1; }
		disk=$(tr abc bcd <<<"$disk")
	done
	guest "for disk in a c; do dd if=/init of=/dev/vd\$disk conv=fsync && cmp -n \$(stat -c %s /init) /init /dev/vd\$disk || exit; done;
		! dd if=/init of=/dev/vdb" || return
	head -n 1 "$w/kept" | grep -q '^#!/bin/busybox' && sha256sum -c "$w/sums"
}

random() { guest "cat /sys/class/misc/hw_random/rng_current && dd if=/dev/hwrng bs=1k count=16 | wc -c | grep -qx 16384"; }

# ---- the network ----
up() { guest net_up; }

rings() { agreed && if [ "$packed" = on ]; then echo packed; else echo split; fi; }

# No datagram is lost: there is room for all of them.
traffic() {
	local out in udp_out udp_in
	if ! { out=$(tcp "$HOST4") && in=$(tcp "$HOST4" -R) && udp_out=$(udp "$HOST4") && udp_in=$(udp "$HOST4" -R); }; then
		echo "$out $in $udp_out $udp_in"
		return 1
	fi
	[[ $udp_out == *", 0 of "* && $udp_in == *", 0 of "* ]] || { echo "$udp_out, $udp_in"; return 1; }
	echo "TCP $out and $in, UDP $udp_out and $udp_in"
}

# What the host's default route leads to: another namespace, which knows no way back to a guest.
uplink() {
	ip netns add outside && ip link add up0 type veth peer name up0 netns outside || return
	ip addr add 203.0.113.2/24 dev up0
	ip link set up0 up
	ip -n outside addr add $OUTSIDE/24 dev up0
	ip -n outside link set up0 up
	ip route add default via $OUTSIDE
}
OUTSIDE=203.0.113.1

dhcp() {
	guest "ip link set eth0 up && udhcpc -q -n -i eth0 -s /dhcp && reach $OUTSIDE && ip addr show dev eth0 | grep -w inet"
}

second_nic() {
	guest "ip link set eth1 up && ip addr add 192.0.3.2/24 dev eth1 && reach 192.0.3.1"
}

received() { guest "cat /sys/class/net/eth0/statistics/rx_packets"; }
# strays HOST_INTERFACE ADDRESS MAC: how many of 20 frames to that address reach the guest's driver; a few more may be others'.
strays() {
	local before after
	ip neigh replace "$2" lladdr "$3" nud permanent dev "$1"
	before=$(received)
	ping -q -c 20 -i 0.02 -W 1 "$2" >"$w/ping"
	after=$(received)
	echo $((after - before))
}
few_strays() { [ "$(strays "$@")" -lt 10 ]; }

# Addresses and VLANs that the guest did not ask for do not reach it.
filters() {
	local all own vlan=02:54:41:50:00:05
	few_strays t0 192.0.2.9 02:54:41:50:00:99 || { echo "another's frames came"; return 1; }
	guest "ip link set eth0 promisc on" || return
	all=$(strays t0 192.0.2.9 02:54:41:50:00:99)
	[ "$all" -ge 20 ] || { echo "promiscuous, $all of 20 came"; return 1; }
	guest "ip link set eth0 promisc off && ip link set eth0 address 02:54:41:50:00:05" || return
	ip link add link t0 name t0.5 type vlan id 5
	ip addr add 198.51.100.1/24 dev t0.5
	ip link set t0.5 up
	few_strays t0.5 198.51.100.2 $vlan || { echo "another VLAN's frames came"; return 1; }
	own=$(guest "ip link add link eth0 name v5 type vlan id 5 && ip addr add 198.51.100.2/24 dev v5 && ip link set v5 up &&
		reach 198.51.100.1 && ip link del v5") || { echo "$own"; return 1; }
	few_strays t0.5 198.51.100.2 $vlan || { echo "the VLAN's frames still come"; return 1; }
	ip link del t0.5
	guest "ip link set eth0 address $MAC && net_up"
}

# ---- run-time control ----
control() { build/tapvm ctl "$w/control" "$@"; }
path() { control stats | grep -x "net.0.path=$1"; }

# The NIC goes from vhost-net to a worker and back while files go both ways; what arrives is what was sent. A ping may be lost
# that waited in the worker for the guest's buffers when the kernel took over: that is counted.
hand_over() {
	local sum pings back there lost dropped turns=0
	files || return
	sum=$(sha256sum <"$w/initrd")
	busybox wget -qO - "http://$GUEST4:7002/file" | sha256sum >"$w/back" &
	back=$!
	guest "wget -qO - http://$HOST4:7001/initrd | sha256sum >/tmp/sum &" || return
	ping -q -i 0.05 -c 200 -W 20 "$GUEST4" >"$w/ping" &
	pings=$!
	while kill -0 $pings 2>/dev/null; do
		control vhost 0 off && path worker && control vhost 0 on && path vhost || return
		turns=$((turns + 1))
	done
	wait $back $pings
	there=$(guest 'wait_for test -s /tmp/sum && cat /tmp/sum')
	[ "$(cat "$w/back") $there" = "$sum $sum" ] || { echo "$(cat "$w/back") $there, not $sum"; return 1; }
	lost=$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 - \2/p' "$w/ping")
	dropped=$(control stats | sed -n 's/^net.0.rx.drop=//p')
	echo "$turns times there and back, $((lost)) of 200 pings lost, $dropped frames dropped"
	[ $((lost)) -le "$dropped" ]
}

# ---- ethtool ----
# With tx-frames 0 the driver would leave NAPI, which it refuses while it is up.
coalescing() {
	guest "ethtool -C eth0 rx-usecs 200 rx-frames 8 tx-usecs 200 tx-frames 8 &&
		ethtool -c eth0 | grep -q 'rx-frames:.*8' && reach $HOST4 && ethtool -C eth0 rx-usecs 0 rx-frames 1 tx-usecs 0 tx-frames 1"
}

second_queue() { guest "ethtool -S eth0 | sed -n 's/.*rx\(_queue_1\|1_hw\)_packets: //p'"; }
# 64 flows to the guest, a datagram each.
flows() {
	local port
	for ((port = 6001; port <= 6064; port++)); do echo flow >"/dev/udp/$GUEST4/$port"; done
}
# All flows to the first queue pair, then over both again.
rss() {
	local before
	guest "ethtool -X eth0 equal 1" || return
	before=$(second_queue)
	flows && guest "reach $HOST4" || return
	[ "$(second_queue)" = "$before" ] || { echo "$(second_queue) frames, not $before"; return 1; }
	guest "ethtool -X eth0 equal 2" && flows && guest "reach $HOST4" || return
	[ "$(second_queue)" -gt "$before" ] && echo "$(($(second_queue) - before)) of 64 flows"
}

counters() { guest "ethtool -S eth0 | grep -c packets"; }

# ---- lives ----
unbind() {
	guest "cd /sys/bus/virtio/drivers/virtio_net && for round in 1 2 3; do
		echo virtio0 >unbind && ! ip link show eth0 2>/dev/null && echo virtio0 >bind && net_up || exit; done"
}

# The same kernel once more, fetched by the NIC, without a reset of the machine between.
kexec() {
	guest "cd /tmp && wget -q http://$HOST4:7001/vmlinuz && wget -q http://$HOST4:7001/initrd" || return
	echo "kexec /tmp/vmlinuz /tmp/initrd '$QUIET'" >&"$to_guest"
	hear @ready "$BOOT_S" && guest net_up
}
