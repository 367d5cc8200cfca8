package config

import "strings"

// A TCPListener is a port on which other nodes are awaited (PROTOCOL section 1).
type TCPListener struct {
	Where        Position
	Port         int                `param:"port" kind:"port" main:"yes" required:"yes" help:"TCP port to listen on; 0 takes a free one"`
	BindAddr     string             `param:"bindaddr" kind:"host" default:"0.0.0.0" help:"address to listen on"`
	TLS          string             `param:"tls" kind:"name" unset:"no TLS" refers:"tls-server" help:"TLS server configuration"`
	Cost         float64            `param:"cost" kind:"cost" default:"1.0" help:"cost of the links; both ends of a link must set the same"`
	NodeCost     map[string]float64 `param:"nodecost" kind:"node-costs" unset:"the cost above" help:"cost of the link to particular peers"`
	AllowedPeers []string           `param:"allowedpeers" kind:"node-ids" unset:"any peer" help:"the only peers to accept"`
}

// A TCPPeer is another node to dial (PROTOCOL section 1).
type TCPPeer struct {
	Where        Position
	Address      string   `param:"address" kind:"address" main:"yes" required:"yes" help:"where the peer listens"`
	Redial       bool     `param:"redial" kind:"bool" default:"true" help:"whether to dial again when the link ends or cannot be made"`
	TLS          string   `param:"tls" kind:"name" unset:"no TLS" refers:"tls-client" help:"TLS client configuration"`
	Cost         float64  `param:"cost" kind:"cost" default:"1.0" help:"cost of the link; both ends of a link must set the same"`
	AllowedPeers []string `param:"allowedpeers" kind:"node-ids" unset:"any peer" help:"the only peers to accept at that address"`
}

// A UDPListener is a port on which other nodes are awaited (PROTOCOL section 1).
type UDPListener struct {
	Where        Position
	Port         int                `param:"port" kind:"port" main:"yes" required:"yes" help:"UDP port to listen on; 0 takes a free one"`
	BindAddr     string             `param:"bindaddr" kind:"host" default:"0.0.0.0" help:"address to listen on"`
	Cost         float64            `param:"cost" kind:"cost" default:"1.0" help:"cost of the links; both ends of a link must set the same"`
	NodeCost     map[string]float64 `param:"nodecost" kind:"node-costs" unset:"the cost above" help:"cost of the link to particular peers"`
	AllowedPeers []string           `param:"allowedpeers" kind:"node-ids" unset:"any peer" help:"the only peers to accept"`
}

// A UDPPeer is another node to send to (PROTOCOL section 1).
type UDPPeer struct {
	Where        Position
	Address      string   `param:"address" kind:"address" main:"yes" required:"yes" help:"where the peer listens"`
	Redial       bool     `param:"redial" kind:"bool" default:"true" help:"whether to begin again when the link ends or cannot be made"`
	Cost         float64  `param:"cost" kind:"cost" default:"1.0" help:"cost of the link; both ends of a link must set the same"`
	AllowedPeers []string `param:"allowedpeers" kind:"node-ids" unset:"any peer" help:"the only peers to accept at that address"`
}

// A WSListener is an HTTP port on which other nodes are awaited (PROTOCOL section 1).
type WSListener struct {
	Where        Position
	Port         int                `param:"port" kind:"port" main:"yes" required:"yes" help:"TCP port of the HTTP server; 0 takes a free one"`
	BindAddr     string             `param:"bindaddr" kind:"host" default:"0.0.0.0" help:"address to listen on"`
	Path         string             `param:"path" kind:"url-path" default:"/" help:"path of the URL that peers ask for; one that ends in / stands for all below it, too"`
	TLS          string             `param:"tls" kind:"name" unset:"no TLS" refers:"tls-server" help:"TLS server configuration"`
	Cost         float64            `param:"cost" kind:"cost" default:"1.0" help:"cost of the links; both ends of a link must set the same"`
	NodeCost     map[string]float64 `param:"nodecost" kind:"node-costs" unset:"the cost above" help:"cost of the link to particular peers"`
	AllowedPeers []string           `param:"allowedpeers" kind:"node-ids" unset:"any peer" help:"the only peers to accept"`
}

// A WSPeer is another node to dial by a URL (PROTOCOL section 1).
type WSPeer struct {
	Where        Position
	Address      string   `param:"address" kind:"ws-url" main:"yes" required:"yes" help:"where the peer listens"`
	Redial       bool     `param:"redial" kind:"bool" default:"true" help:"whether to dial again when the link ends or cannot be made"`
	ExtraHeader  string   `param:"extraheader" kind:"header" unset:"none" help:"header to add to the request"`
	TLS          string   `param:"tls" kind:"name" unset:"for wss, the authorities of the system" refers:"tls-client" help:"TLS client configuration"`
	Cost         float64  `param:"cost" kind:"cost" default:"1.0" help:"cost of the link; both ends of a link must set the same"`
	AllowedPeers []string `param:"allowedpeers" kind:"node-ids" unset:"any peer" help:"the only peers to accept at that address"`
}

func (w WSPeer) check() string {
	if w.TLS != "" && !strings.HasPrefix(strings.ToLower(w.Address), "wss:") {
		return "tls is given, but the scheme of the address has none: want wss, or no tls"
	}
	return ""
}
