# Copyright (C) the Sallyport authors
#
# Python among the readers of the panel; judge.c says what goes in and out.
# "?": no string is the model.

import json
import struct
import sys

read = sys.stdin.buffer.read
write = sys.stdout.buffer.write

while True:
    head = read(4)
    if len(head) < 4:
        break
    data = read(struct.unpack('<I', head)[0])
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        write(b'-\n')
        continue
    model = body.get('model') if isinstance(body, dict) else None
    if isinstance(model, str):
        text = model.encode('utf-8', 'surrogatepass').hex()
        stream = int(body.get('stream') is True)
        write(b'=%s %d\n' % (text.encode(), stream))
    else:
        write(b'?\n')
