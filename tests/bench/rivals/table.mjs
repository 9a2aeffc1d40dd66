// Copyright (C) the Sallyport authors
//
// The rivals' figures for people.

const right = (text, n) => String(text).padStart(n);
const ratio = (r, [low, high]) =>
    `${r.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;


function table(cases) {
    console.log(`${'case'.padEnd(26)}${right('req/s', 8)}` +
        `${right('ratio', 24)}${right('CPU us', 9)}${right('ratio', 24)}` +
        `${right('p50 us', 8)}${right('p99 us', 8)}`);

    for (const [name, c] of Object.entries(cases)) {
        console.log(name.padEnd(26) + right(c.rps, 8) +
            right(ratio(c.ratio, c.ratio_ci), 24) +
            right(c.cpu_us.toFixed(2), 9) +
            right(ratio(c.cpu_ratio, c.cpu_ratio_ci), 24) +
            right(c.p50_us, 8) + right(c.p99_us, 8) +
            (c.beside_cpu_us === undefined ? ''
                : `  and ${c.beside_cpu_us.toFixed(2)} us elsewhere`));
    }
}


export function printRivals(r) {
    const m = r.machine;

    console.log(`${m.cpu}, ${m.processors} processors, Linux ${m.kernel}, ` +
        `${m.nginx}; load before ${m.load_before.toFixed(2)}`);
    console.log(`${m.rounds} rounds of ${m.seconds} s, medians; ratios are ` +
        'paired by round, with the 95 % interval of the median\n');
    console.log('every request of another caller; ratios to bare');
    table(r.cases);
    console.log('\ncallers that keep their connection; ratios to bare_sticky');
    table(r.sticky);
    console.log(`\nat ${r.fixed_rate.rate} requests a second, ` +
        `${r.fixed_rate.rounds} rounds; latency from when each was due`);
    table(r.fixed_rate.cases);
    console.log('\nthe gate over each, same rounds: req/s, and CPU');

    for (const [name, v] of Object.entries(r.gate_over)) {
        console.log(name.padEnd(26) + right(ratio(v.ratio, v.ratio_ci), 28) +
            right(ratio(v.cpu_ratio, v.cpu_ratio_ci), 28));
    }

    console.log('\nmemory of the process, MiB: ' +
        Object.entries(r.memory_mib).map(([n, v]) => `${n} ${v}`).join(', '));

    console.log(`slices taken again, for an answer that was not 200: ` +
        r.taken_again);

    for (const [name, why] of Object.entries(r.left_out)) {
        console.log(`left out: ${name}: ${why}`);
    }
}
