#!/bin/sh
# vhost_user.sh [BUILD]: tapvm-vhost-user as its user meets it: options, exit statuses, its socket, signals, socket
# activation. Rows "ok NAME", "FAIL NAME why", "skip NAME why"; at the end "= N passed, N failed, N skipped".
# Everything happens in a network namespace of its own; nothing is left behind.
set -u
build=$(cd "${1:-build}" && pwd)
server=$build/tapvm-vhost-user program=$server
front=$build/e2e/front rings=$build/tests/e2e/rings
# shellcheck source=tests/e2e/words.sh
. "$(dirname "$0")/words.sh"
# The TAPs carry what the front-ends send and nothing else.
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
# As in run.sh: for a hang alone.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-120}"

# start COMMAND...: in the background, up to its line; its pid is in $server_pid.
start() {
	: >"$w/err"
	"$@" </dev/null >"$w/out" 2>"$w/err" &
	server_pid=$!
	wait_for grep -q '^tapvm-vhost-user: net 0: T[AU]' "$w/err" || bad "it does not start: $(head -c 300 "$w/err")"
}

# stops NAME STATUS: it has ended with that status; nothing is left.
stops() {
	wait "$server_pid"
	got=$?
	if [ $got != "$2" ]; then bad "$1: status $got, want $2: $(head -c 300 "$w/err")"
	elif [ -e "$w/s" ]; then bad "$1: the socket is still there"
	elif ! left=$(nothing_left); then bad "$1: $left"
	else ok "$1"; fi
}

# ---- what it prints ----
for words in --help -h --version --print-capabilities '--socket x --print-capabilities'; do
	# shellcheck disable=SC2086
	if "$server" $words >"$w/out" 2>"$w/err" && [ -s "$w/out" ] && [ ! -s "$w/err" ]; then ok "print $words"; else bad "print $words"; fi
