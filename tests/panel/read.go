// Copyright (C) the Sallyport authors
//
// Go among the readers of the panel; judge.c says what goes in and out. A
// struct takes keys in any case, and a Decoder stops behind the first value.
// "?": no string is the model.

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var head [4]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		data := make([]byte, binary.LittleEndian.Uint32(head[:]))
		if _, err := io.ReadFull(in, data); err != nil {
			return
		}
		var body struct {
			Model  *string `json:"model"`
			Stream *bool   `json:"stream"`
		}
		err := json.NewDecoder(bytes.NewReader(data)).Decode(&body)
		switch {
		case err != nil:
			fmt.Fprintln(out, "-")
		case body.Model == nil:
			fmt.Fprintln(out, "?")
		default:
			stream := 0
			if body.Stream != nil && *body.Stream {
				stream = 1
			}
			fmt.Fprintf(out, "=%s %d\n",
				hex.EncodeToString([]byte(*body.Model)), stream)
		}
	}
}
