// Copyright (C) the Sallyport authors
//
// Processes that a test starts and ends itself, and waiting for something to
// become true.

import net from 'node:net';
import { spawn } from 'node:child_process';


// Polls, at first often; "what" is for the message. A check that returns
// null, undefined or false is tried again; one that throws ends the wait.
export async function until(check, what, ms = 10000) {
    const end = Date.now() + ms;

    for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
        const value = await check();

        if (value !== null && value !== undefined && value !== false) {
            return value;
        }

        if (Date.now() > end) {
            throw new Error(`waited ${ms} ms in vain: ${what}`);
        }

        await new Promise((resolve) => setTimeout(resolve, pause));
    }
}


// A port that was free a moment ago. Another process may take it before the
// caller does: whoever starts a server retries with another one.
export function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();

        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}


const alive = new Set();

// The last resort, when a test file dies: nothing may be left behind.
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));


export function spawnServer(command, args, options = {}) {
    const child = spawn(command, args.map(String),
        { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const server = { pid: child.pid, output: '', ended: false, code: null };

    alive.add(child);
    child.stdout?.on('data', (data) => { server.output += data; });
    child.stderr?.on('data', (data) => { server.output += data; });

    server.exit = new Promise((resolve) => {
        const done = (code, signal) => {
            alive.delete(child);
            server.ended = true;
            server.code = code ?? signal;
            resolve(server.code);
        };

        child.once('exit', done);
        child.once('error', (e) => { server.output += e; done(127); });
    });

    server.kill = (signal) => !server.ended && child.kill(signal);

    // Asks with "signal"; one that does not end within "ms" is killed, and
    // the caller is told.
    server.stop = async (signal = 'SIGTERM', ms = 20000) => {
        server.kill(signal);

        const timer = setTimeout(() => {
            server.killed = true;
            server.kill('SIGKILL');
        }, ms);
        const code = await server.exit;

        clearTimeout(timer);

        return code;
    };

    return server;
}
