# firmware.sh: sourced by vhost_user.sh: EDK2's driver, which polls and knows few features, boots from the network: DHCP, and a
# file by TFTP from the host.
# shellcheck shell=bash
: "${w:?}" "${HOST4:?}" "${prefix:=}"
OVMF=/usr/share/OVMF/OVMF_CODE.fd FILE_BYTES=3000000

start_boot_server() {
	mkdir -p "$w/tftp"
	head -c $FILE_BYTES /dev/urandom >"$w/tftp/boot.efi"
	dnsmasq --keep-in-foreground --port=0 --interface=t0 --bind-interfaces --user=root --pid-file= --log-facility=- \
		--dhcp-leasefile="$w/leases" --dhcp-range="${HOST4%.*}.10,${HOST4%.*}.50,1h" --dhcp-authoritative \
		--dhcp-boot=boot.efi --enable-tftp --tftp-root="$w/tftp" 2>"$w/dnsmasq.words" &
	boot_server=$!
}

has_file() { grep -aq 'NBP file downloaded successfully' "$w/firmware"; }

# It is no program, so the firmware has it whole, and then says so and goes on.
firmware_boot() {
	qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 256 -nodefaults -no-user-config -display none \
		-object memory-backend-memfd,id=m,size=256M,share=on -numa node,memdev=m \
		-chardev "socket,id=c0,path=$w/socket" -netdev vhost-user,id=n0,chardev=c0 \
		-device virtio-net-pci,netdev=n0,mac=02:54:41:50:00:02,vectors=0,romfile=,disable-legacy=on,bootindex=1 \
		-drive "if=pflash,format=raw,readonly=on,file=$OVMF" -serial "file:$w/firmware" 2>"$w/qemu.words" &
	local qemu=$! came=0
	# Emulated firmware alone takes half a minute to begin.
	wait_for has_file || wait_for has_file || wait_for has_file && came=1
	kill "$qemu"
	wait "$qemu"
	[ $came = 1 ] || { tail -n 2 "$w/dnsmasq.words" "$w/firmware" | tr -cd '[:print:]\n'; return 1; }
	echo "$FILE_BYTES bytes by TFTP"
}

firmware() {
	prefix=firmware
	[ -e $OVMF ] || { skip firmware "no $OVMF"; return; }
	make_tap 1
	start_server 1
	start_boot_server
	row boot firmware_boot
	kill "$boot_server"
	wait "$boot_server"
	row account stop_server
	ip link del t0
}
