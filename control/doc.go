// Package control speaks the control protocol (PROTOCOL section 4): lines with
// commands go in, one line with JSON or an error comes back, and some commands
// go on with a raw stream.
//
// A Server carries it out on any number of listeners, be they Unix sockets,
// TCP ports or services of the mesh. Which commands there are is up to the
// packages that register their handlers with it; those that only need a mesh
// node come from RegisterMesh. A Client is the other end, over any connection
// that somebody else has made.
//
// Goroutines are started in two places only: one per session by the server,
// and one per bridged stream by the connect command. Time comes from the
// transport.Clock that the caller hands in.
package control
