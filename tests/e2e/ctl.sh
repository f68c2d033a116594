#!/bin/sh
# ctl.sh [BUILD]: tapvm ctl and the socket of --control, with kernels of a few instructions. Rows as in cli.sh.
# Everything happens in a network namespace of its own; nothing is left behind.
set -u
build=$(cd "${1:-build}" && pwd)
tapvm=$build/tapvm program=$tapvm
# shellcheck source=tests/e2e/words.sh
. "$(dirname "$0")/words.sh"
kernels=$build/e2e
s=$w/s

# ---- bad words ----
refuse no-socket 2 'no socket' "$tapvm" ctl
refuse no-request 2 "it is stats, link" "$tapvm" ctl "$s"
refuse unknown-request 2 "unknown request 'frob'" "$tapvm" ctl "$s" frob
refuse word-missing 2 'write it like link NIC up|down' "$tapvm" ctl "$s" link 0
refuse word-too-many 2 'write it like stop' "$tapvm" ctl "$s" stop now
refuse word-empty 2 'empty value' "$tapvm" ctl "$s" link '' up
refuse value 2 'neither up nor down' "$tapvm" ctl "$s" link 0 left
refuse rate-0 2 '8K to 100G bits a second, or off' "$tapvm" ctl "$s" rate 0 0
refuse rate-word 2 'is no rate' "$tapvm" ctl "$s" rate 0 rx:fast
refuse two-lines 2 'control characters' "$tapvm" ctl "$s" 'stats
stop'
refuse long 2 'up to 255' "$tapvm" ctl "$s" link "$(head -c 300 /dev/zero | tr '\0' x)" up
refuse path-long 2 'up to 107' "$tapvm" ctl "/$(head -c 200 /dev/zero | tr '\0' x)" stats
refuse option 2 'unknown option' "$tapvm" ctl --force "$s" stats
refuse nobody 4 'No such file' "$tapvm" ctl "$s" stats
: >"$w/file"
refuse no-socket-file 4 'file is no socket; give that of a run' "$tapvm" ctl "$w/file" stats
refuse control-dash 2 'is no file' "$tapvm" run --control - "$kernels/IDLE.elf"
if [ ! -w /dev/kvm ]; then
	skip "with-kvm /dev/kvm is not there or not ours; tapvm doctor says more"
	echo "= $passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
	exit
fi
refuse control-long 2 'up to 107' "$tapvm" run --control "/$(head -c 200 /dev/zero | tr '\0' x)" "$kernels/IDLE.elf"
refuse control-nowhere 4 'make the socket' "$tapvm" run --control "$w/no/s" "$kernels/IDLE.elf"
refuse control-no-socket 4 'is no socket; remove it' "$tapvm" run --control "$w/file" "$kernels/IDLE.elf"

