# guest.sh: sourced by vhost_user.sh: a stock Linux guest under QEMU, and QEMU's monitor. Everything lies in
# the folder $w; $cache has the kernel.
# shellcheck shell=bash
: "${w:?}" "${cache:?}" "${here:?}"
BOOT_S=120

make_guest() {
	local tree=$w/tree program
	bare_tree "$tree"
	for program in busybox iperf3 ethtool; do add_program "$tree" "$(command -v $program)"; done
	add_modules "$tree" virtio_pci virtio_net
	cp "$here/guest-init" "$tree/init"
	cp "$here/../e2e/wait.sh" "$tree/wait.sh"
	pack "$tree" "$w/initrd"
}

# launch_guest PAIRS PACKED NIC_PROPERTIES WORD...: QEMU, with these words beside. The guest writes no page that it does not
# use: zeros in a receive buffer's would hide from a migration what the device has not marked.
launch_guest() {
	local pipe pairs=$1 packed=$2 more=$3
	shift 3
	for pipe in line monitor; do
		rm -f "$w/$pipe.in" "$w/$pipe.out"
		mkfifo "$w/$pipe.in" "$w/$pipe.out"
	done
	qemu-system-x86_64 -M q35 -accel tcg -cpu max -smp 2 -m 256,slots=1,maxmem=1G -nodefaults -no-user-config -display none \
		-object memory-backend-memfd,id=m,size=256M,share=on -numa node,memdev=m \
		-chardev "socket,id=c0,path=$w/socket,reconnect=1" -netdev "vhost-user,id=n0,chardev=c0,queues=$pairs" \
		-device "virtio-net-pci,id=nic0,netdev=n0,mac=02:54:41:50:00:02,mq=on,vectors=0,romfile=,disable-legacy=on,packed=$packed$more" \
		-kernel "$cache"/kernel/boot/vmlinuz-* -initrd "$w/initrd" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check init_on_alloc=0 port=ttyS1" \
		-serial "file:$w/console" -chardev "pipe,id=line,path=$w/line" -serial chardev:line \
		-chardev "pipe,id=monitor,path=$w/monitor" -mon chardev=monitor,mode=readline "$@" 2>"$w/qemu.words" &
	vm=$!
	exec {to_guest}<>"$w/line.in" {from_guest}<>"$w/line.out" {to_monitor}<>"$w/monitor.in"
	cat "$w/monitor.out" >"$w/monitor.words" &
	rm -f "$w/lost"
}

# start_guest PAIRS PACKED [NIC_PROPERTIES]: and waits until it takes commands.
start_guest() {
	launch_guest "$1" "$2" "${3:-}"
	hear @ready $BOOT_S
}

stop_guest() {
	monitor quit
	wait "$vm"
	exec {to_guest}>&- {from_guest}>&- {to_monitor}>&-
}

monitor() { echo "$1" >&"$to_monitor"; }

# ---- two guests, each with its server ----
declare -A its_vm its_server its_to its_from its_monitor
top=$w
# at SIDE: the functions here speak to its guest from here on. keep SIDE: what was started meanwhile is its.
at() {
	w=$top/$1 vm=${its_vm[$1]:-} server=${its_server[$1]:-}
	to_guest=${its_to[$1]:-} from_guest=${its_from[$1]:-} to_monitor=${its_monitor[$1]:-}
}
keep() {
	its_vm[$1]=$vm its_server[$1]=$server its_to[$1]=$to_guest its_from[$1]=$from_guest its_monitor[$1]=$to_monitor
}
