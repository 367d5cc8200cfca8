package wire

import (
	"sync"

	"github.com/quic-go/quic-go/internal/protocol"
)

var pool, jumboPool sync.Pool

func init() {
	pool.New = func() any {
		return &StreamFrame{
			Data:     make([]byte, 0, protocol.MaxPacketBufferSize),
			fromPool: true,
		}
	}
	jumboPool.New = func() any {
		return &StreamFrame{
			Data:     make([]byte, 0, protocol.MaxJumboPacketSize),
			fromPool: true,
		}
	}
}

func GetStreamFrame() *StreamFrame {
	f := pool.Get().(*StreamFrame)
	return f
}

// GetStreamFrameFor returns a frame for at most n bytes of data.
// Not in upstream.
func GetStreamFrameFor(n protocol.ByteCount) *StreamFrame {
	if n <= protocol.MaxPacketBufferSize {
		return GetStreamFrame()
	}
	return jumboPool.Get().(*StreamFrame)
}

func putStreamFrame(f *StreamFrame) {
	if !f.fromPool {
		return
	}
	switch protocol.ByteCount(cap(f.Data)) {
	case protocol.MaxPacketBufferSize:
		pool.Put(f)
	case protocol.MaxJumboPacketSize:
		jumboPool.Put(f)
	default:
		panic("wire.PutStreamFrame called with packet of wrong size!")
	}
}
