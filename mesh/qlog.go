package mesh

import (
	"context"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlogwriter"
)

// traceQUIC returns where QUIC tells what happens to a connection. Both ends of
// one name it alike.
func (n *Node) traceQUIC(_ context.Context, isClient bool, id quic.ConnectionID) qlogwriter.Trace {
	role := "server"
	if isClient {
		role = "client"
	}
	file := n.qlog("log_" + id.String() + "_" + role + ".qlog")
	if file == nil {
		return nil
	}
	trace := qlogwriter.NewConnectionFileSeq(file, isClient, id)
	go trace.Run() // until the connection has ended; it closes the file
	return trace
}
