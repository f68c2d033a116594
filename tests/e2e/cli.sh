#!/bin/sh
# cli.sh [BUILD]: tapvm as its user meets it: bad input, exit statuses, signals, kill -9 of either process,
# the terminal. Rows "ok NAME", "FAIL NAME why", "skip NAME why"; at the end "= N passed, N failed, N skipped".
# Everything happens in a network namespace of its own; nothing is left behind.
set -u
build=$(cd "${1:-build}" && pwd)
tapvm=$build/tapvm program=$tapvm
# shellcheck source=tests/e2e/words.sh
. "$(dirname "$0")/words.sh"
kernels=$build/e2e
idle=$kernels/IDLE.elf

# ends NAME STATUS PATTERN COMMAND...: that status; PATTERN is in stderr (empty: stderr is).
ends() {
	name=$1 want=$2 pattern=$3
	shift 3
	timeout -k 1 20 "$@" </dev/null >"$w/out" 2>"$w/err"
	got=$?
	if [ $got != "$want" ]; then
		bad "$name: status $got, want $want: $(head -c 300 "$w/err")"
	elif [ -z "$pattern" ] && [ -s "$w/err" ]; then
		bad "$name: stderr is not empty: $(head -c 300 "$w/err")"
	elif [ -n "$pattern" ] && ! grep -q -e "$pattern" "$w/err"; then
		bad "$name: '$pattern' is not in: $(head -c 300 "$w/err")"
	elif ! left=$(nothing_left); then
		bad "$name: $left"
	else
		ok "$name"
	fi
}

# ---- help ----
for words in --help -h help 'help run' 'help selftest' 'help doctor' 'help net' 'run --help' --version; do
	# shellcheck disable=SC2086
	if "$tapvm" $words >"$w/out" 2>"$w/err" && [ -s "$w/out" ] && [ ! -s "$w/err" ]; then ok "tapvm $words"; else bad "tapvm $words"; fi
done
for key in name fd mac host-mac ip dhcp guest-ip nat bridge mtu netns persist owner group queue-size queues capture bus vhost; do
	"$tapvm" help run | grep -q "^  $key=" || bad "help run: no $key="
done
# The page has what the help has. (It is not everywhere where these rows are run.)
page=$(dirname "$0")/../../docs/man/tapvm.1
if [ -r "$page" ]; then
	lacks=
	for command in run selftest; do
		for option in $("$tapvm" help $command | sed -n 's/^  --\([a-z-]*\).*/\1/p'); do
			grep -q "^\.It Fl Fl $option\( \|$\)" "$page" || lacks="$lacks --$option"
			grep -q "^\.Op Fl Fl $option\( \|$\)" "$page" || lacks="$lacks --$option-in-its-synopsis"
		done
	done
	for key in $("$tapvm" help run | sed -n 's/^  \([a-z-]*\)=.*/\1/p'); do
		grep -q "^\.It.* Cm $key Ns =\|^\.It Cm $key Ns =" "$page" || lacks="$lacks $key="
	done
	for status in $("$tapvm" --help | sed -n '/^exit status/,$s/^  \([0-9o][0-9d]*\) .*/\1/p'); do
		grep -q "^\.It $status$" "$page" || lacks="$lacks status-$status"
	done
	if [ -z "$lacks" ]; then ok man-page; else bad "man-page: without$lacks"; fi
else
	skip "man-page is not here"
fi
refuse help-nowhere-to-go 4 stdout sh -c "exec '$tapvm' --help >/dev/full"

