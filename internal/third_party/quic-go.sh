#!/bin/sh
# Makes internal/third_party/quic-go anew: the packages of quic-go that the node needs,
# without tests, of the version that go.mod asks for, with quic-go.patch on top.
# For another version: go get github.com/quic-go/quic-go@VERSION, run this, and
# where the patch does not apply, mend the copy and then the patch (git diff).
set -eu
cd "$(dirname "$0")"
module=github.com/quic-go/quic-go
version=$(go list -m -f '{{.Version}}' $module)
from=$(cd / && go mod download -json "$module@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
test -d "$from" || { echo "quic-go.sh: $module@$version cannot be had" >&2; exit 1; }

packages=$(cd ../.. && for os in linux darwin windows wasip1; do
	case $os in wasip1) arch=wasm ;; *) arch=amd64 ;; esac
	GOOS=$os GOARCH=$arch go list -deps ./mesh | sed -n "s,^$module,.,p"
done | sort -u)

rm -rf quic-go
for package in $packages; do
	mkdir -p "quic-go/$package"
	for file in "$from/$package"/*.go; do
		case $file in *_test.go | */mock*.go | */tools.go) ;; *) cp "$file" "quic-go/$package/" ;; esac
	done
done
cp "$from/LICENSE" quic-go/
chmod -R u+w quic-go
{
	echo "module $module"
	echo
	sed -n '/^go /p' "$from/go.mod"
	echo
	echo 'require ('
	grep -E '^	golang.org/x/(crypto|net|sys) v' "$from/go.mod"
	echo ')'
} >quic-go/go.mod
cd ../.. && git apply --directory=internal/third_party/quic-go internal/third_party/quic-go.patch
