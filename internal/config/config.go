// Package config turns configuration files and the command line of a node into one typed, checked [Config].
//
// Both forms say the same (PROTOCOL section 6): a list of items such as "tcp-peer", each with parameters such as
// "cost". An item is a struct here, its parameters are the fields, and everything else about them (name, type,
// default, meaning) is in the fields' tags, which table.go describes. Reading, checking and --help work from those
// tags alone: a new item is one struct and one line of the table, a new type of parameter one line of kinds.
//
// A configuration is either accepted as a whole or refused with every mistake in it: nothing unknown is skipped, and
// nothing wrong is replaced by a default.
package config

import (
	"io/fs"
	"strings"
	"time"

	"receptor/mesh/firewall"
)

// A Config is everything a node is told at its start, complete with defaults and free of contradictions.
type Config struct {
	Node            Node
	LogLevel        LogLevel // Info, unless an item says otherwise
	Trace           bool     // log every datagram
	LocalOnly       bool     // the node may run without any backend
	ControlServices []ControlService
	TCPListeners    []TCPListener
	TCPPeers        []TCPPeer
	UDPListeners    []UDPListener
	UDPPeers        []UDPPeer
	WSListeners     []WSListener
	WSPeers         []WSPeer
	TLSServers      []TLSServer
	TLSClients      []TLSClient
	WorkCommands    []WorkCommand
	// WorkSigning and WorkVerification are nil unless given.
	WorkSigning      *WorkSigning
	WorkVerification *WorkVerification

	TCPServers        []TCPServer
	TCPClients        []TCPClient
	UDPServers        []UDPServer
	UDPClients        []UDPClient
	UnixSocketServers []UnixSocketServer
	UnixSocketClients []UnixSocketClient
	CommandServices   []CommandService
	IPRouters         []IPRouter

	// Work to do instead of running a node. Where there is any, nothing above is given.
	CertInits    []CertInit
	CertMakeReqs []CertMakeReq
	CertSignReqs []CertSignReq

	items []Item // all that were given, for Diff
}

// A Node is the identity of the node itself.
type Node struct {
	Where                    Position
	ID                       string          `param:"id" kind:"node-id" main:"yes" unset:"the host name" help:"node ID, unique in the mesh"`
	DataDir                  string          `param:"datadir" kind:"path" default:"/tmp/receptor" help:"directory for the units of work, in a directory named by the node ID"`
	FirewallRules            []firewall.Rule `param:"firewallrules" kind:"firewall-rules" unset:"accept everything" help:"rules for the messages that the node sends, takes and passes on; the first that matches decides"`
	MaxIdleConnectionTimeout time.Duration   `param:"maxidleconnectiontimeout" kind:"idle-time" default:"21s" help:"a link on which nothing arrived for so long is dropped"`
	MinFreeSpace             int64           `param:"minfreespace" kind:"size" default:"10M" help:"space on the disk of datadir that units of work must leave free; 0 for no limit"`
	MaxPendingRelease        time.Duration   `param:"maxpendingrelease" kind:"duration" default:"168h" help:"a unit that another node could not be told to release for so long is forgotten here, and released there when that node returns"`
}

// check finds "id:a", which is no parameter in YAML but a text, and so the bare value.
func (n Node) check() string {
	if _, rest, ok := strings.Cut(n.ID, ":"); ok && strings.HasPrefix(n.ID, "id:") {
		return "id is " + quote(n.ID) + ": want a space after the colon, as in " + quote("id: "+rest)
	}
	return ""
}

// logLevel is the item that sets Config.LogLevel. Its default holds for the item without a level; the level without
// the item is another.
type logLevel struct {
	Where Position
	Level LogLevel `param:"level" kind:"level" main:"yes" default:"Error" help:"the least important messages to log; Info without this item"`
}

// trace is the item that sets Config.Trace.
type trace struct {
	Where Position
}

// localOnly is the item that sets Config.LocalOnly.
type localOnly struct {
	Where Position
	Local bool `param:"local" kind:"bool" main:"yes" default:"true" help:"whether the node may run without backends"`
}

// A ControlService is one place where the control protocol is served (PROTOCOL section 4).
type ControlService struct {
	Where       Position
	Service     string      `param:"service" kind:"service" default:"control" unique:"service" help:"mesh service to serve on"`
	Filename    string      `param:"filename" kind:"path" unset:"no socket" unique:"socket" help:"Unix socket to serve on too"`
	Permissions fs.FileMode `param:"permissions" kind:"mode" default:"0600" help:"permissions of the socket"`
	TLS         string      `param:"tls" kind:"name" unset:"nobody is authenticated" refers:"tls-server" help:"TLS server configuration of the mesh service"`
	TCPListen   string      `param:"tcplisten" kind:"listen-address" unset:"no port" help:"TCP port to serve on too; without TLS, whoever can connect rules this node"`
	TCPTLS      string      `param:"tcptls" kind:"name" unset:"no TLS" refers:"tls-server" help:"TLS server configuration of the TCP port"`
}