# ---- bad words: status 2 ----
refuse no-command 2 'no command' "$tapvm"
refuse unknown-command 2 'did you mean run' "$tapvm" rum
refuse unknown-command-far 2 'tapvm --help' "$tapvm" frobnicate
refuse unknown-option-of-none 2 'did you mean --version' "$tapvm" --verson
refuse unknown-option-of-none-far 2 'unknown option' "$tapvm" --frobnicate
refuse version-operand 2 'not expected' "$tapvm" --version please
refuse help-unknown 2 'did you mean doctor' "$tapvm" help docter
refuse doctor-operand 2 'not expected' "$tapvm" doctor now
refuse net-nothing 2 'write tapvm net clean' "$tapvm" net
refuse net-unknown 2 'clean is' "$tapvm" net wash
refuse selftest-option 2 'did you mean --verbose' "$tapvm" selftest --verbos
refuse selftest-net 2 'it is tap or tun' "$tapvm" selftest --net veth
refuse selftest-bus 2 'it is mmio, pci or both' "$tapvm" selftest --bus isa
refuse selftest-net-with 2 'does not go with' "$tapvm" selftest --net tun --with qemu
refuse selftest-with 2 'it is qemu' "$tapvm" selftest --with xen
refuse selftest-only 2 'did you mean arp' "$tapvm" selftest --no-kvm --only apr
refuse selftest-only-far 2 'unknown check' "$tapvm" selftest --no-kvm --only frobnicate
refuse selftest-with-no-kvm 2 'does not go with' "$tapvm" selftest --with qemu --no-kvm
refuse no-kernel 2 'no kernel' "$tapvm" run
refuse unknown-option 2 'did you mean --memory' "$tapvm" run --memroy 64M "$idle"
refuse option-twice 2 'given twice' "$tapvm" run --memory 64M --memory 64M "$idle"
refuse kernel-twice 2 'given twice' "$tapvm" run "$idle" "$idle"
refuse empty-value 2 'empty value' "$tapvm" run --memory= "$idle"
refuse empty-kernel-name 2 'empty value' "$tapvm" run ''
refuse value-missing 2 'needs a value' "$tapvm" run "$idle" --memory
refuse memory-0 2 'at least 4M' "$tapvm" run --memory 0 "$idle"
refuse memory-1 2 'at least 4M' "$tapvm" run --memory 1 "$idle"
refuse memory-overflow 2 '64 bits' "$tapvm" run --memory 99999999999999999999G "$idle"
refuse memory-word 2 'no size' "$tapvm" run --memory much "$idle"
refuse timeout-0 2 'out of range' "$tapvm" run --timeout 0 "$idle"
refuse cmdline-long 2 'shorten it' "$tapvm" run --append "$(head -c 2048 /dev/zero | tr '\0' x)" "$idle"
refuse net-kind 2 'unknown kind' "$tapvm" run --net bridge "$idle"
refuse net-key 2 'did you mean name=' "$tapvm" run --net tap,nmae=x "$idle"
refuse net-key-twice 2 'given twice' "$tapvm" run --net tap,name=a,name=b "$idle"
refuse net-no-net 2 'leave one out' "$tapvm" run --net tap --no-net "$idle"
refuse name-16 2 'abcdefghijklmnop' "$tapvm" run --net tap,name=abcdefghijklmnop "$idle"
refuse name-slash 2 'a/b' "$tapvm" run --net tap,name=a/b "$idle"
refuse name-empty 2 'empty value' "$tapvm" run --net tap,name= "$idle"
refuse mac-multicast 2 'multicast' "$tapvm" run --net tap,mac=01:00:00:00:00:01 "$idle"
refuse mac-bad 2 'no MAC' "$tapvm" run --net tap,mac=1:2 "$idle"
refuse ip-bad 2 '10.0.0.256' "$tapvm" run --net tap,ip=10.0.0.256/24 "$idle"
refuse ip-prefix 2 '33' "$tapvm" run --net tap,ip=10.0.0.1/33 "$idle"
refuse mtu-67 2 'out of range' "$tapvm" run --net tap,mtu=67 "$idle"
refuse mtu-65522 2 'out of range' "$tapvm" run --net tap,mtu=65522 "$idle"
refuse rate-0 2 'rate: 0 is out of range; a rate is 8K to 100G bits a second, or off' "$tapvm" run --net tap,rate=0 "$idle"
refuse rate-word 2 'is no rate' "$tapvm" run --net tap,rate=rx:fast "$idle"
refuse rate-burst 2 'the burst is out of range' "$tapvm" run --net tap,rate=1G/1K "$idle"
refuse queue-size 2 'power of two' "$tapvm" run --net tap,queue-size=100 "$idle"
refuse persist-private 2 'leave one out' "$tapvm" run --net tap,persist=on,netns=private "$idle"
refuse nat-private 2 'nothing leads out' "$tapvm" run --net tap,ip=10.0.0.1/24,nat=on,netns=private "$idle"
refuse bridge-address 2 'addresses go to the bridge' "$tapvm" run --net tap,ip=10.0.0.1/24,bridge=br0 "$idle"
refuse guest-elsewhere 2 'no address for a guest' "$tapvm" run --net tap,ip=10.0.0.1/24,guest-ip=10.0.1.2 "$idle"
refuse fd-netns 2 'does not go with fd' "$tapvm" run --net tap,fd=9,netns=private "$idle"
refuse fd-mtu 2 'does not go with fd' "$tapvm" run --net tap,fd=9,mtu=1500 "$idle"
refuse capture-dash 2 'is no file' "$tapvm" run --net tap,capture=- "$idle"
refuse capture-dash-selftest 2 'is no file' "$tapvm" selftest --no-kvm --capture -
refuse serial-dash 2 'is no file' "$tapvm" run --serial - "$idle"
refuse capture-for-two 2 'each needs its own' "$tapvm" run --net tap,capture="$w/c" --net tap,capture="$w/c" "$idle"
refuse capture-of-qemu 2 'does not go with' "$tapvm" selftest --with qemu --capture "$w/c"
refuse fd-twice 2 'each needs its own' "$tapvm" run --net tap,fd=9 --net tap,fd=9 "$idle"
refuse name-for-two 2 'each needs its own' "$tapvm" run --net tap,name=a --net tap,name=a "$idle"
nets=
while [ ${#nets} -lt 108 ]; do nets="$nets --net tap"; done # nine of them
# shellcheck disable=SC2086
refuse nine-nics 2 'more than 8' "$tapvm" run $nets "$idle"

# ---- what the host has not got: status 4 ----
refuse kernel-missing 4 'No such file' "$tapvm" run "$w/nothing"
refuse kernel-of-two-lines 4 'open kernel a?b: No such file' "$tapvm" run "a
b"
refuse kernel-long 4 'File name too long' "$tapvm" run "/$(head -c 3000 /dev/zero | tr '\0' x)"
refuse kernel-directory 4 'is a directory' "$tapvm" run "$w"
: >"$w/empty"
refuse kernel-empty 4 'is empty' "$tapvm" run "$w/empty"
refuse initrd-missing 4 'open initrd .*No such file' "$tapvm" run --initrd "$w/nothing" "$idle"
refuse initrd-directory 4 'is a directory' "$tapvm" run --initrd "$w" "$idle"
refuse initrd-empty 4 'is empty' "$tapvm" run --initrd "$w/empty" "$idle"
refuse disk-missing 4 'open disk .*No such file' "$tapvm" run --disk "$w/nothing" "$idle"
refuse disk-directory 4 'Is a directory' "$tapvm" run --disk "$w" "$idle"
refuse disk-empty 4 'is empty' "$tapvm" run --disk "$w/empty,snapshot" "$idle"
head -c 1000 /dev/zero >"$w/odd"
refuse disk-odd 4 'no multiple of 512' "$tapvm" run --disk "$w/odd,ro" "$idle"
head -c 1024 /dev/zero >"$w/disk"
refuse disk-of-nine 2 'more than 8' "$tapvm" run --disk a --disk a --disk a --disk a --disk a --disk a --disk a --disk a \
	--disk a "$idle"
refuse disk-twice 4 'in use by another' "$tapvm" run --disk "$w/disk" --disk "$w/disk" "$idle"
if command -v flock >/dev/null; then
	refuse disk-locked 4 'in use by another' flock "$w/disk" "$tapvm" run --disk "$w/disk,ro" "$idle"
else
	skip "disk-locked flock(1) is not here"
fi
refuse memory-more-than-host 4 'than this host has' "$tapvm" run --memory 254G "$idle"
# A machine that cannot be set up is no check that failed. (Where the sanitizers' own memory fits, ours would.)
case $build in
*/asan | */tsan) skip selftest-no-memory "sanitizers need more memory than the limit" ;;
*) refuse selftest-no-memory 4 'of guest memory: Cannot allocate memory' \
	sh -c "ulimit -v 60000; exec '$tapvm' selftest --no-kvm" ;;
