// Copyright (C) the Sallyport authors
//
// The figures for people.

const right = (text, n) => String(text).padStart(n);
const ratio = (r, [low, high]) =>
    `${r.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;


export function printTable(result) {
    const { machine: m, cases, engine, instructions: i } = result;

    console.log(`${m.cpu}, ${m.processors} processors, Linux ${m.kernel}, ` +
        `${m.nginx}`);
    console.log(`${m.rounds} rounds of ${m.seconds} s, medians; ratios are ` +
        'paired by round, with the 95 % interval of the median\n');
    console.log(`${'case'.padEnd(16)}${right('req/s', 8)}` +
        `${right('ratio', 24)}${right('CPU us', 9)}${right('ratio', 24)}` +
        `${right('p99 us', 8)}  compared with`);

    for (const [name, c] of Object.entries(cases)) {
        console.log(name.padEnd(16) + right(c.rps, 8) +
            right(ratio(c.ratio, c.ratio_ci), 24) +
            right(c.cpu_us.toFixed(2), 9) +
            right(ratio(c.cpu_ratio, c.cpu_ratio_ci), 24) +
            right(c.p99_us, 8) + '  ' + c.ratio_to);
    }

    console.log(`\nengine, warm, shipped policy (${engine.rules} rules), ns: ` +
        `decide ${engine.decide_ns}, head ${engine.decide_head_ns}; with ` +
        `the account's screen ${engine.screened_ns}, head ` +
        `${engine.screened_head_ns}; ` +
        `facts ${engine.facts_ns} (of it address ${engine.geo_ns}), ` +
        `key id ${engine.kid_ns}, 1 KB body ${engine.body_ns}`);

    console.log('engine by number of rules, the others than shipped matching ' +
        'nobody:');

    for (const g of engine.growth) {
        console.log(`${right(g.rules, 8)}   decide ` +
            `${right(g.decide_ns.toFixed(0), 8)} ns, with the account's ` +
            `screen ${right(g.screened_ns.toFixed(0), 8)} ns, load ` +
            `${right(g.load_ms.toFixed(2), 8)} ms`);
    }

    const { scanner } = result;
    const rates = (of) => Object.entries(of).sort((a, b) => a[1] - b[1])
        .map(([name, rate]) => `${name} ${rate}`).join(', ');

    console.log('bodies of 1 MiB, MB/s: ' + rates(scanner.ordinary));
    console.log('hard ones: ' + rates(scanner.hard));
    console.log(`the hardest of ${scanner.searched} random ones ` +
        `${scanner.worst} (${JSON.stringify(Buffer.from(scanner.worst_unit,
            'hex').toString())}); none took more than ` +
        `${scanner.slowest_ms} ms; ${scanner.memory} bytes a request`);

    console.log('instructions a request, user space: ' +
        `bare ${i.bare}, gate ${i.gate} (+${i.gate - i.bare}), without ` +
        `libcrypto +${i.gate_without_libcrypto - i.bare}`);

    console.log('system calls a request, warm (epoll_wait not counted):');

    for (const [name, calls] of Object.entries(result.system_calls)) {
        const { total, ...each } = calls;

        console.log(`  ${name.padEnd(16)}${total.toFixed(3).padStart(7)}   ` +
            Object.entries(each).filter(([, n]) => n >= 0.001)
                .map(([n, v]) => `${n} ${v.toFixed(3)}`).join(', '));
    }
}
