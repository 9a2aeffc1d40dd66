// Copyright (C) the Sallyport authors
//
// `sallyport audit export` and `audit report` on the log of a real gate: each
// format read back, the page in a real browser, and both with hostile text in
// every field.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test, before, after, describe } from 'node:test';
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import assert from 'node:assert/strict';

import { gate, sdk, FROM } from './lib/harness.mjs';
import { COMMAND } from './lib/command.mjs';

const EVIL = [
    '</script><script>window.evil=1</script>', '<!--<script>', '=1+2|a\\b',
    '@SUM(A1)', '"; -- \'\n\r\t=x', '<img src=x onerror="window.evil=1">',
    ' +cmd|\' /C calc\'!A0', '-1,2,"3"', "'=x", '\u202egnp.exe\u2028\u2029',
    'javascript:window.evil=1', '${7*7}{{7*7}}', '\u0000\u0001\u007f\u009f',
    'suser=admin cs1=x', '\ufeff\uff1d1', '\ud83d\ude80',
];

let home;
let log;
let evil;
let decisions;


function run(...args) {
    const r = spawnSync(COMMAND, ['audit', ...args], { encoding: 'utf8',
        timeout: 60000, maxBuffer: 1 << 26 });

    assert.equal(r.signal, null, args.join(' '));
    assert.doesNotMatch(r.stderr, /Sanitizer|runtime error/);

    return r;
}


function fine(...args) {
    const r = run(...args);

    assert.equal(r.status, 0, `${args.join(' ')}\n${r.stderr}`);

    return r.stdout;
}


const files = (dir) => fs.readdirSync(dir, { recursive: true })
    .filter((name) => /\/lane-\d+\.\d+\.jsonl$/.test(name)
        && !name.startsWith('seal/'))
    .map((name) => path.join(dir, name));

