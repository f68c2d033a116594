#!/bin/sh
# capture.sh BUILD_DIR: what a capture holds, read by tshark: each frame of the account, with its direction, what its
# header said and why it was dropped; into a file, and into FIFOs that are read, that are not, that nobody opened.
set -u
build=$1
here=$(dirname "$0")
# shellcheck source=tests/e2e/table.sh
. "$here/table.sh"
w=$(mktemp -d)
trap 'rm -rf "$out" "$w"' EXIT
file=$w/c.pcapng

# run NAME CHECK FILE: this check of the self test, captured. Its statistics are $w/stats.
run() {
	if env "$mark" timeout 120 "$build/tapvm" selftest --no-kvm --only "$2" --stats --capture "$3" >"$out" 2>"$w/stats"
	then ok "$1-run"
	else bad "$1-run" "$(tail -1 "$out") $(tail -1 "$w/stats")"; fi
}
# stat NAME: that number.
stat() { sed -n "s/^net\.0\.$1=//p" "$w/stats"; }
# same NAME WHAT GOT WANT
same() { if [ "$3" = "$4" ]; then ok "$1"; else bad "$1" "$2: $3, not $4"; fi; }
# count AWK-CONDITION: packets for which it holds, of the fields below.
count() { awk -F '\t' "$1 { n++ } END { print n + 0 }" "$w/packets"; }

# account NAME: tshark reads the file ($w/packets: direction, flags, length, name of the interface, ICMP type, protocols,
# comments); frames, directions and reasons are those of the statistics. Frames still come in between these and the end:
# what is behind the number of them is left out.
# shellcheck disable=SC2016
account() {
	in=$(($(stat rx.pkts) + $(stat rx.drop))) of_out=$(($(stat tx.pkts) + $(stat tx.drop)))
	tshark -n -r "$file" -T fields -e frame.packet_flags_direction -e frame.packet_flags -e frame.len \
		-e frame.interface_name -e icmp.type -e frame.protocols -e frame.comment 2>/dev/null |
		awk -F '\t' -v in_all="$in" '$1 != 1 || ++n <= in_all' >"$w/packets"
	same "$1-packets" "in, out, all" "$(count '$1 == 1') $(count '$1 == 2') $(count 1)" "$in $of_out $((in + of_out))"
	same "$1-counted" "in the statistics" "$(stat capture.frames) $(stat capture.lost)" "$((in + of_out)) 0"
	sed -n 's/.*	dropped: \([a-z_]*\): .*/\1/p' "$w/packets" |
		awk '{ n[$1]++ } END { for (i in n) print i "=" n[i] }' | LC_ALL=C sort >"$w/got"
	sed -n 's/^net\.0\.dropped\.//p' "$w/stats" | LC_ALL=C sort >"$w/want"
	same "$1-reasons" drops "$(tr '\n' ' ' <"$w/got")" "$(tr '\n' ' ' <"$w/want")"
}

# The conditions are awk's.
# shellcheck disable=SC2016
{
	run ping ping-guest-to-host "$file"
	account ping
	same ping-decoded "echo requests out, replies in" "$(count '$1 == 2 && $5 == 8')" "$(count '$1 == 1 && $5 == 0')"
	[ "$(count '$5 == 8')" -ge 700 ] && [ "$(count '$6 ~ /malformed/')" = 0 ] &&
		[ "$(count '$4 == "tapvm0"')" = "$(count 1)" ]
	same ping-understood "status of 700 requests, all well formed, all of tapvm0" $? 0

	run tso tx-tso4 "$file"
	account tso
	# Once on each kind of ring.
	same tso-header "frames of 20054 bytes that say what they are" "$(count '$1 == 2 && $2 == "0x00000a02" &&
		$3 == 20054 && $6 ~ /:tcp/ && $7 == "vnet_hdr: NEEDS_CSUM start 34 offset 16, TCPV4 gso_size 1448"')" 2
}

run hostile hostile-frames "$file"
account hostile
if [ "$(wc -l <"$w/got")" -ge 5 ]; then ok hostile-reasons-of-all-kinds; else bad hostile-reasons-of-all-kinds "$(cat "$w/got")"; fi

mkfifo "$w/fifo"
cat "$w/fifo" >"$file" &
run fifo ping-guest-to-host "$w/fifo"
wait $!
account fifo

# A reader that never reads.
exec 3<>"$w/fifo"
run stuck flood-guest-to-host "$w/fifo"
exec 3<&-
lost=$(stat capture.lost)
if [ "$lost" -gt 0 ]; then ok stuck-lost; else bad stuck-lost "$lost frames"; fi

# refuse NAME FILE PATTERN: one line, status 4.
refuse() {
	env "$mark" timeout 20 "$build/tapvm" selftest --no-kvm --capture "$2" >"$out" 2>&1
	rc=$?
	if [ $rc = 4 ] && [ "$(wc -l <"$out")" = 1 ] && grep -q -e "$3" "$out"; then ok "$1"
	else bad "$1" "status $rc: $(cat "$out")"; fi
}
refuse fifo-unread "$w/fifo" 'nobody reads this FIFO; start its reader first'
refuse nowhere "$w/no/c" 'capture: open .*/no/c for writing: No such file or directory'

if gone; then ok leaves-nothing; else bad leaves-nothing "an interface or a process"; fi
sum_up
