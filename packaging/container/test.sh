#!/bin/sh
# test.sh: builds both images with a base made of this machine's busybox, so
# without a registry, and runs them in namespaces of their own. It needs root,
# buildah and a static busybox (Debian: buildah, busybox-static), and skips
# without.
set -eu
cd "$(dirname "$0")/../.."

skip() { echo "SKIP: $*"; exit 0; }
fail() { echo "FAIL: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || skip "this makes containers by hand, which root must do"
for tool in buildah busybox unshare nsenter chroot; do
	command -v $tool >/dev/null || skip "there is no $tool"
done
chroot=$(command -v chroot)
nsenter=$(command -v nsenter)

work=$(mktemp -d)
containers=
cleanup() {
	for pid in $containers; do kill -KILL "$pid" 2>/dev/null || true; done
	b rm --all >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT
b() { buildah --storage-driver vfs --root "$work/root" --runroot "$work/run" "$@"; }

echo "== base"
mkdir -p "$work/base/bin" "$work/base/etc" "$work/base/dev" "$work/base/proc"
cp "$(command -v busybox)" "$work/base/bin/busybox"
for applet in $(busybox --list | grep -vx busybox); do ln -sf busybox "$work/base/bin/$applet"; done
"$work/base/bin/busybox" true || skip "busybox is not static"
printf 'FROM scratch\nCOPY base/ /\nENV PATH=/usr/bin:/bin\n' >"$work/Containerfile"
b bud --isolation chroot -q -t localhost/base -f "$work/Containerfile" "$work" >/dev/null

for target in node relay; do
	b bud --isolation chroot -q --build-arg BASE=localhost/base --target $target -t localhost/$target . >/dev/null
done

# start TARGET [COMMAND]: runs the command of an image, or another one, as
# process 1 of a container with the user and environment of the image. It sets
# container (the process that waits for it), root and pid.
start() {
	image=$(b from --pull-never "localhost/$1")
	root=$(b mount "$image")
	config() { b inspect --format "{{$1}}" "$image"; }
	user=$(config .OCIv1.Config.User)
	env=$(config 'range .OCIv1.Config.Env}}{{.}} {{end')
	command=${2:-$(config 'range .OCIv1.Config.Cmd}}{{.}} {{end')}
	[ "$(config .OCIv1.Config.StopSignal)" = SIGTERM ] || fail "the stop signal of $1 is not SIGTERM"
	mkdir -p "$root/dev" "$root/proc"
	# Each exec keeps process 1.
	unshare --pid --fork --mount --uts --net --kill-child sh -c "
		hostname test-$1 &&
		mount --bind /dev '$root/dev' && mount -t proc proc '$root/proc' && mount -t tmpfs -o mode=1777 tmp '$root/tmp' &&
		exec env -i $env $chroot --userspec=$user '$root' $command" >"$work/$1.log" 2>&1 &
	container=$!
	containers="$containers $container"
	log="$work/$1.log"
	eventually "process 1 of $1 runs" has_child
}

# The only child of unshare is process 1 of its namespace.
has_child() { pid=$(cut -d ' ' -f 1 "/proc/$container/task/$container/children") && [ -n "$pid" ]; }

# in_container COMMAND...: what "podman exec" would run.
in_container() {
	env -i $env "$nsenter" --target "$pid" --pid --mount --uts --net --root --wd=/ --setuid "${user%:*}" --setgid "${user#*:}" "$@"
}

# eventually WHAT COMMAND...: repeats a command until it succeeds, for 20 s.
eventually() {
	what=$1 tries=0
	shift
	until "$@" >"$work/out" 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { cat "$work/out" "$log" >&2; fail "$what: not after 20 s"; }
		sleep 0.2
	done
	echo "ok: $what"
}

# stop: as "podman stop" does.
stop() {
	kill -TERM "$pid"
	code=0
	wait "$container" || code=$?
	[ $code = 0 ] || { cat "$log" >&2; fail "$1 ends with $code after SIGTERM, want 0"; }
	echo "ok: $1 ends with 0 after SIGTERM"
}

has_status() { in_container /usr/bin/receptorctl status && grep -q "^Node ID: test-$1\$" "$work/out"; }

for target in relay node; do
	echo "== $target"
	start $target
	eventually "$target answers at the default socket, with the host name as its ID" has_status $target
	[ "$(in_container /usr/bin/receptorctl work list)" = "{}" ] || fail "$target should have no units"
	stop $target
done

echo "== work"
cat >"$work/work.conf" <<'END'
- node: {id: worker, datadir: /var/lib/receptor}
- control-service: {filename: /tmp/receptor.sock}
- tcp-listener: {port: 7323}
- work-command: {worktype: sh, command: sh, params: "-c 'read x; echo $x by $(id -u)'"}
END
b rm --all >/dev/null
b from --pull-never --name prepared localhost/node >/dev/null
b copy -q prepared "$work/work.conf" /etc/receptor/work.conf >/dev/null
b commit -q prepared localhost/node >/dev/null
start node "/usr/bin/receptor --config /etc/receptor/work.conf"
eventually "the node answers" in_container receptorctl status
got=$(in_container receptorctl work submit sh --payload-literal done --follow 2>"$work/err") || { cat "$work/err" "$log" >&2; fail "the unit of work"; }
[ "$got" = "done by 65532" ] || fail "the unit of work printed \"$got\", want \"done by 65532\""
echo "ok: a unit of work runs in the shell of the base"
orphan=$(in_container sh -c 'sleep 0.5 >/dev/null 2>&1 & echo $!')
in_container sh -c "[ -e /proc/$orphan ]" || fail "the orphan $orphan should run still"
eventually "process 1 waits for orphans" in_container sh -c "[ ! -e /proc/$orphan ]"
stop node
