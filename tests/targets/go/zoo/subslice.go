package main

import (
	"bytes"
	"encoding/binary"

	"heaptop.test/zoo/busy"
)

const packetBytes = 64 << 10

// recent are the ids of the last messages, against duplicates: 32 bytes each, and yet the whole packet stays.
type recent struct {
	ids  [20000][]byte
	next int
}

func (r *recent) add(id []byte) {
	r.ids[r.next] = id
	r.next = (r.next + 1) % len(r.ids)
}

func init() { register("subslice", runSubSlice) }

func runSubSlice(leak bool) {
	seen := &recent{}
	busy.Every(30, func(n int) {
		packet := receivePacket(n)
		id := packet[16:48]
		if !leak {
			id = append([]byte(nil), id...)
		}
		seen.add(id)
	})
}

func receivePacket(n int) []byte {
	packet := make([]byte, packetBytes) // LEAK
	binary.LittleEndian.PutUint64(packet[16:], uint64(n))
	copy(packet[48:], bytes.Repeat([]byte{byte(n)}, 1024))
	return packet
}
