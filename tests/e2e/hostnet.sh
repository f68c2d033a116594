#!/bin/sh
# hostnet.sh [BUILD]: what a guest's network changes of its host, and that it is as before at the end, however that
# came: DHCP, names, masquerading, bridges, two runs at once, kill -9, missing programs.
# Rows "ok NAME", "FAIL NAME why", "skip NAME why"; at the end "= N passed, N failed, N skipped".
# The host is a network namespace of this suite, with another behind its uplink and one for the guest; /run is a tmpfs
# of its own. The guest under tapvm does nothing: build/e2e/wire is a stack in its place.
set -u
build=$(cd "${1:-build}" && pwd)
PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" != 0 ] || [ ! -w /dev/kvm ]; then
	echo "skip hostnet: needs root and /dev/kvm"
	echo "= 0 passed, 0 failed, 1 skipped"
	exit
fi
if [ -z "${TAPVM_E2E_INSIDE:-}" ]; then
	export TAPVM_E2E_INSIDE=1
	# Whatever becomes of this suite, all of its processes end with it.
	exec unshare -nmpf --kill-child --mount-proc "$0" "$@"
fi
tapvm=$build/tapvm
idle=$build/e2e/IDLE.elf
program=$tapvm

# ---- host, uplink, guest ----
mount -t tmpfs none /run
ip link set lo up
for name in up guest; do
	ip netns add $name
	ip -n $name link set lo up
done
ip link add eth0 type veth peer name eth0 netns up
ip addr add 10.1.0.2/24 dev eth0
ip addr add fd01::2/64 dev eth0 nodad
ip link set eth0 up
ip -n up addr add 10.1.0.1/24 dev eth0
ip -n up addr add 10.9.9.9/32 dev lo
ip -n up addr add fd01::1/64 dev eth0 nodad
ip -n up link set eth0 up
# The way to the guest, if the host let it pass.
ip -n up route add 192.168.77.0/24 via 10.1.0.2
ip route add default via 10.1.0.1
ip -6 route add default via fd01::1
# shellcheck source=tests/e2e/words.sh
. "$(dirname "$0")/words.sh"
in_up() { nsenter --net=/run/netns/up "$@"; }
in_guest() { nsenter --net=/run/netns/guest "$@"; }

