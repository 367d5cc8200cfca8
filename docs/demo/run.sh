#!/bin/sh
# Starts a mesh of three real nodes, one - two - three, on loopback, drives it
# with receptorctl, stops it, and then simulates a larger one. Exits with 0 only
# if all of it worked; leaves nothing running.
#
# usage: run.sh DIRECTORY-OF-THE-PROGRAMS
set -eu

bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
cd "$dir" # sockets and units of work live here
pids=

say() { printf '\n== %s\n' "$*"; }

stop() {
	trap - EXIT INT TERM
	for pid in $pids; do kill "$pid" 2>/dev/null || :; done
	wait
	rm -rf "$dir"
}

fail() {
	for log in *.log; do
		echo "-- $log"
		cat "$log"
	done >&2
	echo "demo: $*" >&2
	stop
	exit 1
}
trap 'fail "line failed, see above"' EXIT
trap 'stop; exit 130' INT TERM

ctl() { "$bin/receptorctl" --socket one.sock "$@"; }

say "starting three nodes: one - two - three"
for node in one two three; do
	"$bin/receptor" --config "$here/$node.yaml" >"$node.log" 2>&1 &
	pids="$pids $!"
done
tries=0
until ctl ping three --count 1 >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "no route from one to three after 20 s"
	sleep 0.2
done

say "receptorctl status"
ctl status

say "receptorctl ping three, traceroute three"
ctl ping three --count 3 --delay 0.1
ctl traceroute three

say "receptorctl work submit upper --node three"
result=$(ctl work submit upper --node three --payload-literal "work across the mesh" --follow --rm)
echo "$result"
[ "$result" = "WORK ACROSS THE MESH" ] || fail "the unit of work printed: $result"

say "stopping the nodes"
for pid in $pids; do kill -INT "$pid"; done
for pid in $pids; do wait "$pid" || fail "a node ended with exit code $?"; done
pids=

say "meshsim run topologies/random-regular-120.yaml"
"$bin/meshsim" run "$here/../../topologies/random-regular-120.yaml" || fail "the simulated mesh did not do as expected"

stop
say "all of it worked"
