// Copyright (C) the Sallyport authors
//
// Certificates of a test's own, made with openssl.

import path from 'node:path';
import { execFileSync } from 'node:child_process';


// A maker in a directory: authority(name), and issue(ca, name, { san, days })
// which returns { cert, key }; all are paths of PEM files.
export function certificates(dir) {
    const file = (name) => path.join(dir, name);
    const openssl = (...args) => execFileSync('openssl', args,
        { stdio: ['ignore', 'ignore', 'pipe'] });

    return {
        authority(name) {
            openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=' + name,
                '-days', '30', '-keyout', file(name + '.key'),
                '-out', file(name + '.pem'));

            return { cert: file(name + '.pem'), key: file(name + '.key') };
        },

        issue(ca, name, { san, days = 30 } = {}) {
            openssl('req', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=' + name,
                ...(san ? ['-addext', 'subjectAltName=' + san] : []),
                '-keyout', file(name + '.key'), '-out', file(name + '.csr'));
            openssl('x509', '-req', '-in', file(name + '.csr'), '-CA', ca.cert,
                '-CAkey', ca.key, '-CAcreateserial', '-days', String(days),
                '-copy_extensions', 'copy', '-out', file(name + '.pem'));

            return { cert: file(name + '.pem'), key: file(name + '.key') };
        },
    };
}