# What the host is like, as far as it is ours to change.
host() {
	nft list ruleset
	(cd /proc/sys/net && grep -H . ipv4/ip_forward ipv[46]/conf/*/*forwarding)
	ip -o link show | sed 's/^[0-9]*: \([^:]*\):.* master \([^ ]*\) .*/\1 \2/;t;d'
	ls -R /run/tapvm 2>&1
	pgrep -x dnsmasq
}
host >"$w/before"
# as_before NAME: within some time, as processes are buried by others.
is_as_before() { host 2>/dev/null | cmp -s - "$w/before"; }
as_before() {
	if wait_for is_as_before && left=$(nothing_left); then
		ok "$1"
	else
		bad "$1: $(host 2>/dev/null | diff "$w/before" - | head -5) ${left:-}"
	fi
}

# start N ARGUMENT...: a run of the guest in the background, until it runs; its keeper is $run.
start() {
	number=$1
	shift
	: >"$w/err$number" # what an earlier run said is no word of this one
	"$tapvm" run --memory 16M "$@" "$idle" </dev/null >"$w/out$number" 2>"$w/err$number" &
	run=$!
	wait_for grep -q '^tapvm: ' "$w/err$number"
}
stop() {
	kill -TERM "$1"
	wait "$1" 2>/dev/null
}
# Both processes at once: nobody is left who could take anything back.
murder() {
	machine=$("$helper" machine "$1")
	kill -9 "$1" "$machine"
	wait "$1" 2>/dev/null
}
# check NAME COMMAND...
check() {
	name=$1
	shift
	if "$@" >"$w/check" 2>&1; then ok "$name"; else bad "$name: $(tail -1 "$w/check")"; fi
}
check_not() {
	name=$1
	shift
	if "$@" >"$w/check" 2>&1; then bad "$name: $(tail -1 "$w/check")"; else ok "$name"; fi
}
value() { [ "$(cat "/proc/sys/net/$1")" = "$2" ]; }
has_table() { nft list table inet "tapvm-$1"; }

# ---- one guest: address, route, names, the way out and back ----
printf 'nameserver 10.1.0.1\n' >"$w/resolv.conf"
mount --bind "$w/resolv.conf" /etc/resolv.conf
nsenter --net=/run/netns/up dnsmasq -k --conf-file=/dev/null --no-hosts --no-resolv --pid-file= --user=root --interface=eth0 \
	--bind-interfaces --address=/host.example/10.9.9.9 >"$w/upstream" 2>&1 &
upstream=$!
cat >"$w/udhcpc" <<'SCRIPT'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "$ip/$mask $router $dns" >"$LEASE"
SCRIPT
chmod +x "$w/udhcpc"
mac=02:00:00:00:00:05
start 1 --net "tap,name=vm0,mac=$mac,ip=192.168.77.1/24,ip=fd77::1/64,dhcp=on,nat=on,guest-ip=192.168.77.9"
first=$run
check line grep -q 'fd77::1/64, .* guest gets 192.168.77.9 by DHCP, masqueraded by eth0$' "$w/err1"
check server-is-nobody sh -c "pgrep -x dnsmasq -u 65534"
"$build/e2e/wire" "$run" vm0 /run/netns/guest g0 >"$w/wire" &
wire=$!
wait_for grep -q wired "$w/wire"
ip -n guest link set g0 address $mac up
# lease TAP FILE TRIES: what the server gives.
lease() { in_guest env LEASE="$2" busybox udhcpc -i "$1" -n -q -f -t "$3" -T 1 -s "$w/udhcpc"; }
lease g0 "$w/lease" 20 >"$w/udhcpc.log" 2>&1
check lease grep -qx '192.168.77.9/24 192.168.77.1 192.168.77.1' "$w/lease"
ip -n guest link add g1 link g0 type macvlan
ip -n guest link set g1 up
check_not no-lease-for-another lease g1 "$w/lease-of-another" 1
ip -n guest link del g1
check names sh -c "nsenter --net=/run/netns/guest busybox nslookup host.example 192.168.77.1 | grep -q 10.9.9.9"
check nat in_guest ping -c 1 -W 10 10.9.9.9
has_route() { ip -n guest -6 route show default | grep -q via; }
has_address() { ip -n guest -6 addr show dev g0 scope global -tentative | grep -q fd77::; }
check advertised wait_for has_route
check address-v6 wait_for has_address
check nat-v6 in_guest ping -c 1 -W 10 fd01::1
# What must not pass is counted where it would arrive: no answer alone proves nothing.
nft_in() { nsenter --net="/run/netns/$1" nft "table ip seen { chain in { type filter hook prerouting priority 0; $2 counter; }; }"; }
seen() { nsenter --net="/run/netns/$1" nft list table ip seen | grep -q 'packets [1-9]'; }
nft_in guest 'ip saddr 10.1.0.0/16'
check_not not-into-the-guest in_up ping -c 1 -W 1 192.168.77.9
check_not nothing-came-in seen guest
ip -n guest addr add 192.168.99.9/32 dev g0
nft_in up 'ip saddr 192.168.99.9'
check_not not-from-another-address in_guest ping -c 1 -W 1 -I 192.168.99.9 10.9.9.9
check_not nothing-came-from-it seen up
ip link add other type veth peer name other netns up
ip addr add 10.2.0.1/24 dev other
ip link set other up
ip -n up addr add 10.2.0.2/24 dev other
ip -n up link set other up
nft_in up 'ip daddr 10.2.0.2'
check_not not-to-another-interface in_guest ping -c 1 -W 1 10.2.0.2
check_not nothing-went-there seen up
ip link del other
in_up nft delete table ip seen
check nat-still in_guest ping -c 1 -W 10 10.9.9.9
kill $wire $upstream
wait $wire $upstream 2>/dev/null
stop "$first"
as_before ends-as-before

# ---- kill -9, and who takes it back ----
nat='ip=192.168.77.1/24,dhcp=on,nat=on'
start 1 --net "tap,name=vm0,$nat"
check forwards value ipv4/conf/eth0/forwarding 1
notes=$(echo /run/tapvm/net-*)
murder "$run"
check killed-leaves-rules has_table vm0
"$tapvm" net clean >"$w/clean" 2>&1
check clean-says grep -qx 'removed table inet tapvm-vm0' "$w/clean"
check clean-says-what-it-was grep -qx 'set /proc/sys/net/ipv4/conf/eth0/forwarding back to 0' "$w/clean"
as_before clean
"$tapvm" net clean >"$w/clean" 2>&1
check_not clean-of-nothing test -s "$w/clean"

start 1 --net "tap,name=vm0,$nat"
murder "$run"
start 1 --net tap
check_not next-run-takes-it-back has_table vm0
stop "$run"
as_before next-run

start 1 --net "tap,name=vm0,$nat"
murder "$run"
sed -i "s/^$run [0-9]* /$$ 1 /" /run/tapvm/net-*
"$tapvm" net clean >/dev/null 2>&1
as_before a-pid-that-is-used-again

start 1 --net "tap,name=vm0,$nat"
kill -9 "$run"
wait "$run" 2>/dev/null
gone() { ! pgrep -x dnsmasq; }
check server-ends-with-keeper wait_for gone
"$tapvm" net clean >/dev/null 2>&1
as_before keeper-alone

# ---- two at once ----
start 1 --net "tap,name=vm0,$nat"
one=$run
start 2 --net 'tap,name=vm1,ip=192.168.78.1/24,nat=on' --net 'tap,name=vm2,ip=192.168.79.1/24,nat=eth0'
two=$run
check guarded-by-the-second sh -c "nft list table inet tapvm-vm1 | grep -q 'ct state.*drop'"
stop "$one"
check first-of-two-ends value ipv4/conf/eth0/forwarding 1
check second-has-its-rules has_table vm1
start 1 --net "tap,name=vm0,$nat"
murder "$run"
"$tapvm" net clean >"$w/clean" 2>&1
check_not clean-leaves-what-others-need grep -q eth0 "$w/clean"
check still-forwards value ipv4/conf/eth0/forwarding 1
stop "$two"
as_before last-of-two
start 1 --net "tap,name=vm0,$nat"
one=$run
start 2 --net 'tap,name=vm1,ip=192.168.78.1/24,nat=on'
"$tapvm" run --dry-run --net tap,name=vm2,ip=192.168.79.1/24,nat=on none >"$w/dry" 2>&1
check dry-run-knows-of-others grep -qx 'net 0: set /proc/sys/net/ipv4/conf/eth0/forwarding to 1, which is 0' "$w/dry"
check dry-run-guards-as-they-do grep -q '^net 0: .*ct state new,.* drop$' "$w/dry"
murder "$one"
stop "$run"
as_before last-takes-back-what-the-killed-left
echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding
start 1 --net "tap,name=vm0,$nat"
check_not router-is-not-guarded sh -c "nft list table inet tapvm-vm0 | grep -q 'ct state.*drop'"
stop "$run"
check router-stays-one value ipv4/conf/eth0/forwarding 1
echo 0 >/proc/sys/net/ipv4/conf/eth0/forwarding

# ---- other namespaces ----
ip netns add there
ip -n there link add eth7 type veth peer name eth8
ip -n there link set eth7 up
ip -n there route add default dev eth7
start 1 --net "tap,name=vm0,netns=there,$nat"
check_not rules-are-there-not-here has_table vm0
check rules-are-there nsenter --net=/run/netns/there nft list table inet tapvm-vm0
stop "$run"
check_not rules-there-end nsenter --net=/run/netns/there nft list table inet tapvm-vm0
start 1 --net "tap,name=vm0,netns=there,$nat"
murder "$run"
: >"$w/bound"
mount --bind /run/netns/there "$w/bound"
ip netns del there
"$tapvm" net clean >"$w/clean" 2>&1
check_not clean-finds-it-there nsenter --net="$w/bound" nft list table inet tapvm-vm0
: >/run/netns/there
mount --bind "$w/bound" /run/netns/there
umount "$w/bound"
start 1 --net "tap,name=vm0,netns=there,$nat"
murder "$run"
ip netns del there
is_gone() { "$tapvm" net clean | grep -q 'which is gone'; }
check clean-after-the-namespace wait_for is_gone
as_before namespaces

# ---- bridges ----
ip link add br0 type bridge
ip tuntap add vm3 mode tap vnet_hdr
host >"$w/before"
before=$("$helper" interfaces)
is_port() { ip -o link show "$1" | grep -q " master $2 "; }
start 1 --net tap,name=vm0,bridge=br0 --net tap,name=vm3,bridge=br0
check port is_port vm0 br0
check port-that-stays is_port vm3 br0
stop "$run"
as_before bridge
start 1 --net tap,name=vm3,bridge=br0
murder "$run"
check killed-leaves-port is_port vm3 br0
"$tapvm" net clean >/dev/null 2>&1
as_before bridge-clean
ip link add br1 type bridge
ip link set vm3 master br1
host >"$w/before"
before=$("$helper" interfaces)
start 1 --net tap,name=vm3,bridge=br1
stop "$run"
as_before port-before-us-stays-one
refuse port-of-another 4 'vm3 is a port of another bridge; .*ip link set vm3 nomaster' \
	"$tapvm" run --net tap,name=vm3,bridge=br0 "$idle"
as_before port-of-another-stays-there
refuse bridge-is-none 4 'bridge=eth0 is an interface, but no bridge' "$tapvm" run --net tap,bridge=eth0 "$idle"
refuse bridge-is-tap 2 'bridge=vm0: that is the TAP itself' "$tapvm" run --net tap,name=vm0,bridge=vm0 "$idle"
for name in br0 br1 vm3; do ip link del $name; done
host >"$w/before"
before=$("$helper" interfaces)
refuse bridge-missing 4 "br7 is no bridge of Linux ('ip link add br7" "$tapvm" run --net tap,bridge=br7 "$idle"
if command -v ovs-vswitchd >/dev/null; then
	mkdir /run/openvswitch
	ovsdb-tool create "$w/ovs.db" >/dev/null
	ovsdb-server "$w/ovs.db" --remote=punix:/run/openvswitch/db.sock --unixctl="$w/ovsdb.ctl" >/dev/null 2>&1 &
	database=$!
	wait_for test -S /run/openvswitch/db.sock
	ovs-vsctl --no-wait init
	ovs-vswitchd --unixctl="$w/vswitchd.ctl" >/dev/null 2>&1 &
	switch=$!
	ovs-vsctl add-br ovs0 -- set bridge ovs0 datapath_type=netdev
	ports() { ovs-vsctl list-ports ovs0; }
	has_ports() { [ "$(ports)" = "$1" ]; }
	start 1 --net tap,name=vm0,bridge=ovs0
	check ovs-port has_ports vm0
	stop "$run"
	check ovs-port-ends has_ports ''
	start 1 --net tap,name=vm0,bridge=ovs0
	murder "$run"
	"$tapvm" net clean >"$w/clean" 2>&1
	check ovs-clean has_ports ''
	ip tuntap add vm3 mode tap vnet_hdr
	ovs-vsctl add-port ovs0 vm3
	start 1 --net tap,name=vm3,bridge=ovs0
	stop "$run"
	check ovs-port-before-us-stays-one has_ports vm3
	ovs-vsctl del-port vm3
	ip link del vm3
	before=$("$helper" interfaces)
	refuse ovs-bridge-missing 4 "nor of Open vSwitch ('ovs-vsctl add-br br7')" "$tapvm" run --net tap,bridge=br7 "$idle"
	ovs-vsctl del-br ovs0
	kill $switch $database
	wait $switch $database 2>/dev/null
	before='lo eth0 '
	as_before ovs
else
	skip "ovs openvswitch-switch is not installed"
fi

# ---- what cannot be ----
mkdir "$w/empty"
refuse name-of-many 2 "interface name 'e\*': .* is made of letters" \
	"$tapvm" run --net 'tap,name=e*,ip=192.168.77.1/24,dhcp=on' "$idle"
refuse without-nft 4 'nat=on needs the program nft, which is not in PATH; apt install nftables' \
	env PATH="$w/empty" "$tapvm" run --net tap,ip=192.168.77.1/24,nat=on "$idle"
as_before without-nft-as-before
refuse without-dnsmasq 4 'dhcp=on needs the program dnsmasq, .*apt install dnsmasq-base' \
	env PATH="$w/empty" "$tapvm" run --net tap,ip=192.168.77.1/24,dhcp=on "$idle"
as_before without-dnsmasq-as-before
# A container's: what could not be changed need not go back.
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
refuse sysctls-read-only 4 'Read-only file system' "$tapvm" run --net tap,ip=192.168.77.1/24,nat=on "$idle"
umount /proc/sys
as_before sysctls-read-only-as-before
# Where another serves on all addresses: what was changed before is taken back.
dnsmasq -k --conf-file=/dev/null --pid-file= --user=root >"$w/other" 2>&1 &
other=$!
serves() { ss -lunH 'sport = 53' | grep -q 0.0.0.0; }
wait_for serves
refuse port-taken 4 'dnsmasq ended with status 2: .*Address already in use; .*another ip=' "$tapvm" run --net "tap,name=vm0,$nat" "$idle"
kill $other
wait $other 2>/dev/null
as_before port-taken-as-before
refuse uplink-missing 4 'eth9' "$tapvm" run --net tap,ip=192.168.77.1/24,nat=eth9 "$idle"
as_before without-uplink-as-before
ip route del default
refuse no-route 4 'no default route of IPv4' "$tapvm" run --net tap,ip=192.168.77.1/24,nat=on "$idle"
ip route add default via 10.1.0.1

mkdir /run/tapvm
echo nonsense >"$notes"
refuse notes-of-others 4 "$notes.*remove it: line 1 is no note" "$tapvm" run --net tap,ip=192.168.77.1/24,nat=on "$idle"
refuse clean-notes-of-others 4 "$notes.*remove it: line 1 is no note" "$tapvm" net clean
echo '99999 1 vm0 ovs vm0 ovs0' >"$notes"
refuse left-for-good 4 "process 99999 changed does not go back (mend that, or take its line out of $notes): .*ovs-vsctl" \
	env PATH="$w/empty" "$tapvm" net clean
rm -r /run/tapvm
refuse clean-by-nobody 4 'run as root' sh -c "mkdir -m 700 /run/tapvm; cp '$tapvm' /run/tapvm-copy
	exec setpriv --reuid 65534 --regid 65534 --clear-groups /run/tapvm-copy net clean"
rm -r /run/tapvm /run/tapvm-copy
as_before notes-as-before

# ---- a dry run ----
cp "$tapvm" /run/tapvm-copy
setpriv --reuid 65534 --regid 65534 --clear-groups /run/tapvm-copy run --dry-run --net "tap,name=vm0,$nat" none \
	>"$w/dry" 2>&1
check dry-run-needs-nobody test $? = 0
cp "$idle" /run/idle
user="setpriv --reuid 65534 --regid $(stat -c %g /dev/kvm) --clear-groups"
if $user test -w /dev/kvm; then
	$user /run/tapvm-copy run --timeout 1 --net "tap,netns=private,ip=192.168.77.1/24,dhcp=on" /run/idle \
		</dev/null >"$w/user" 2>&1
	check server-of-a-user grep -q 'guest gets 192.168.77.2 by DHCP' "$w/user"
else
	skip "server-of-a-user: /dev/kvm is for root alone"
fi
rm /run/tapvm-copy /run/idle
check dry-run-says-tap grep -qx 'net 0: give vm0 the address 192.168.77.1/24' "$w/dry"
check dry-run-says-rules grep -q '^net 0: .*masquerade$' "$w/dry"
check dry-run-says-forwarding grep -qx 'net 0: set /proc/sys/net/ipv4/conf/eth0/forwarding to 1, which is 0' "$w/dry"
check dry-run-says-server grep -q '^net 0: start dnsmasq .* --interface=vm0 ' "$w/dry"
"$tapvm" run --dry-run --net "tap,name=$(printf 'a\033b'),persist=on,owner=7,group=8" none >"$w/dry" 2>&1
check dry-run-drives-no-terminal grep -qx 'net 0: make TAP a?b, or attach to it if it is there' "$w/dry"
check dry-run-says-owner grep -qx 'net 0: let user 7 attach to a?b' "$w/dry"
check dry-run-says-group grep -qx 'net 0: let group 8 attach to a?b' "$w/dry"
refuse dry-run-of-no-namespace 4 "'nosuch' does not exist" "$tapvm" run --dry-run --net tap,netns=nosuch none
refuse dry-run-of-no-bridge 4 'br7 is no bridge of Linux' "$tapvm" run --dry-run --net tap,bridge=br7 none
as_before dry-run-does-nothing

echo "= $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