// A WorkCommand is a work type whose units run a command (PROTOCOL section 5).
type WorkCommand struct {
	Where              Position
	WorkType           string `param:"worktype" kind:"work-type" required:"yes" unique:"work type" help:"name to submit units by"`
	Command            string `param:"command" kind:"path" required:"yes" help:"program to run for a unit"`
	Params             string `param:"params" kind:"words" unset:"none" help:"its parameters, split as a shell does"`
	AllowRuntimeParams bool   `param:"allowruntimeparams" kind:"bool" default:"false" help:"whether a submission may add parameters"`
	MaxParallel        int    `param:"maxparallel" kind:"count" unset:"no limit" help:"how many of its units run at the same time; others wait, in order of arrival"`
	MaxOutput          int64  `param:"maxoutput" kind:"size" unset:"no limit" help:"how much output a unit may have; one with more is ended, and fails"`
	Stderr             string `param:"stderr" kind:"stderr" unset:"combined" help:"whether stderr is part of the output, or kept separate from it"`
	VerifySignature    bool   `param:"verifysignature" kind:"bool" default:"false" help:"whether to refuse commands about its units that are not signed, other than by a Unix socket; see work-verification"`
}

// table lists all items there are, in the order in which --help shows them.
var table = []*itemSpec{
	checked(once("node", "This node.", func(c *Config, n Node) { c.Node = n }), Node.check),
	once("log-level", "How much to log.", func(c *Config, l logLevel) { c.LogLevel = l.Level }),
	once("trace", "Log every datagram that the node sends, takes or passes on, whatever the log level; without what it says.", func(c *Config, _ trace) { c.Trace = true }),
	once("local-only", "Run even without backends, as a mesh of one node.", func(c *Config, l localOnly) { c.LocalOnly = l.Local }),
	many("control-service", "Serve the control protocol.", func(c *Config) *[]ControlService { return &c.ControlServices }),
	backend(many("tcp-listener", "Accept links from other nodes over TCP.", func(c *Config) *[]TCPListener { return &c.TCPListeners })),
	backend(many("tcp-peer", "Make a link to another node over TCP.", func(c *Config) *[]TCPPeer { return &c.TCPPeers })),
	backend(many("udp-listener", "Accept links from other nodes over UDP, without security.", func(c *Config) *[]UDPListener { return &c.UDPListeners })),
	backend(many("udp-peer", "Make a link to another node over UDP, without security.", func(c *Config) *[]UDPPeer { return &c.UDPPeers })),
	backend(many("ws-listener", "Accept links from other nodes over websockets.", func(c *Config) *[]WSListener { return &c.WSListeners })),
	backend(checked(many("ws-peer", "Make a link to another node over a websocket.", func(c *Config) *[]WSPeer { return &c.WSPeers }), WSPeer.check)),
	checked(many("tls-server", "Name a TLS configuration for those who are dialled.", func(c *Config) *[]TLSServer { return &c.TLSServers }), TLSServer.check),
	checked(many("tls-client", "Name a TLS configuration for those who dial.", func(c *Config) *[]TLSClient { return &c.TLSClients }), TLSClient.check),
	many("work-command", "Run units of work by a command.", func(c *Config) *[]WorkCommand { return &c.WorkCommands }),
	once("work-signing", "Sign the commands about units of work on other nodes, where a submission asks for that.", func(c *Config, s WorkSigning) { c.WorkSigning = &s }),
	once("work-verification", "Verify signed commands about units of work.", func(c *Config, v WorkVerification) { c.WorkVerification = &v }),
	many("tcp-server", "Pass connections to a TCP port on to a service of the mesh.", func(c *Config) *[]TCPServer { return &c.TCPServers }),
	many("tcp-client", "Offer a TCP port as a service of the mesh.", func(c *Config) *[]TCPClient { return &c.TCPClients }),
	many("udp-server", "Pass datagrams to a UDP port on to a service of the mesh.", func(c *Config) *[]UDPServer { return &c.UDPServers }),
	many("udp-client", "Offer a UDP port as a service of the mesh.", func(c *Config) *[]UDPClient { return &c.UDPClients }),
	many("unix-socket-server", "Pass connections to a Unix socket on to a service of the mesh.", func(c *Config) *[]UnixSocketServer { return &c.UnixSocketServers }),
	many("unix-socket-client", "Offer a Unix socket as a service of the mesh.", func(c *Config) *[]UnixSocketClient { return &c.UnixSocketClients }),
	many("command-service", "Offer a command on a terminal as a service of the mesh.", func(c *Config) *[]CommandService { return &c.CommandServices }),
	many("ip-router", "Route IP packets of this machine over the mesh.", func(c *Config) *[]IPRouter { return &c.IPRouters }),
	errand(checked(many("cert-init", "Make a certificate authority, and exit.", func(c *Config) *[]CertInit { return &c.CertInits }), CertInit.check)),
	errand(checked(many("cert-makereq", "Make a request for a certificate, and exit.", func(c *Config) *[]CertMakeReq { return &c.CertMakeReqs }), CertMakeReq.check)),
	errand(checked(many("cert-signreq", "Sign a request for a certificate, and exit.", func(c *Config) *[]CertSignReq { return &c.CertSignReqs }), CertSignReq.check)),
}
