# wait.sh: sourced by the suites here.
# shellcheck shell=sh
# wait_for COMMAND...: up to 30 s, and more where everything is slow; status 0 as soon as COMMAND's is.
wait_for() {
	turns=0
	until "$@" >/dev/null 2>&1; do
		turns=$((turns + 1))
		[ $turns -lt 1500 ] || return 1
		sleep 0.02
	done
}