esac
if [ "$(id -u)" = 0 ] && ! grep -q ' kvm$' /proc/misc; then
	refuse kvm-node-alone 4 "modprobe kvm_" "$(dirname "$0")/own-dev.sh" "$tapvm" kvm /dev/tapvm run /dev/tapvm
else
	skip "kvm-node-alone this kernel has KVM, or we are not root"
fi
if [ "$(id -u)" != 0 ] || [ ! -w /dev/kvm ]; then
	skip "with-kvm /dev/kvm is not there or not ours; tapvm doctor says more"
	echo "= $passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
	exit
fi
refuse serial-nowhere 4 "$w/no/serial" "$tapvm" run --serial "$w/no/serial" "$idle"
mkfifo "$w/fifo"
refuse serial-fifo-unread 4 'nobody reads' "$tapvm" run --serial "$w/fifo" "$idle"
echo 'no ELF at all, but longer than its header would be if it were one, so that only its bytes can tell' >"$w/text"
refuse kernel-text 4 'ELF' "$tapvm" run "$w/text"
head -c 100 "$idle" >"$w/short"
refuse kernel-truncated 4 "$w/short" "$tapvm" run "$w/short"
head -c 4100 "$idle" >"$w/short2"
refuse kernel-truncated-segment 4 "$w/short2" "$tapvm" run "$w/short2"
head -c 8M /dev/zero >"$w/large"
refuse initrd-larger-than-memory 4 "initrd .*$w/large" "$tapvm" run --memory 8M --initrd "$w/large" "$idle"
refuse kernel-no-pvh 4 'PVH' "$tapvm" run /bin/true
refuse fd-closed 2 'descriptor 200 is not open' "$tapvm" run --net tap,fd=200 "$idle"
refuse fd-no-tap 4 'descriptor 9 is not a TAP' "$helper" notap "$tapvm" run --net tap,fd=9 "$idle"
refuse netns-missing 4 'no-such-namespace' "$tapvm" run --net tap,netns=no-such-namespace "$idle"
refuse fd-tap-for-a-tun 4 'e2ei is a TAP (Ethernet), not a TUN' "$helper" tap e2ei "$tapvm" run --net tun,fd=9 "$idle"
refuse name-of-loopback 4 'lo' "$tapvm" run --net tap,name=lo "$idle"
refuse second-nic-fails 4 'lo' "$tapvm" run --net tap,name=e2e0,persist=on --net tap,name=lo "$idle"
refuse mac-of-the-tap 2 'needs another' "$tapvm" run \
	--net tap,mac=02:00:00:00:00:07,host-mac=02:00:00:00:00:07 "$idle"

