#!/bin/bash
# linux-cases.sh PART PARTS: the rows of linux.sh, each PARTS-th of them, inside the bed: a guest each, with what it boots in,
# what was done with it, and what that showed. Exits, losses and accounts are judged, times and rates are printed.
set -uo pipefail
part=$1 parts=$2 rows=0
w=/tmp/w
mkdir $w
ln -s "$PWD/files/vmlinuz" $w/vmlinuz
ln -s "$PWD/files/initrd.img" $w/initrd
ln -s ../build files/build
HOST4=192.0.2.1 HOST6=2001:db8::1 GUEST4=192.0.2.2 GUEST6=2001:db8::2 MAC=02:54:41:50:00:02 BOOT_S=60
# What is under way at any moment finds room: none is lost.
UDP="-b 5M -w 2M"
# What a quiet boot may take.
MMIO=1000 PCI=2500
# shellcheck source=tests/e2e/table.sh
. tests/e2e/table.sh
# shellcheck source=tests/e2e/wait.sh
. tests/e2e/wait.sh
# shellcheck source=tests/interop/talk.sh
. files/talk.sh
# shellcheck source=tests/interop/steps.sh
. files/steps.sh
# shellcheck source=tests/interop/bed/linux-steps.sh
. files/linux-steps.sh

# row NAME STEP...: each step is a command line; the row ends at the first that fails, and its machine with it.
row() {
	local name=$1 step figure said=
	shift
	rows=$((rows + 1))
	[ $((rows % parts)) = "$part" ] || return
	for step; do
		eval "$step" >"$w/words" 2>&1 || {
			bad "$name" "$said ${step%% *}: $(tail -n 3 "$w/words" | tr '\n' ' ')"
			kill "$vm" 2>/dev/null && wait "$vm"
			return
		}
		figure=$(tail -n 1 "$w/words")
		step=${step%% *}
		said+=" ${step//_/ }${figure:+ $figure};"
	done
	ok "$name$said"
}

# linux NAME EXITS OPTIONS STEP...: a guest under tapvm with these options, whose boot takes less than that many exits.
linux() {
	local name=$1 most=$2 options=$3
	shift 3
	case $options in *--memory*) ;; *) options+=" --memory 256M" ;; esac
	row "$name" "boot build/tapvm run files/vmlinuz --initrd files/initrd.img --append '$QUIET' --timeout 120 --stats $options" "$@" \
		"exits_below $most"
}

iperf3 -s -D >/dev/null
# For iperf3 -w.
for direction in r w; do echo 4194304 >/proc/sys/net/core/${direction}mem_max; done
busybox httpd -p 7001 -h $w
nic=name=t0,mac=$MAC,ip=$HOST4/24,ip=$HOST6/64
poweroff="ends 'poweroff -f' 0" reboot="ends 'reboot -f' 0"

linux panic $PCI --no-net "ends 'echo c >/proc/sysrq-trigger' 8"
linux above-4g $PCI "--no-net --memory 3500M" "memory 3300000" "$reboot"
images
# Some 500 a function.
linux disks 4000 "--no-net --disk $w/kept --disk $w/read-only,ro --disk $w/snapshot,snapshot" disks random "$poweroff"
linux two-nics $PCI "--net tap,$nic --net tap,ip=192.0.3.1/24" up second_nic "$poweroff"
linux mmio $MMIO "--net tap,$nic,bus=mmio,packed=off" \
	up rings random "ping_frames 0 37" ping_fragments traffic offloads interface_down_up reload "$reboot"
linux mmio-2-cpus $MMIO "--cpus 2 --net tap,$nic,bus=mmio,queues=2,packed=off" \
	up "channels 2" traffic counters queues_used coalescing kexec "$poweroff"
linux pci $PCI "--net tap,$nic,packed=off" \
	up rings "ping_frames 1 37" ping_fragments traffic filters coalescing unbind kexec "$poweroff"
linux pci-2-cpus $PCI "--cpus 2 --net tap,$nic,queues=2,packed=off" \
	up "channels 2" traffic rss counters queues_used reload "$reboot"
# A kernel that was built without MP tables knows of no interrupts then: it comes to its first program, and no further.
if grep -q '^CONFIG_X86_MPPARSE=y' files/config; then
	QUIET="$QUIET acpi=off" linux no-acpi $PCI "--cpus 2 --net tap,$nic,packed=off" up rings traffic "$reboot"
else
	row no-acpi "lives build/tapvm run files/vmlinuz --initrd files/initrd.img --append 'console=ttyS0 printk.time=0 acpi=off' --net tap,$nic"
fi
packed=on
linux pci-packed $PCI "--net tap,$nic" up rings "ping_frames 2 37" ping_fragments traffic offloads unbind reload kexec "$poweroff"
linux pci-packed-2-cpus $PCI "--cpus 2 --net tap,$nic,queues=2" up rings "channels 2" traffic rss filters "$poweroff"
packed=off
linux vhost $PCI "--control $w/control --net tap,$nic,vhost=on" \
	up "path vhost" rings "ping_frames 3 37" ping_fragments traffic offloads interface_down_up unbind reload kexec "path vhost" "$poweroff"
linux vhost-2-cpus $PCI "--control $w/control --cpus 2 --net tap,$nic,queues=2,vhost=on" \
	up "path vhost" "channels 2" traffic counters queues_used "$reboot"
linux hand-over $PCI "--control $w/control --net tap,$nic,vhost=on" up hand_over traffic "$poweroff"
# As the README says it.
row readme uplink "boot env -C files $(cat files/readme)" dhcp "$poweroff"
# The same guest under QEMU, for comparison.
ip tuntap add dev t0 mode tap vnet_hdr
ip addr add $HOST4/24 dev t0
ip addr add $HOST6/64 dev t0
ip link set t0 up
qemu="boot qemu-system-x86_64 -L files -accel kvm -M q35 -cpu host -m 256 -nodefaults -no-user-config -display none \
	-no-reboot -kernel files/vmlinuz -initrd files/initrd.img -append '$QUIET' -serial stdio \
	-device virtio-net-pci,netdev=n,mac=$MAC,romfile= -netdev tap,id=n,ifname=t0,script=no,downscript=no"
row qemu "$qemu" up traffic "$poweroff"
row qemu-vhost "$qemu,vhost=on" up traffic "$poweroff"
sum_up