done
# rule: VHU-23
if [ "$("$server" --print-capabilities | tr -d ' \n')" = '{"type":"net"}' ]; then ok capabilities; else bad capabilities; fi
refuse help-nowhere-to-go 4 stdout sh -c "exec '$server' --help >/dev/full"
page=$(dirname "$0")/../../docs/man/tapvm-vhost-user.1
if [ -r "$page" ]; then
	lacks=
	for option in $("$server" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p'); do
		grep -q "^\.It.* Fl Fl $option\( \|$\)" "$page" || lacks="$lacks --$option"
	done
	if [ -z "$lacks" ]; then ok man-page; else bad "man-page: without$lacks"; fi
else
	skip "man-page is not here"
fi

# ---- bad words: status 2 ----
refuse no-socket 2 'no socket' "$server"
refuse unknown-option 2 'did you mean --socket' "$server" --soket x
refuse operand 2 'not expected' "$server" --socket "$w/s" please
refuse fd-beside-a-socket 2 'descriptor 77 is not open' "$server" --socket "$w/s" --fd 77
# A number that is free now, and that a descriptor of its own would have later.
refuse fd-of-its-own 2 'descriptor 4 is not open' "$server" --socket "$w/s" --fd 4
refuse fd-and-a-tap 2 'leave one out' "$server" --socket "$w/s" --tap x --fd 77
refuse twice 2 'one already' "$server" --socket "$w/s" --socket-path "$w/t"
refuse vhost-net 2 'vhost= is for tapvm run' "$server" --socket "$w/s" --net tap,vhost=auto
refuse two-nics 2 'one NIC' "$server" --socket "$w/s" --tap a --net tap,name=b
refuse bad-mode 2 'no mode' "$server" --socket "$w/s" --socket-mode 999
refuse long-mode 2 'no mode' "$server" --socket "$w/s" --socket-mode 01777
refuse mode-of-nothing 2 'goes with a --socket' "$server" --fd 5 --socket-mode 0600
refuse client-of-nothing 2 'needs the --socket' "$server" --fd 5 --client
refuse bad-key 2 'did you mean' "$server" --socket "$w/s" --net tap,nam=x
refuse bad-bus 2 'leave bus= out' "$server" --socket "$w/s" --net tap,bus=pci
refuse tap-with-keys 2 'a name alone' "$server" --socket "$w/s" --tap x,mtu=1500
refuse long-path 2 'up to 107' "$server" --socket "/$(printf '%0108d' 0)"
refuse no-such-fd 2 'no stream socket' "$server" --fd 77
refuse fd-of-a-file 2 'no stream socket' sh -c "exec '$server' --fd 5 5</dev/null"

# ---- the host cannot do it: status 4 ----
refuse nowhere 4 'make the socket' "$server" --socket /nowhere/s
: >"$w/file"
refuse a-file-in-the-way 4 'no socket; remove' "$server" --socket "$w/file"
if [ -f "$w/file" ]; then ok the-file-stays; else bad the-file-stays; fi
refuse bad-tap 4 'lo' "$server" --socket "$w/s" --net tap,name=lo
if [ ! -e "$w/s" ]; then ok no-socket-after-a-failure; else bad no-socket-after-a-failure; fi

# ---- its life ----
for signal in TERM INT HUP; do
	# rule: VHU-23
	start env --default-signal=INT "$server" --socket "$w/s" --tap vu0
	kill -s $signal "$server_pid"
	stops "ends-by-$signal" 0
done
start "$server" --socket-path="$w/s" --socket-mode 0660 --net tap,name=vu0,mtu=1400
if [ "$(stat -c %a "$w/s")" = 660 ]; then ok socket-mode; else bad "socket-mode: $(stat -c %a "$w/s")"; fi
"$server" --socket "$w/s" 2>"$w/err"
got=$?
if [ $got = 4 ] && grep -q 'another program listens' "$w/err"; then ok in-use; else bad "in-use: status $got: $(cat "$w/err")"; fi
if [ -S "$w/s" ]; then ok still-there; else bad still-there; fi
kill "$server_pid"
stops ends-once-more 0
start "$server" --socket "$w/s" --net tun,name=vu0
if grep -q 'TUN vu0 made' "$w/err"; then ok on-a-tun; else bad "on-a-tun: $(cat "$w/err")"; fi
kill "$server_pid"
stops ends-on-a-tun 0
start "$server" --socket "$w/s"
if [ "$(stat -c %a "$w/s")" = 600 ]; then ok default-mode; else bad "default-mode: $(stat -c %a "$w/s")"; fi
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null
if [ -S "$w/s" ]; then ok killed-leaves-its-socket; else bad killed-leaves-its-socket; fi
start "$server" --socket "$w/s"
ok and-the-next-one-takes-its-place
rm "$w/s"
: >"$w/s"
kill "$server_pid"
wait "$server_pid"
if [ -f "$w/s" ]; then ok what-is-not-ours-stays; else bad what-is-not-ours-stays; fi
rm -f "$w/s"
"$server" --quiet --socket "$w/s" 2>"$w/err" &
server_pid=$!
wait_for test -S "$w/s"
kill "$server_pid"
stops quiet 0
if [ ! -s "$w/err" ]; then ok quiet-is-quiet; else bad "quiet-is-quiet: $(cat "$w/err")"; fi
# It waits for a front-end that is not there yet, and ends all the same.
start "$server" --client --socket "$w/c"
if "$front" listen "$w/c" ask; then ok client-connects-again; else bad client-connects-again; fi
kill "$server_pid"
stops client 0

# ---- front-ends: one that says nothing, one that lies, the next ----
start "$server" --socket "$w/s" --tap vu0
if "$front" connect "$w/s" hang-up; then ok hangs-up; else bad hangs-up; fi
if "$front" connect "$w/s" lie && wait_for grep -q 'front-end is dropped' "$w/err"; then ok liar-is-dropped; else bad liar-is-dropped; fi
if "$front" connect "$w/s" ask; then ok the-next-is-served; else bad the-next-is-served; fi
# Reset of single queues, which QEMU keeps to itself: bit 40. VERSION_1 is bit 32.
if "$front" connect "$w/s" offers 32 && ! "$front" connect "$w/s" offers 40 >/dev/null; then ok no-ring-reset; else bad no-ring-reset; fi
kill "$server_pid"
stops with-front-ends 0
start "$server" --socket "$w/s" --net tap,name=vu0,ring-reset=on
if "$front" connect "$w/s" offers 40; then ok ring-reset-if-asked-for; else bad ring-reset-if-asked-for; fi
kill "$server_pid"
stops with-ring-reset 0

# ---- front-ends whose files are cut short under the server: each is dropped with one line, the next one is served ----
# cut_short WHAT [packed]: at a server of its own, whose log is not full of others yet.
cut_short() {
	name=cut-$1${2:+-$2}
	start "$server" --socket "$w/s" --tap vu0 --stats
	"$rings" "$w/s" vu0 "cut-$1" ${2:+"$2"} >"$w/out" 2>&1
	got=$?
	cp "$w/err" "$w/lines"
	kill "$server_pid"
	if [ $got != 0 ]; then bad "$name: $(tail -n 2 "$w/out")"
	elif [ "$(wc -l <"$w/lines")" != 2 ] || ! grep -q 'memory was cut short' "$w/lines"; then bad "$name: $(cat "$w/lines")"
	else stops "$name" 0; fi
	grep -q '^net.*unaccounted=0$' "$w/err" || bad "$name-account: $(tail -n 3 "$w/err")"
}
for what in rings received transmitted lent log inflight; do
	cut_short $what
	cut_short $what packed
done
cut_short journal packed

# ---- a server that is killed under traffic, eight times; the file for chains in flight and the rings outlive it ----
# serve: one after the other, as long as they are killed.
serve() {
	got=137
	while [ $got = 137 ]; do
		# shellcheck disable=SC2016
		sh -c 'echo $$ >"$1" && shift && exec "$@"' - "$w/pid" "$server" --socket "$w/s" --tap vu0 --stats
		got=$?
	done
	return $got
}
# killed [packed]
killed() {
	name=killed${1:+-$1}
	serve >"$w/err" 2>&1 &
	server_pid=$!
	"$rings" "$w/s" vu0 killed ${1:+"$1"} >"$w/out" 2>&1 || bad "$name: $(tail -n 2 "$w/out")"
	kill "$(cat "$w/pid")"
	stops "$name" 0
	if [ "$(grep -c 'TAP vu0 made' "$w/err")" = 9 ] && grep -q '^net.*unaccounted=0$' "$w/err"; then ok "$name-account"
	else bad "$name-account: $(tail -n 3 "$w/err")"; fi
}
killed
killed packed

# ---- handed over: a TAP; the socket, listening, connected, and by systemd ----
start "$helper" tap vu1 "$server" --socket "$w/s" --fd 9
if grep -q 'TAP vu1 inherited as fd 9' "$w/err"; then ok fd-that-is-the-tap; else bad "fd-that-is-the-tap: $(cat "$w/err")"; fi
kill "$server_pid"
stops with-a-tap-handed-over 0
start "$front" hand-over "$w/s" listen "$server" --fd 7
if "$front" connect "$w/s" ask; then ok fd-that-listens; else bad fd-that-listens; fi
kill "$server_pid"
wait "$server_pid"
rm -f "$w/s"
start "$front" hand-over "$w/s" activate "$server"
if "$front" connect "$w/s" ask && "$front" connect "$w/s" ask; then ok socket-activation; else bad socket-activation; fi
kill "$server_pid"
wait "$server_pid"
rm -f "$w/s"
refuse activation-and-socket 2 'more than one socket' "$front" hand-over "$w/t" activate "$server" --socket "$w/s"
rm -f "$w/t"
# One connection, and its end is ours.
if "$front" hand-over - connected "$server" --fd 7 --quiet; then ok fd-that-is-connected; else bad fd-that-is-connected; fi
# Somebody else's variables are not for us.
refuse not-activated 2 'no socket' env LISTEN_PID=1 LISTEN_FDS=1 "$server"
refuse activated-by-two 2 'LISTEN_FDS=2: exactly one' sh -c "LISTEN_PID=\$\$ LISTEN_FDS=2 exec '$server'"

echo "= $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