# ---- how a guest ends ----
q="--quiet --memory 16M --timeout 10"
# shellcheck disable=SC2086
{
	ends verdict-0 1 '' "$tapvm" run $q "$kernels/VERDICT_0.elf"
	ends verdict-5 11 '' "$tapvm" run $q "$kernels/VERDICT_5.elf"
	ends verdict-63 127 '' "$tapvm" run $q "$kernels/VERDICT_63.elf"
	ends reset 0 '' "$tapvm" run $q "$kernels/RESET.elf"
	ends crash 6 'tapvm: the guest crashed: triple fault (exit reason 8), rip 0x[0-9a-f]*, cr2 0' \
		"$tapvm" run $q "$kernels/CRASH.elf"
	ends crash-emulation 6 'suberror 1 (exit reason 17), rip 0x[0-9a-f]*, cr2 0.*, instruction d9 05 00 00 00 d0' \
		"$tapvm" run $q "$kernels/EMULATION.elf"
	ends panic 8 'tapvm: the guest panicked' "$tapvm" run $q "$kernels/PANIC.elf"
	ends timeout-idle 124 'tapvm: --timeout' "$tapvm" run --quiet --timeout 1 "$idle"
	ends timeout-busy 124 'tapvm: --timeout' "$tapvm" run --quiet --timeout 1 "$kernels/BUSY.elf"
	ends no-net 1 '' "$tapvm" run --no-net $q "$kernels/VERDICT_0.elf"
	ends serial-none 1 '' "$tapvm" run --serial none $q "$kernels/VERDICT_0.elf"
	ends eight-nics 1 '' "$tapvm" run --net tap --net tap --net tap --net tap --net tap --net tap --net tap \
		--net tap $q "$kernels/VERDICT_0.elf"
	ends start-line 1 'net 0: TAP e2e0 made, 10.99.0.1/24 fd99::1/64, MTU 1400, guest 02:00:00:00:00:02' \
		"$tapvm" run --net tap,name=e2e0,ip=10.99.0.1/24,ip=fd99::1/64,mtu=1400,mac=02:00:00:00:00:02 "$kernels/VERDICT_0.elf"
	ends pattern 1 'TAP e2ep0 made' "$tapvm" run --net tap,name=e2ep%d "$kernels/VERDICT_0.elf"
	ends private 1 'in a private namespace' "$tapvm" run --net tap,netns=private "$kernels/VERDICT_0.elf"
	ends netns-by-path 1 'in namespace /proc/self/ns/net' "$tapvm" run --net tap,netns=/proc/self/ns/net \
		"$kernels/VERDICT_0.elf"
	ends inherited 1 'TAP e2ei inherited as fd 9' "$helper" tap e2ei "$tapvm" run --net tap,fd=9 "$kernels/VERDICT_0.elf"
	ends tun 1 'TUN e2e0 made, 10.99.0.1/24, MTU 1500, guest [0-9a-f:]*, its neighbour 02:00:00:00:00:09' "$tapvm" run \
		--net tun,name=e2e0,ip=10.99.0.1/24,host-mac=02:00:00:00:00:09 "$kernels/VERDICT_0.elf"
	ends disks 1 '' "$tapvm" run $q --disk "$w/disk,snapshot" --disk "$w/disk,ro" "$kernels/VERDICT_0.elf"
	ends closed-stdio 1 '' sh -c "exec '$tapvm' run $q '$kernels/VERDICT_0.elf' <&- >&- 2>&-"
	ends stats 1 'net.0.rx.pkts' "$tapvm" run --stats $q "$kernels/VERDICT_0.elf"
	ends stats-account 1 '^net.0.unaccounted=0$' "$tapvm" run --stats $q "$kernels/VERDICT_0.elf"
}
# A kernel of 8 MiB is no more memory of the machine's own than one of a few instructions.
# shellcheck disable=SC2086
pss() { "$tapvm" run --stats $q "$kernels/$1.elf" 2>&1 >/dev/null </dev/null | sed -n 's/^machine.pss_kib=//p'; }
small=$(pss VERDICT_0) large=$(pss LARGE)
if [ "${small:-0}" = 0 ] || [ "${large:-0}" = 0 ]; then
	bad "stats-kernel-file: no statistics"
