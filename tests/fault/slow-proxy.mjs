// Copyright (C) the Sallyport authors
//
// Stands between a gate and its store: what the store says may take any time
// on each connection, and never arrive. The order within a connection stays.

import net from 'node:net';


// { port, links, stop() }, and:
//   delay    link => ms that bytes for the gate wait at least
//   muted    link => true: bytes for the gate are kept until it is false
//   cut()    resets the connections of a filter
// A link has { tracker, at, client, server }.
export async function startProxy(target) {
    const proxy = { links: new Set(), delay: () => 0, muted: () => false };

    const server = net.createServer((client) => {
        const upstream = net.connect(target(), '127.0.0.1');
        const link = { client, server: upstream, tracker: false,
            at: Date.now() };
        let last = Promise.resolve();

        const end = () => {
            client.destroy();
            upstream.destroy();
            proxy.links.delete(link);
        };

        const deliver = async (data, due) => {
            for (let left = due - Date.now(); left > 0 || proxy.muted(link);
                left = due - Date.now())
            {
                await new Promise((resolve) =>
                    setTimeout(resolve, Math.max(left, 5)));

                if (client.destroyed) {
                    return;
                }
            }

            client.write(data);
        };

        proxy.links.add(link);
        client.setNoDelay(true);
        upstream.setNoDelay(true);

        for (const socket of [client, upstream]) {
            socket.on('error', end);
            socket.on('close', end);
        }

        client.on('data', (data) => {
            link.tracker ||= data.includes('SUBSCRIBE');
            upstream.write(data);
        });
        upstream.on('data', (data) => {
            const due = Date.now() + proxy.delay(link);

            last = last.then(() => deliver(data, due));
        });
    });

    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy.port = server.address().port;

    proxy.cut = (filter = () => true) => [...proxy.links].filter(filter)
        .forEach(({ client, server: upstream }) => {
            client.resetAndDestroy();
            upstream.destroy();
        });

    proxy.stop = async () => {
        proxy.cut();
        await new Promise((resolve) => server.close(resolve));
    };

    return proxy;
}
