# talk.sh: sourced by what runs a guest with guest-init: $vm is the process of its virtual machine, $to_guest and $from_guest
# are descriptors of its serial line, and the folder $w is its own.
# shellcheck shell=bash
: "${w:?}" "${vm:=}" "${to_guest:=}" "${from_guest:=}"
COMMAND_S=60

# hear PREFIX SECONDS: prints what the guest says up to the line that begins so; what follows in it is in $heard. A guest
# that says nothing is lost: nothing more is asked of it.
hear() {
	local line part='' until=$((SECONDS + $2))
	while [ ! -e "$w/lost" ] && [ $SECONDS -lt $until ] && kill -0 "$vm" 2>/dev/null; do
		while read -r -t 1 -u "$from_guest" line; do
			line=$part${line%$'\r'} part=''
			case $line in
			"$1"*) heard=${line#"$1"}; return 0 ;;
			?*) echo "$line" ;;
			esac
		done
		part+=$line # of a line whose rest is still to come
	done
	touch "$w/lost"
	echo "the guest is lost: $(tail -qn 2 "$w"/*.words "$w/console" 2>/dev/null)"
	return 1
}

# guest COMMAND: its output and its status. It goes as one line.
guest() {
	[ -e "$w/lost" ] || echo "${1//$'\n'/ }" >&"$to_guest"
	hear '@done ' $COMMAND_S && return "$heard"
}