elif [ "$large" -lt $((small + 4096)) ]; then
	ok stats-kernel-file
else
	# ThreadSanitizer's notes of what was read of the file are the machine's own.
	case $build in
	*/tsan) skip stats-kernel-file "a sanitizer's notes of the file count" ;;
	*) bad "stats-kernel-file: $large KiB, $small of a small one" ;;
	esac
fi
# says NAME WANT FILE COMMAND... 3<INPUT: the guest goes on; when FILE holds WANT it is ended.
holds() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
says() {
	name=$1 want=$2 file=$3
	shift 3
	env --default-signal "$@" <&3 3<&- >"$w/out" 2>/dev/null &
	run=$!
	if wait_for holds "$file" "$want"; then ok "$name"; else bad "$name: $(head -c 100 "$file")"; fi
	kill -TERM $run
	wait $run 2>/dev/null
}
says serial-file '>' "$w/serial" "$tapvm" run --quiet --serial "$w/serial" "$kernels/ECHO.elf" 3</dev/null
printf hello >"$w/in"
says serial-from-file '>hello' "$w/out" "$tapvm" run --quiet "$kernels/ECHO.elf" 3<"$w/in"
mkfifo "$w/pipe"
printf hello >"$w/pipe" &
says serial-pipe '>hello' "$w/out" "$tapvm" run --quiet "$kernels/ECHO.elf" 3<"$w/pipe"
# A full disk is no end for the guest, and is said once.
env --default-signal "$tapvm" run --quiet --serial /dev/full "$kernels/SPAM.elf" </dev/null >/dev/null 2>"$w/err" &
run=$!
wait_for grep -q '^tapvm: /dev/full: No space left on device' "$w/err"
sleep 1
kill -TERM $run
wait $run 2>/dev/null
if [ $? = 143 ] && [ "$(grep -c '^tapvm: /dev/full: No space' "$w/err")" = 1 ] && [ "$(wc -l <"$w/err")" = 1 ]
then ok serial-disk-full; else bad "serial-disk-full: $(cat "$w/err")"; fi