# ---- a run ----
# start KERNEL OPTION...: a run at $s, which answers; sets $run.
start() {
	kernel=$1
	shift
	env --default-signal "$tapvm" run --quiet --control "$s" "$@" "$kernels/$kernel.elf" </dev/null >"$w/serial" 2>"$w/err" &
	run=$!
	wait_for "$tapvm" ctl "$s" stats || bad "start $kernel: $(cat "$w/err")"
}
# after NAME STATUS: the run's status, and neither a socket nor anything else left.
after() {
	wait "$run" 2>/dev/null
	got=$?
	if [ $got != "$2" ]; then
		bad "$1: status $got, want $2: $(cat "$w/err")"
	elif [ -e "$s" ]; then
		bad "$1: its socket is still there"
	elif ! left=$(nothing_left); then
		bad "$1: $left"
	else
		ok "$1"
	fi
}
# told NAME PATTERN WORD...: ctl prints lines, one of them PATTERN, and status 0.
told() {
	name=$1 want=$2
	shift 2
	if timeout 20 "$tapvm" ctl "$s" "$@" >"$w/out" 2>"$w/ctl" && grep -q -- "$want" "$w/out" && [ ! -s "$w/ctl" ]
	then ok "$name"; else bad "$name: $(cat "$w/out" "$w/ctl")"; fi
}
# does NAME WORD...: ctl prints nothing, and status 0.
does() {
	name=$1
	shift
	if timeout 20 "$tapvm" ctl "$s" "$@" >"$w/out" 2>&1 && [ ! -s "$w/out" ]; then ok "$name"; else
		bad "$name: $(cat "$w/out")"; fi
}
# denied NAME PATTERN WORD...: status 12, and one line. (Not by refuse: the run is there.)
denied() {
	name=$1 want=$2
	shift 2
	timeout 20 "$tapvm" ctl "$s" "$@" >"$w/out" 2>"$w/ctl"
	got=$?
	if [ $got = 12 ] && [ "$(wc -l <"$w/ctl")" = 1 ] && grep -q "^tapvm: .*$want" "$w/ctl" && [ ! -s "$w/out" ]; then
		ok "$name"
	else
		bad "$name: status $got: $(cat "$w/out" "$w/ctl")"
	fi
}
start ECHO --net tap,name=e2e0 --net tap,name=e2e1,rate=1G,rate=tx:10M
if [ "$(stat -c %a "$s")" = 600 ]; then ok mode; else bad "mode: $(stat -c %a "$s")"; fi
told stats-count '^net.count=2$' stats
told stats-name '^net.1.name=e2e1$' stats
told stats-account '^net.1.unaccounted=0$' stats
does link-down link 0 down
does link-down-again link 0 down
does link-up-by-name link e2e1 up
does link-up link e2e0 up
told rate-of-the-option '^net.1.rate.rx=1000000000$' stats
told rate-of-the-option-one-way '^net.1.rate.tx=10000000$' stats
does rate rate e2e0 100M/1M
told rate-told '^net.0.rate.rx=100000000$' stats
does rate-off rate 0 rx:off
told rate-one-way-left '^net.0.rate.tx=100000000$' stats
if grep -q '^net.0.rate.rx=' "$w/out"; then bad "rate-off-told"; else ok rate-off-told; fi
does vhost-off vhost 0 off
denied nic-not-there "no NIC '2'" link 2 up
denied nic-of-no-name "no NIC 'e2e2'" link e2e2 up
denied vhost-on 'e2e0 has no vhost-net; start it with vhost=on' vhost 0 on
refuse_run() { # refuse_run NAME PATTERN COMMAND...: as refuse, but that a run is there
	name=$1 want=$2
	shift 2
	timeout -k 1 20 "$@" </dev/null >"$w/out" 2>"$w/ctl"
	got=$?
	if [ $got = 4 ] && [ "$(wc -l <"$w/ctl")" = 1 ] && grep -q "$want" "$w/ctl"; then ok "$name"; else
		bad "$name: status $got: $(cat "$w/ctl")"; fi
}
refuse_run live 'another program listens' "$tapvm" run --control "$s" --no-net "$kernels/IDLE.elf"
told live-goes-on '^net.count=2$' stats

# ---- clients that are not ours ----
for client in garbage long deaf two; do
	if timeout 60 "$build/e2e/client" "$s" $client >"$w/out" 2>&1; then ok "client-$client"; else
		bad "client-$client: $(cat "$w/out")"; fi
done
told after-all-of-them '^net.count=2$' stats
# The keeper was never held up: the guest's line still goes.
if [ "$(cat "$w/serial")" = '>' ]; then ok guest-goes-on; else bad "guest-goes-on: $(head -c 100 "$w/serial")"; fi

# ---- ends ----
does stop stop
after stop-status 0
if [ "$(cat "$w/err")" = "tapvm: stopped by a request at $s" ]; then ok stop-words; else bad "stop-words: $(cat "$w/err")"; fi
start IDLE --no-net
told stats-without-nics '^net.count=0$' stats
machine=$("$helper" machine $run)
kill -STOP "$machine"
does stop-of-a-machine-that-stands stop
after stop-of-a-machine-that-stands-status 0
start IDLE --net tap,netns=private
kill -TERM "$run"
after term 143
start IDLE --no-net
kill -9 "$("$helper" machine $run)"
after machine-killed 4
refuse failed-set-up 4 'lo' "$tapvm" run --control "$s" --net tap,name=lo "$kernels/IDLE.elf"
if [ ! -e "$s" ]; then ok failed-set-up-leaves-none; else bad failed-set-up-leaves-none; fi
start IDLE --net tap,name=e2e0
kill -9 "$run"
wait "$run" 2>/dev/null
if [ -S "$s" ] && left=$(nothing_left); then ok killed; else bad "killed: ${left:-no socket}"; fi
refuse stale 4 'nobody listens' "$tapvm" ctl "$s" stats
start IDLE --net tap,name=e2e0
told stale-replaced '^net.0.name=e2e0$' stats
does stop-again stop
after stop-again-status 0

echo "= $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
