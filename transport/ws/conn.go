package ws

import (
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"receptor/transport"
)

const (
	// maxMessage bounds what a peer may send as one frame, in bytes. Deployed
	// nodes send JSON frames of any length over websockets; we send no longer
	// ones than other kinds of links carry.
	maxMessage = 1 << 20
	// bufferSize is of the buffers of a connection, in bytes. A data frame
	// leaves in one write, and as one piece.
	bufferSize = 20 << 10
	// goodbyeTimeout is how long saying that a link is closed may take.
	goodbyeTimeout = time.Second
)

// conn is one websocket: a binary message for each frame (PROTOCOL section 1).
// It implements transport.Conn.
type conn struct {
	ws     *websocket.Conn
	socket net.Conn // below TLS: closing that never blocks
}

func newLink(ws *websocket.Conn) transport.Runner {
	ws.SetReadLimit(maxMessage)
	socket := ws.NetConn()
	if secured, ok := socket.(interface{ NetConn() net.Conn }); ok {
		socket = secured.NetConn()
	}
	return transport.NewLink(&conn{ws, socket}, transport.System, transport.MaxFrame)
}

// ReadFrame implements transport.Conn. It takes text for a frame as well, as
// deployed nodes do.
func (c *conn) ReadFrame() ([]byte, error) {
	_, frame, err := c.ws.ReadMessage()
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseAbnormalClosure) {
		err = io.EOF // deployed nodes close the connection without a word
	}
	return frame, err
}

// WriteFrames implements transport.Conn.
func (c *conn) WriteFrames(frames [][]byte) error {
	for _, frame := range frames {
		if err := c.ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
			return err
		}
	}
	return nil
}

// Close implements transport.Conn.
func (c *conn) Close() error {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(goodbyeTimeout)) // the peer may be gone
	return c.ws.Close()
}

// Abort implements transport.Conn.
func (c *conn) Abort() { c.socket.Close() }

// String implements transport.Conn.
func (c *conn) String() string { return "websocket " + c.ws.RemoteAddr().String() }