# ---- a persistent TAP: made, stays, is attached to, is free again ----
"$tapvm" run --net tap,name=e2ek,persist=on "$kernels/VERDICT_0.elf" 2>"$w/err"
if grep -q 'e2ek made.*stays' "$w/err" && "$helper" interfaces | grep -q e2ek; then ok persist-made; else
	bad "persist-made: $(cat "$w/err")"; fi
before=$("$helper" interfaces)
ends persist-attached 1 'e2ek attached' "$tapvm" run --net tap,name=e2ek "$kernels/VERDICT_0.elf"
env --default-signal "$tapvm" run --quiet --net tap,name=e2ek "$idle" </dev/null >/dev/null 2>&1 &
holder=$!

machine=$("$helper" machine $holder)
timeout -k 1 20 "$tapvm" run --net tap,name=e2ek "$idle" </dev/null >/dev/null 2>"$w/err"
if [ $? = 4 ] && [ "$(wc -l <"$w/err")" = 1 ] && grep -q "$holder\|$machine" "$w/err"; then ok busy-names-holder; else
	bad "busy-names-holder ($holder, $machine): $(cat "$w/err")"; fi
kill -TERM $holder
wait $holder 2>/dev/null
ends persist-free-again 1 '' sh -c "'$tapvm' run --quiet --net tap,name=e2ek '$kernels/VERDICT_0.elf'"

# ---- signals and kill -9 in the middle of a run ----
# start: a run on a TAP and one in a private namespace, until its machine runs; sets $run and $machine.
start() {
	env --default-signal "$tapvm" run --net tap,name=e2e0,ip=10.99.0.1/24 --net tap,netns=private "$idle" \
		</dev/null >/dev/null 2>"$w/err" &
	run=$!
	machine=$("$helper" machine $run) && wait_for grep -q 'net 1' "$w/err"
}
# after NAME STATUS: the run's status, and nothing left.
after() {
	wait "$run" 2>/dev/null
	got=$?
	if [ $got != "$2" ]; then
		bad "$1: status $got, want $2: $(cat "$w/err")"
	elif ! left=$(nothing_left); then
		bad "$1: $left"
	else
		ok "$1"
	fi
}
for round in 1 2 3; do
	start && kill -INT "$run" && after "signal-int-$round" 130
	start && kill -TERM "$run" && after "signal-term-$round" 143
	start && kill -HUP "$run" && after "signal-hup-$round" 129
	start && kill -INT "$run" "$machine" && after "signal-int-both-$round" 130
	start && kill -9 "$run" && after "kill-keeper-$round" 137
	start && kill -9 "$machine" && after "kill-machine-$round" 4
	if [ "$(grep -c 'killed by signal 9' "$w/err")" = 1 ]; then ok "kill-machine-words-$round"; else
		bad "kill-machine-words-$round: $(cat "$w/err")"; fi
	start && kill -9 "$machine" "$run" && after "kill-both-$round" 137
	start && kill -STOP "$machine" && kill -TERM "$run" && after "stopped-machine-$round" 143
