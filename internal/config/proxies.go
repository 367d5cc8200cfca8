package config

import (
	"io/fs"
	"net/netip"
)

// A TCPServer is a TCP port of this machine whose connections go to a service of the mesh (PROTOCOL section 6).
type TCPServer struct {
	Where         Position
	Port          int    `param:"port" kind:"port" required:"yes" help:"TCP port to listen on; 0 takes a free one"`
	BindAddr      string `param:"bindaddr" kind:"host" default:"0.0.0.0" help:"address to listen on"`
	RemoteNode    string `param:"remotenode" kind:"node" required:"yes" help:"node to connect to"`
	RemoteService string `param:"remoteservice" kind:"service" required:"yes" help:"service to connect to"`
	TLSServer     string `param:"tlsserver" kind:"name" unset:"no TLS" refers:"tls-server" help:"TLS server configuration of the port"`
	TLSClient     string `param:"tlsclient" kind:"name" unset:"the node is not authenticated" refers:"tls-client" help:"TLS client configuration of the stream on the mesh"`
}

// A TCPClient is a service of the mesh whose streams go to a TCP port (PROTOCOL section 6).
type TCPClient struct {
	Where     Position
	Service   string `param:"service" kind:"service" required:"yes" unique:"service" help:"mesh service to offer"`
	Address   string `param:"address" kind:"address" required:"yes" help:"where to connect to"`
	TLSServer string `param:"tlsserver" kind:"name" unset:"nobody is authenticated" refers:"tls-server" help:"TLS server configuration of the mesh service"`
	TLSClient string `param:"tlsclient" kind:"name" unset:"no TLS" refers:"tls-client" help:"TLS client configuration of the TCP connection"`
}

// A UDPServer is a UDP port of this machine whose datagrams go to a service of the mesh (PROTOCOL section 6).
type UDPServer struct {
	Where         Position
	Port          int    `param:"port" kind:"port" required:"yes" help:"UDP port to listen on; 0 takes a free one"`
	BindAddr      string `param:"bindaddr" kind:"host" default:"0.0.0.0" help:"address to listen on"`
	RemoteNode    string `param:"remotenode" kind:"node" required:"yes" help:"node to send to"`
	RemoteService string `param:"remoteservice" kind:"service" required:"yes" help:"service to send to"`
}

// A UDPClient is a service of the mesh whose datagrams go to a UDP port (PROTOCOL section 6).
type UDPClient struct {
	Where   Position
	Service string `param:"service" kind:"service" required:"yes" unique:"service" help:"mesh service to offer"`
	Address string `param:"address" kind:"address" required:"yes" help:"where to send to; a host name is looked up when the node starts"`
}

// A UnixSocketServer is a Unix socket whose connections go to a service of the mesh (PROTOCOL section 6).
type UnixSocketServer struct {
	Where         Position
	Filename      string      `param:"filename" kind:"path" required:"yes" unique:"socket" help:"Unix socket to listen on"`
	Permissions   fs.FileMode `param:"permissions" kind:"mode" default:"0600" help:"permissions of the socket"`
	RemoteNode    string      `param:"remotenode" kind:"node" required:"yes" help:"node to connect to"`
	RemoteService string      `param:"remoteservice" kind:"service" required:"yes" help:"service to connect to"`
	TLS           string      `param:"tls" kind:"name" unset:"the node is not authenticated" refers:"tls-client" help:"TLS client configuration of the stream on the mesh"`
}

// A UnixSocketClient is a service of the mesh whose streams go to a Unix socket (PROTOCOL section 6).
type UnixSocketClient struct {
	Where    Position
	Service  string `param:"service" kind:"service" required:"yes" unique:"service" help:"mesh service to offer"`
	Filename string `param:"filename" kind:"path" required:"yes" help:"Unix socket to connect to"`
	TLS      string `param:"tls" kind:"name" unset:"nobody is authenticated" refers:"tls-server" help:"TLS server configuration of the mesh service"`
}

// A CommandService is a service of the mesh each of whose streams is the terminal of a command (PROTOCOL section 6).
type CommandService struct {
	Where   Position
	Service string `param:"service" kind:"service" required:"yes" unique:"service" help:"mesh service to offer"`
	Command string `param:"command" kind:"command" required:"yes" help:"program to run for a stream, and its parameters, split as a shell does"`
	TLS     string `param:"tls" kind:"name" unset:"nobody is authenticated" refers:"tls-server" help:"TLS server configuration of the mesh service"`
}

// An IPRouter carries IP packets between an interface of this machine and the mesh (PROTOCOL section 6).
type IPRouter struct {
	Where       Position
	NetworkName string         `param:"networkname" kind:"service" required:"yes" unique:"service" help:"name of the network: the mesh service by which its routers exchange packets"`
	Interface   string         `param:"interface" kind:"interface" unset:"the system chooses" help:"TUN interface to make"`
	LocalNet    netip.Prefix   `param:"localnet" kind:"local-net" required:"yes" help:"network of the interface itself, whose first address it gets"`
	Routes      []netip.Prefix `param:"routes" kind:"networks" unset:"none" help:"networks behind this machine that the others may reach"`
}
