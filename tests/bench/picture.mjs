// Copyright (C) the Sallyport authors
//
// Draws tests/bench/rivals.svg, the picture of the README, out of
// build/bench.json: requests a second of each beside bare nginx, and the
// processor time that it adds to a request. Legible on light and on dark.

import fs from 'node:fs';
import path from 'node:path';

import { ROOT } from '../e2e/lib/harness.mjs';
import { RESULTS } from './results.mjs';

const TO = path.join(ROOT, 'tests/bench/rivals.svg');

const NAMES = {
    bare: ['bare nginx', 'proxy_pass, no check'],
    geoip2_limit_req: ['nginx: geoip2 + limit_req', 'country'],
    gate: ['Sallyport', 'country, key, record, model, policy'],
    lua: ['nginx: Lua', 'country, key, record, model'],
    haproxy: ['HAProxy', 'country, key, model'],
    auth_request: ['nginx: auth_request', 'country, key'],
    envoy: ['Envoy', 'country, key, model'],
    litellm: ['LiteLLM', 'country, key, record, model'],
};

const WIDTH = 760;
const LEFT = 230;
const RIGHT = 190;
const TOP = 64;
const ROW = 42;
const FULL = WIDTH - LEFT - RIGHT;

const escape = (s) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;');


function row(name, c, bare, y, widest) {
    const [title, checks] = NAMES[name];
    const x = (ratio) => (LEFT + FULL * ratio / widest).toFixed(1);
    const [low, high] = c.ratio_ci;
    const percent = c.ratio < 0.01 ? (c.ratio * 100).toFixed(1)
        : Math.round(c.ratio * 100);
    const cpu = name === 'bare' ? `${c.cpu_us.toFixed(1)} µs a request`
        : `+${(c.cpu_us - bare.cpu_us + (c.beside_cpu_us ?? 0))
            .toFixed(c.cpu_us > 100 ? 0 : 1)} µs`;
    const whisker = name === 'bare' ? ''
        : `<path class="ci" d="M${x(low)} ${y + 13}H${x(high)}` +
            `M${x(low)} ${y + 9}v8M${x(high)} ${y + 9}v8"/>`;

    return `<g><text class="name" x="${LEFT - 12}" y="${y + 11}">` +
        `${escape(title)}</text>
<text class="checks" x="${LEFT - 12}" y="${y + 25}">${escape(checks)}</text>
<rect class="${name === 'gate' ? 'gate' : 'bar'}" x="${LEFT}" y="${y}" ` +
        `width="${Math.max(1, FULL * c.ratio / widest).toFixed(1)}" ` +
        `height="26" rx="2"/>${whisker}
<text class="figure" x="${WIDTH - RIGHT + 14}" y="${y + 18}">${percent} %` +
        `<tspan class="cpu" dx="10">${cpu}</tspan></text></g>`;
}


function draw(r) {
    const names = Object.keys(NAMES).filter((n) => r.cases[n]);
    const order = names.sort((a, b) => r.cases[b].ratio - r.cases[a].ratio);
    const widest = Math.max(1, ...order.map((n) => r.cases[n].ratio_ci[1]));
    const height = TOP + order.length * ROW + 46;
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((t) => {
        const x = (LEFT + FULL * t / widest).toFixed(1);

        return `<path class="tick" d="M${x} ${TOP - 8}V${height - 44}"/>` +
            `<text class="scale" x="${x}" y="${TOP - 13}">${t * 100} %</text>`;
    }).join('\n');
    const m = r.machine;

    return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" ` +
        `height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" ` +
        `aria-label="Requests a second beside bare nginx: ${order.map((n) =>
            `${NAMES[n][0]} ${(r.cases[n].ratio * 100).toFixed(1)} %`)
            .join(', ')}">
<style>
svg { font: 13px system-ui, sans-serif; }
text { fill: #1f2328; }
.name { text-anchor: end; font-weight: 600; }
.checks, .scale, .cpu, .note { fill: #59636e; font-size: 11px;
                               font-weight: 400; }
.checks { text-anchor: end; }
.scale { text-anchor: middle; }
.title { font-size: 15px; font-weight: 600; }
.figure { font-weight: 600; }
.bar { fill: #8c959f; }
.gate { fill: #0969da; }
.tick { stroke: #d1d9e0; }
.ci { stroke: #1f2328; stroke-width: 1.5; fill: none; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.checks, .scale, .cpu, .note { fill: #9198a1; }
.bar { fill: #656c76; }
.gate { fill: #4493f8; }
.tick { stroke: #3d444d; }
.ci { stroke: #f0f6fc; }
}
</style>
<text class="title" x="12" y="22">Requests a second, ` +
        `one worker, every request another caller</text>
${ticks}
${order.map((n, i) => row(n, r.cases[n], r.cases.bare, TOP + i * ROW, widest))
        .join('\n')}
<text class="note" x="12" y="${height - 24}">Medians of ${m.rounds} ` +
        `interleaved rounds of ${m.seconds} s, with the 95 % interval; at ` +
        `the right, the processor time added to a request.</text>
<text class="note" x="12" y="${height - 8}">${escape(m.cpu)}, ` +
        `${escape(m.nginx)}, ${m.date.slice(0, 10)}. Below each name: what ` +
        `it checks.</text>
</svg>
`;
}


const r = fs.existsSync(RESULTS)
    ? JSON.parse(fs.readFileSync(RESULTS, 'utf8')).rivals : undefined;

if (r === undefined) {
    console.error(`${RESULTS} has no rivals: make bench-rivals`);
    process.exit(1);
}

fs.writeFileSync(TO, draw(r));
console.log(`${path.relative(process.cwd(), TO)}: measured ${r.machine.date}`);
