#!/usr/bin/env python3
# Copyright (C) the Sallyport authors
#
# Verifies the records beside it, without a network and without the gate's
# command: Python's own library and `openssl` (3.0 or later) are enough.
#
#     python3 verify.py KEY
#
# KEY is the public key as its owner has published it, or a file with it. Take
# it from where it was published, not from this directory.

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def fail(why):
    sys.exit('NOT PROVED: ' + why)


def read(*names):
    with open(os.path.join(HERE, *names), 'rb') as file:
        return file.read()


def sha256(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def read_key(text):
    if os.path.exists(text):
        with open(text, encoding='utf-8') as file:
            text = file.read()
    name, number, key = text.strip().split('+', 2)
    key = base64.b64decode(key, validate=True)
    if key[0] != 1 or len(key) != 33:
        fail('the key is not an Ed25519 key')
    if sha256(name.encode(), b'\n', key)[:4].hex() != number:
        fail('the key is damaged')
    return name, bytes.fromhex(number), key[1:]


def signed(key, text, signature):
    with tempfile.TemporaryDirectory() as where:
        def put(name, data):
            with open(os.path.join(where, name), 'wb') as file:
                file.write(data)
            return os.path.join(where, name)
        # RFC 8410: what stands before a public key
        der = bytes.fromhex('302a300506032b6570032100') + key
        return subprocess.run(
            ['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER',
             '-inkey', put('key', der), '-rawin', '-in', put('text', text),
             '-sigfile', put('signature', signature)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False).returncode == 0


# C2SP signed-note and tlog-checkpoint: the tree's size and root.
def read_checkpoint(note, key, known={}):
    if note not in known:
        name, number, public = key
        text, _, signatures = note.partition('\n\n')
        text += '\n'
        origin, size, root = text.split('\n')[:3]
        if origin != name:
            fail('the checkpoint is one of another log: ' + origin)
        for line in signatures.splitlines():
            mark, who, data = line.split(' ')
            data = base64.b64decode(data, validate=True)
            if mark == '\u2014' and who == name and data[:4] == number \
                    and signed(public, text.encode(), data[4:]):
                break
        else:
            fail('the checkpoint is not signed by this key')
        known[note] = int(size), base64.b64decode(root, validate=True)
    return known[note]


# RFC 9162, 2.1.3.2: the root that follows from a leaf and its path.
def climb(leaf, index, size, path):
    last = size - 1
    root = leaf
    if index > last:
        return None
    for other in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            root = sha256(b'\x01', other, root)
            while index and not index & 1:
                index >>= 1
                last >>= 1
        else:
            root = sha256(b'\x01', root, other)
        index >>= 1
        last >>= 1
    return root if last == 0 else None


def prove(name, key):
    line = read('records', name + '.json').rstrip(b'\n')
    proof = read('proofs', name + '.tlog-proof').decode()
    head, _, note = proof.partition('\n\n')
    head = head.split('\n')
    if head[0] != 'c2sp.org/tlog-proof@v1' or head[1][:6] != 'index ':
        fail(name + ' has no proof')
    size, root = read_checkpoint(note, key)
    path = [base64.b64decode(text, validate=True) for text in head[2:]]
    if climb(sha256(b'\x00', line), int(head[1][6:]), size, path) != root:
        fail(name + ' is not the line that was sealed')
    return json.loads(line)


def archived(record):
    where = 'policy/' + record['pol'].partition(':')[2]
    for entry in record['files']:
        data = read(where, entry['name'])
        if hashlib.sha256(data).hexdigest() != entry['sha256']:
            fail(where + '/' + entry['name'] + ' is not what was in force')
    print(f'{where}: {len(record["files"])} files as archived')


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: python3 verify.py KEY')
    key = read_key(sys.argv[1])
    names = sorted(name[:-5] for name in os.listdir(
        os.path.join(HERE, 'records')))
    listed = [row['name'] for row in json.loads(
        read('contents.json'))['records']]
    if names != sorted(listed):
        fail('contents.json lists other records than there are')
    for name in names:
        record = prove(name, key)
        if record['t'] == 'archive':
            archived(record)
        else:
            print(record['ts'], record['t'],
                  record.get('id', record.get('of', '')),
                  record.get('dec', ''), record.get('reason', ''))
    print(f'PROVED: {len(names)} records of {key[0]}')


try:
    main()
except (OSError, ValueError, KeyError, IndexError) as error:
    fail(f'{type(error).__name__}: {error}')
