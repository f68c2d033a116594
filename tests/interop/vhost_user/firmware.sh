# firmware.sh: sourced by vhost_user.sh: EDK2's driver, which polls and knows few features, boots from the network: DHCP, and a
# file by TFTP from the host. iPXE, in the ROM that QEMU brings, does so by a script, and again after a reset of the device.
# shellcheck shell=bash
: "${w:?}" "${HOST4:?}" "${prefix:=}"
OVMF=/usr/share/OVMF/OVMF_CODE.fd FILE_BYTES=3000000

# start_boot_server FILE: that is the one to be booted.
start_boot_server() {
	mkdir -p "$w/tftp"
	head -c $FILE_BYTES /dev/urandom >"$w/tftp/boot.efi"
	dnsmasq --keep-in-foreground --port=0 --interface=t0 --bind-interfaces --user=root --pid-file= --log-facility=- \
		--dhcp-leasefile="$w/leases" --dhcp-range="${HOST4%.*}.10,${HOST4%.*}.50,1h" --dhcp-authoritative \
		--dhcp-boot="$1" --enable-tftp --tftp-root="$w/tftp" 2>"$w/dnsmasq.words" &
	boot_server=$!
}

has_file() { grep -aq 'NBP file downloaded successfully' "$w/firmware"; }

# run_firmware COMMAND NIC_PROPERTIES WORD...: QEMU boots from this NIC, with these words beside, until COMMAND is true. Status 0: it was.
run_firmware() {
	local sent=$1 more=$2 qemu came=0
	shift 2
	qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 256 -nodefaults -no-user-config -display none \
		-object memory-backend-memfd,id=m,size=256M,share=on -numa node,memdev=m \
		-chardev "socket,id=c0,path=$w/socket" -netdev vhost-user,id=n0,chardev=c0 \
		-device "virtio-net-pci,netdev=n0,mac=02:54:41:50:00:02,vectors=0,disable-legacy=on,bootindex=1$more" \
		"$@" 2>"$w/qemu.words" &
	qemu=$!
	# Emulated firmware alone takes half a minute to begin.
	wait_for "$sent" || wait_for "$sent" || wait_for "$sent" && came=1
	kill "$qemu"
	wait "$qemu"
	[ $came = 1 ]
}

# It is no program, so the firmware has it whole, and then says so and goes on.
edk2_boot() {
	run_firmware has_file ,romfile= -drive "if=pflash,format=raw,readonly=on,file=$OVMF" -serial "file:$w/firmware" ||
		{ tail -n 2 "$w/dnsmasq.words" "$w/firmware" | tr -cd '[:print:]\n'; return 1; }
	echo "$FILE_BYTES bytes by TFTP"
}

again_sent() { grep -q 'sent .*/again' "$w/dnsmasq.words"; }

rom_boot() {
	cat >"$w/tftp/script" <<-END
		#!ipxe
		imgfetch tftp://$HOST4/boot.efi && imgfree && ifclose net0 && dhcp net0 && imgfetch tftp://$HOST4/again
	END
	echo again >"$w/tftp/again"
	run_firmware again_sent '' || { tail -n 3 "$w/dnsmasq.words"; return 1; }
	echo "$(grep -c 'sent .*/' "$w/dnsmasq.words") files by TFTP, the last one after a reset"
}

# boots NAME FILE: a row, and that of the account.
boots() {
	make_tap 1
	start_server 1
	start_boot_server "$2"
	row "$1" "$1_boot"
	kill "$boot_server"
	wait "$boot_server"
	row "$1-account" stop_server
	ip link del t0
}

firmware() {
	prefix=firmware
	if [ -e $OVMF ]; then boots edk2 boot.efi; else skip firmware-edk2 "no $OVMF"; fi
	boots rom script
}
