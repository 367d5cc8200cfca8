package iprouter

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Tags of the advertisement of a router (PROTOCOL section 6).
const (
	tagType     = "type"
	tagNetwork  = "network"
	tagLocal    = "route_local"
	routePrefix = "route"
	routerType  = "IP Router"
)

// maxAdvertised bounds the networks taken from one node.
const maxAdvertised = 256

// Tags are those that a router advertises its networks by: the local one of its
// interface, and those behind it.
func Tags(network string, local netip.Prefix, routes []netip.Prefix) map[string]string {
	tags := map[string]string{tagType: routerType, tagNetwork: network, tagLocal: local.String()}
	for i, r := range routes {
		tags[fmt.Sprintf("route_%d", i)] = r.String()
	}
	return tags
}

// Networks returns what a router advertises; none if the tags are of something
// else, or of a router in another network. What is no network is left out, and so
// are those after the 256th.
func Networks(network string, tags map[string]string) []netip.Prefix {
	if tags[tagType] != routerType || tags[tagNetwork] != network {
		return nil
	}
	var list []netip.Prefix
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if !strings.HasPrefix(key, routePrefix) {
			continue
		}
		p, err := netip.ParsePrefix(tags[key])
		if err != nil || p.Addr().Is4In6() || len(list) >= maxAdvertised {
			continue
		}
		list = append(list, p.Masked())
	}
	return list
}