const read = (dir) => files(dir).flatMap((file) => fs.readFileSync(file,
    'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));

const of = (dir) => read(dir).filter((r) => r.t === 'decision');


// Text of a record that no table of the gate's own bounds.
function poison(record, n) {
    const text = () => EVIL[n++ % EVIL.length];

    record.who.account = text();
    record.who.key = text();
    record.req.model = text();
    record.req.route = text();
    record.req.method = text();
    record.req.rid = text();
    record.net.ip_p = text();
    record.net.country = text();
    record.pol.rev = text();
    record.pol.hash = text();
    record.by = [{ r: text(), m: text(), unk: [text()] }];
    record.lifted = [{ r: text(), l: text() }];
    record.flags = record.shadow = record.by;
    record.lim = [{ l: text(), per: text(), rate: 1, period: 1, burst: 1,
        wait_ms: 1, ok: false }];
    record.allow = text();
    record.dec = n % 3 ? 'deny' : text();
    record.reason = text();
    record.class = text();
    record.detail = text();

    const { h } = record;

    delete record.h;
    record.h = h;        // it ends the line
}


before(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-report-'));
});

after(() => fs.rmSync(home, { recursive: true, force: true }));


test('a log with all kinds of answers', async (t) => {
    const g = await gate(t, { workers: 2 });

    await g.enrol('acme');
    await g.enrol('globex');

    for (let n = 0; n < 80; n++) {
        await g.chat(n % 9 === 8 ? 'sk-nobody' : n % 2 ? 'sk-acme'
            : 'sk-globex', n % 7 ? 'small' : '<b>no & model</b>',
        { from: n % 5 ? FROM.US : n % 2 ? FROM.KP : FROM.IR });
    }

    await g.stop();
    log = path.join(home, 'log');
    fs.cpSync(g.audit, log, { recursive: true });
    decisions = of(log);
    assert.ok(decisions.length >= 80);

    const refused = decisions.filter((r) => r.class === 'legal');

    for (const [id, outcome] of [[refused[0].id, 'reversed'],
        [refused[1].id, 'upheld'], [refused[2].id, null]]) {
        const args = [id, '--dir', log, '--ticket', 'CASE-1', '--by', 'jo',
            '--reason', '</script><i>wrong list'];

        fine('appeal', 'open', ...args);

        if (outcome) {
            fine('appeal', 'close', ...args, '--outcome', outcome);
        }
    }

    // The same log with other texts. Links are not what these verbs check.
    evil = path.join(home, 'evil');
    fs.cpSync(log, evil, { recursive: true });

    let n = 0;

    for (const file of files(evil)) {
        const lines = fs.readFileSync(file, 'utf8').split('\n');

        fs.writeFileSync(file, lines.map((line) => {
            if (!line.includes('"t":"decision"')) {
                return line;
            }

            const record = JSON.parse(line);

            poison(record, n++);

            return JSON.stringify(record).replace(
                /[\u007f-\u009f\u2028-\u202e\ufeff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
        }).join('\n'));
    }
});


// RFC 4180.
function csv(text) {
    const rows = [];
    let row = [];
    let at = 0;

    while (at < text.length) {
        let cell = '';

        if (text[at] === '"') {
            for (at++; text[at] !== '"' || text[at + 1] === '"'; at++) {
                assert.ok(at < text.length);
                cell += text[at];
                at += text[at] === '"';
            }

            at++;

        } else {
            while (!',\r'.includes(text[at])) {
                assert.notEqual(text[at], '"');
                assert.notEqual(text[at], '\n');
                cell += text[at++];
            }
        }

        row.push(cell);

        if (text[at] === ',') {
            at++;
            continue;
        }

        assert.equal(text.slice(at, at + 2), '\r\n');
        at += 2;
        rows.push(row);
        row = [];
    }

    return rows;
}


// What a line cannot hold is there as \uXXXX.
const visible = (text) => (text ?? '').replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));


function cef(line) {
    const split = /^CEF:0\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|((?:[^|\\]|\\[|\\])*)\|(\d+)\|(.*)$/
        .exec(line);

    assert.ok(split, line);

    const keys = {};
    const marks = [...split[7].matchAll(/(?:^| )([A-Za-z0-9]+)=/g)]
        .filter((m) => split[7][m.index + m[0].length - 2] !== '\\');

    marks.forEach((m, i) => {
        const raw = split[7].slice(m.index + m[0].length,
            marks[i + 1]?.index ?? split[7].length);

        assert.doesNotMatch(raw.replaceAll(/\\[\\=nr]/g, ''), /[=\\]/, line);
        assert.equal(keys[m[1]], undefined, `${m[1]} twice: ${line}`);
        keys[m[1]] = raw.replaceAll(/\\([\\=nr])/g, (_, c) =>
            ({ n: '\n', r: '\r' })[c] ?? c);
    });

    return { id: split[4].replaceAll(/\\([|\\])/g, '$1'), name: split[5],
        severity: Number(split[6]), keys };
}


const text = (v) => typeof v === 'string' ? v : '';
const lines = (out) => {
    assert.ok(out.endsWith('\n'));

    return out.slice(0, -1).split('\n');
};


describe('export', () => {
    for (const name of ['log', 'evil']) {
        const dir = () => name === 'log' ? log : evil;

        test(`OCSF of ${name}`, () => {
            const events = lines(fine('export', dir(), '--format', 'ocsf'))
                .map((line) => JSON.parse(line));

            assert.equal(events.length, decisions.length);

            of(dir()).forEach((r, i) => {
                const e = events[i];

                assert.equal(e.class_uid, 6003);
                assert.equal(e.type_uid, 600300 + e.activity_id);
                assert.equal(e.category_uid, 6);
                assert.equal(e.time, Math.floor(Date.parse(r.ts)));
                assert.equal(e.metadata.uid, r.id);
                assert.equal(e.metadata.version, '1.6.0');
                assert.ok(e.metadata.product.vendor_name);
                assert.ok(e.actor.user.uid || e.actor.user.name);
                assert.ok(e.src_endpoint.uid || e.src_endpoint.ip
                    || e.src_endpoint.name);
                assert.ok(e.api.operation);
                assert.equal(e.actor.user.org?.uid ?? '', text(r.who.account));
                assert.equal(e.status_detail ?? '', text(r.reason));
                assert.equal(e.unmapped.record_hash, r.h);

                const want = { allow: [1, 1, 1], deny: [2, 2, 2],
                    throttle: [2, 25, 2] }[r.dec] ?? [2, 2, 2];

                assert.deepEqual([e.action_id, e.disposition_id, e.status_id],
                    want);
                assert.equal(e.severity_id, r.dec === 'allow' ? 1
                    : r.class === 'legal' ? 4
                        : ['request', 'commercial'].includes(r.class)
                            || r.dec === 'throttle' ? 2 : 3);
            });
        });

        test(`ECS of ${name}`, () => {
            const events = lines(fine('export', dir(), '--format', 'ecs'))
                .map((line) => JSON.parse(line));

            assert.equal(events.length, decisions.length);

            of(dir()).forEach((r, i) => {
                const e = events[i];
                const served = r.dec === 'allow';

                assert.equal(e['@timestamp'], r.ts);
                assert.deepEqual(e.event.category, ['api']);
                assert.deepEqual(e.event.type,
                    ['access', served ? 'allowed' : 'denied']);
                assert.equal(e.event.outcome, served ? 'success' : 'failure');
                assert.equal(e.event.id, r.id);
                assert.equal(e.event.hash, r.h);
                assert.equal(e.organization.id ?? '', text(r.who.account));
                assert.equal(e.gen_ai.request.model ?? '', text(r.req.model));
                assert.equal(e.rule.version ?? '', text(r.pol.rev));
            });
        });

        test(`CEF of ${name}`, () => {
            const out = lines(fine('export', dir(), '--format', 'cef'));

            assert.equal(out.length, decisions.length);

            of(dir()).forEach((r, i) => {
                const e = cef(out[i]);
                const same = (key, value) => assert.equal(
                    visible(e.keys[key] ?? ''), visible(text(value)), key);

                assert.equal(visible(e.id), visible(text(r.reason)
                    || 'ALLOWED'));
                same('externalId', r.id);
                same('suser', r.who.account);
                same('suid', r.who.key);
                same('reason', r.reason);
                same('cs2', r.req.model);
                same('cs3', r.pol.rev);
                same('cs5', r.h);
                same('msg', r.detail);
                assert.ok(e.severity >= 1 && e.severity <= 8);
            });
        });

        test(`CSV of ${name}`, () => {
            const [head, ...rows] = csv(fine('export', dir(), '--format',
                'csv'));

            assert.equal(rows.length, decisions.length);

            of(dir()).forEach((r, i) => {
                assert.equal(rows[i].length, head.length);

                const cell = Object.fromEntries(head.map((h, k) =>
                    [h, rows[i][k]]));

                for (const value of rows[i]) {
                    assert.doesNotMatch(value, /^[ ]*[=+\-@\t\r＝＋－＠]/);
                    assert.equal(visible(value), value);
                }

                for (const [h, value] of [['account', r.who.account],
                    ['model', r.req.model], ['reason', r.reason],
                    ['country', r.net.country], ['id', r.id]]) {
                    assert.equal(cell[h].replace(/^'/, ''),
                        visible(text(value)), h);
                }
            });
        });
    }

    test('filters are those of show, and mistakes are named', () => {
        const legal = decisions.filter((r) => r.class === 'legal'
            && r.who.account === 'acme');

        assert.ok(legal.length > 0);
        assert.deepEqual(lines(fine('export', log, '--format', 'ecs',
            '--class', 'legal', '--account', 'acme')).map((line) =>
            JSON.parse(line).event.id).sort(), legal.map((r) => r.id).sort());
        assert.equal(run('export', log, '--format', 'csv', '--until', '-1d')
            .status, 3);
        assert.match(run('export', log, '--format', 'ocfs').stderr,
            /did you mean 'ocsf'/);
        assert.equal(run('export', log, '--format', 'ocfs').status, 4);
        assert.equal(run('export', log).status, 4);
        assert.equal(run('export', log, '--format', 'csv', '--since', 'x')
            .status, 4);
        assert.equal(run('export', path.join(home, 'none'), '--format', 'csv')
            .status, 1);
    });
});


describe('the report', () => {
    let browser;
    const problems = [];

    before(async () => {
        browser = await sdk('playwright-core').chromium.launch({
            executablePath: '/usr/bin/chromium',
            args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
                '--no-first-run', '--disable-background-networking',
                '--disable-component-update', '--disable-sync'],
        });
    });

    after(async () => {
        await browser?.close();
    });

    async function show(dir, ...args) {
        const file = path.join(home, `${path.basename(dir)}.html`);
        const page = await browser.newPage();

        fine('report', dir, '--out', file, ...args);
        page.on('pageerror', (e) => problems.push(String(e)));
        page.on('console', (m) => m.type() === 'error'
            && problems.push(m.text()));
        page.on('request', (r) => r.url().startsWith('file:')
            || problems.push('asked for ' + r.url()));
        page.on('dialog', (d) => problems.push('dialog ' + d.message()));
        await page.goto(pathToFileURL(file).href);

        return page;
    }

    const count = (page) => page.locator('#count').textContent();

    test('figures, charts and tables are those of the log', async () => {
        const page = await show(log);
        const denied = decisions.filter((r) => r.dec === 'deny');
        const figures = await page.locator('#figures b').allTextContents();

        assert.equal(Number(figures[0]), decisions.length);
        assert.equal(Number(figures[1]), denied.length);
        assert.equal(Number(figures[2]), denied.filter((r) =>
            ['legal', 'risk'].includes(r.class)).length);
        assert.ok(await page.locator('#chart rect').count() >= 2);
        assert.ok(await page.locator('#map [data-place]').count() > 200);
        assert.match(await page.locator('#map [data-place=KP]')
            .getAttribute('class'), /^s[1-5]$/);

        // Each name with its counts.
        for (const [field, get] of [['reason', (r) => r.reason],
            ['account', (r) => r.who.account], ['country',
                (r) => r.net.country]]) {
            const rows = page.locator(`#top-${field} tbody tr`);

            for (let n = 0; n < await rows.count(); n++) {
                const cells = await rows.nth(n).locator('th,td')
                    .allTextContents();
                const mine = decisions.filter((r) => get(r)
                    === (/\((..)\)$/.exec(cells[0])?.[1] ?? cells[0]));

                assert.equal(Number(cells[1]), mine.filter((r) =>
                    r.dec === 'deny').length, cells.join());
                assert.equal(Number(cells[3]), mine.filter((r) =>
                    r.dec === 'allow').length, cells.join());
            }
        }

        assert.match(await page.locator('#appealsum').textContent(),
            /3 decisions were appealed against: 1 reversed, 1 upheld, 0 withdrawn, 1 open\. .*50\.0 %/);
        assert.equal(await page.locator('#revs tbody tr').count(),
            new Set(decisions.map((r) => r.pol.hash)).size);
        await page.close();
    });

    test('the table filters to one record, and explains it', async () => {
        const page = await show(log);
        const kept = decisions.filter((r) => r.dec !== 'allow'
            || r.lifted?.length || r.flags?.length || r.shadow?.length);
        const legal = kept.filter((r) => r.class === 'legal');

        assert.match(await count(page), new RegExp(
            `^${kept.length} of ${kept.length} records`));
        await page.locator('#f-class').selectOption('legal');
        assert.match(await count(page), new RegExp(`^${legal.length} of `));
        await page.locator('#f-text').fill(legal[0].id);
        assert.match(await count(page), /^1 of /);

        // By keyboard: the one button of the table.
        await page.locator('#records button').focus();
        await page.keyboard.press('Enter');

        const why = await page.locator('#records tr.more').textContent();

        assert.ok(why.includes(legal[0].reason));
        assert.ok(why.includes(`Reported: ${legal[0].by[0].r}`));
        assert.ok(why.includes(`audit explain ${log} ${legal[0].id}`));
        assert.ok(why.includes('Appeal CASE-1: reversed, by jo'));
        await page.keyboard.press('Enter');
        assert.equal(await page.locator('#records tr.more').count(), 0);

        await page.locator('#filter button[type=reset]').click();
        await page.locator('#top-account button', { hasText: 'acme' }).click();
        assert.match(await count(page), new RegExp(`^${kept.filter((r) =>
            r.who.account === 'acme').length} of `));

        if (process.env.SALLYPORT_SCREENSHOTS) {
            const to = process.env.SALLYPORT_SCREENSHOTS;

            await page.screenshot({ path: `${to}/light.png`, fullPage: true });
            await page.emulateMedia({ colorScheme: 'dark' });
            await page.screenshot({ path: `${to}/dark.png`, fullPage: true });
            await page.emulateMedia({ colorScheme: 'light' });
            await page.pdf({ path: `${to}/print.pdf`, format: 'A4' });
        }

        await page.close();
    });

    test('every control has a name, every chart a text', async () => {
        const page = await show(log);
        const bad = await page.evaluate(() => [
            ...[...document.querySelectorAll('input,select')].filter((e) =>
                !e.labels.length).map((e) => e.id),
            ...[...document.querySelectorAll('button')].filter((e) =>
                !e.textContent.trim()).map((e) => e.outerHTML),
            ...[...document.querySelectorAll('svg')].filter((e) =>
                e.getAttribute('role') !== 'img' || !e.getAttribute(
                    'aria-labelledby').split(' ').every((id) =>
                    document.getElementById(id)?.textContent))
                .map((e) => e.id),
            ...[...document.querySelectorAll('th')].filter((e) =>
                !e.getAttribute('scope')).map((e) => e.outerHTML),
        ]);

        assert.deepEqual(bad, []);
        await page.close();
    });

    test('hostile text stays text', async () => {
        const page = await show(evil);

        for (const name of await page.locator('#records button').all()) {
            await name.click();
        }

        assert.equal(await page.evaluate(() => window.evil), undefined);
        assert.equal(await page.locator('main img, main i:not(.bar i)')
            .count(), 0);
        assert.equal(await page.locator('script').count(), 3);
        assert.ok(await page.locator('#records tr.more').count() > 10);

        const shown = await page.locator('#records').textContent();

        for (const part of EVIL.slice(0, 4)) {
            assert.ok(shown.includes(part), part);
        }

        // Only the page's own script may run, by its hash.
        await page.evaluate(() => {
            const script = document.createElement('script');

            script.textContent = 'window.evil = 2';
            document.body.append(script);
        });
        assert.equal(await page.evaluate(() => window.evil), undefined);
        assert.equal(problems.filter((p) => /Content Security Policy/i.test(p))
            .length, 1);
        problems.length = 0;
        await page.close();
    });

    test('the table is bounded, and says so', async () => {
        const page = await show(log, '--records', '5');

        assert.match(await page.locator('header').textContent(),
            /The table has 5 of the \d+ records/);
        assert.match(await count(page), /^5 of 5 /);
        await page.close();
    });

    test('times, mistakes, and nothing half-written', () => {
        const file = path.join(home, 'x.html');

        assert.equal(run('report', log).status, 4);
        assert.equal(run('report', log, '--out', file, '--records', 'x')
            .status, 4);
        assert.equal(run('report', log, '--out', file, '--until', '-1d')
            .status, 3);
        assert.equal(run('report', log, '--out', path.join(home, 'no/x.html'))
            .status, 1);
        assert.equal(run('report', path.join(home, 'none'), '--out', file)
            .status, 1);
        assert.equal(fs.existsSync(file), false);
    });

    test('asked for nothing, and without errors', () => {
        assert.deepEqual(problems, []);
    });
});