done
# A serial line whose reader does not read: the guest waits, our end does not.
mkfifo "$w/stuck"
stuck() { # stuck NAME STATUS SIGNAL: sent to the keeper when the line is full
	# shellcheck disable=SC2217 # not to read is the point
	sleep 100 <"$w/stuck" &
	reader=$!
	env --default-signal "$tapvm" run --quiet --net tap,name=e2e0 "$kernels/SPAM.elf" </dev/null >"$w/stuck" 2>"$w/err" &
	run=$!
	signal=USR1 # it never came to that
	machine=$("$helper" machine $run) && "$helper" blocked "$machine" && signal=$3
	kill "-$signal" "$run"
	after "$1" "$2"
	kill $reader
	wait $reader 2>/dev/null
}
stuck stuck-reader-term 143 TERM
stuck stuck-reader-kill-keeper 137 KILL

# In the middle of the start: whatever there is by then must go.
for delay in 0 0.001 0.002 0.003 0.005 0.008 0.013 0.02; do
	env --default-signal "$tapvm" run --net tap,name=e2e0,ip=10.99.0.1/24 "$idle" </dev/null >/dev/null 2>"$w/err" &
	run=$!
	sleep $delay
	kill -9 $run 2>/dev/null
	after "kill-at-$delay" 137
	ends "again-after-$delay" 1 '' "$tapvm" run --quiet --net tap,name=e2e0,ip=10.99.0.1/24 "$kernels/VERDICT_0.elf"
done

# ---- the terminal ----
# terminal NAME STATUS ACTION COMMAND...
terminal() {
	name=$1 want=$2
	shift 2
	line=$("$helper" pty "$@" 2>&1)
	if [ "$line" = "status $want, terminal as before" ] && left=$(nothing_left); then ok "$name"; else
		bad "$name: $line ${left:-}"; fi
}
terminal terminal-escape 0 escape "$tapvm" run --quiet "$kernels/ECHO.elf"
terminal terminal-keys 0 keys "$tapvm" run --quiet "$kernels/ECHO.elf"
terminal terminal-term 143 term "$tapvm" run --quiet "$kernels/ECHO.elf"
terminal terminal-hangup 129 hangup "$tapvm" run --quiet "$kernels/ECHO.elf"
terminal terminal-kill-keeper 137 kill-keeper "$tapvm" run --quiet "$kernels/ECHO.elf"
terminal terminal-kill-machine 4 kill-machine "$tapvm" run --quiet "$kernels/ECHO.elf"
terminal terminal-end 1 end "$tapvm" run --quiet "$kernels/VERDICT_0.elf"
terminal terminal-crash 6 end "$tapvm" run --quiet "$kernels/CRASH.elf"
terminal terminal-error 4 end "$tapvm" run --quiet "$w/text"
terminal terminal-usage 2 end "$tapvm" run --quiet
terminal terminal-unused 1 end "$tapvm" run --quiet --serial none "$kernels/VERDICT_0.elf"

# ---- doctor ----
if "$tapvm" doctor >"$w/out" 2>"$w/err" && grep -q '^ok   kvm ' "$w/out" && grep -q '^ok   tap-probe ' "$w/out" &&
	grep -q '^= [0-9]* ok, 0 failed' "$w/out" && [ ! -s "$w/err" ]; then ok doctor; else
	bad "doctor: $(grep -v '^ok' "$w/out")"; fi
if left=$(nothing_left); then ok doctor-leaves-nothing; else bad "doctor-leaves-nothing: $left"; fi

echo "= $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
