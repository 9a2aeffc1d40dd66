// Copyright (C) the Sallyport authors
//
// `sallyport access`: the table, and the page in a real browser.

import fs from 'node:fs';
import path from 'node:path';
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

import { sdk } from './lib/harness.mjs';
import { EXPLAINED, command } from './lib/command.mjs';

const { dir, write, fine, refused } = command();

after(() => fs.rmSync(dir, { recursive: true, force: true }));

const POLICY = write('policy.yaml', EXPLAINED.replace('policy: explained',
    'policy: "a & b &lt;i&gt;"'));
const NOW = ['--now', '2026-11-23'];
const json = (...args) => JSON.parse(fine(['access', POLICY, ...NOW,
    '--format', 'json', ...args]).out);

// The row of a place: tiers by level.
const of = (answer, place) => answer.kinds.find((k) =>
    k.places.includes(place)).tiers;


describe('access', () => {
    test('place, level and tier decide', () => {
        const all = json();

        assert.equal(all.places, all.kinds.flatMap((k) => k.places).length);
        assert.ok(all.places >= 249);
        assert.deepEqual(of(all, 'SG')['3'].map((c) => c.decision),
            ['deny', 'deny', 'deny', 'allow']);
        assert.equal(of(all, 'SG')['3'][2].reason, 'KYC_LEVEL');
        assert.equal(of(all, 'SG')['3'][2].rule, 'level-for-tier');
        assert.deepEqual(of(all, 'KP')['1'].map((c) => c.rule),
            Array(4).fill('embargo-address'));
        assert.deepEqual(all.kinds.map((k) => k.places.length),
            [all.places - 2, 2]);
    });

    test('what is at the place, and who', () => {
        assert.equal(json('--vary', 'account').kinds.length, 1);
        assert.equal(of(json('--vary', 'account', '--home', 'KP'), 'SG')['1'][3]
            .decision, 'deny');
        assert.equal(json('--vary', 'address').kinds.length, 2);

        const held = write('held.json', '{"status": "suspended"}');

        assert.equal(of(json('--profile', held), 'SG')['1'][3].reason,
            'ACCT_SUSPENDED');
        refused(['access', POLICY, '--profile', write('x.json',
            '{"type": "x"}')], 1, /record is invalid: type/);
        refused(['access', POLICY, '--profile', write('x.json', '[]')], 4,
            /no JSON object/);
        refused(['access', POLICY, '--vary', 'adress'], 4,
            /did you mean 'address'/);
        refused(['access', POLICY, '--home', 'ZZ'], 4, /no ISO 3166/);
        refused(['access', POLICY, '--html', path.join(dir, 'no/x.html')], 1,
            /cannot write/);
        assert.match(fine(['access', POLICY]).out, /^2 places: IR KP$/m);
    });
});


describe('the page', () => {
    const file = path.join(dir, 'access.html');
    let browser;
    let page;
    const problems = [];

    before(async () => {
        fine(['access', POLICY, ...NOW, '--html', file]);
        browser = await sdk('playwright-core').chromium.launch({
            executablePath: '/usr/bin/chromium',
            args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
                '--no-first-run', '--disable-background-networking',
                '--disable-component-update', '--disable-sync'],
        });
        page = await browser.newPage();
        page.on('pageerror', (e) => problems.push(String(e)));
        page.on('console', (m) => m.type() === 'error'
            && problems.push(m.text()));
        page.on('request', (r) => r.url().startsWith('file:')
            || problems.push('asked for ' + r.url()));
        await page.goto(pathToFileURL(file).href);
    });

    after(async () => {
        await browser?.close();
    });

    const shape = (place) => page.locator(`svg [data-place=${place}]`);
    const shown = () => page.locator('#shown').textContent();

    test('the map says what the table says, for tier and level', async () => {
        const all = json();

        for (const tier of ['1', '3']) {
            for (const level of ['0', '3']) {
                await page.locator(`input[name=tier][value="${tier}"]`)
                    .check();
                await page.locator(`input[name=level][value="${level}"]`)
                    .check();

                const yes = all.kinds.filter((k) => k.tiers[tier][level]
                    .decision === 'allow').flatMap((k) => k.places).length;

                assert.ok((await shown()).includes(
                    `allowed in ${yes} of ${all.places} places`));

                for (const place of ['SG', 'KP', 'FR', 'AU']) {
                    assert.equal((await shape(place).getAttribute('class'))
                        .split(' ')[0], of(all, place)[tier][level].decision);
                }
            }
        }

        assert.ok(await page.locator('svg [data-place]').count() > 200);
        assert.equal(await page.locator('main table').count(),
            all.kinds.length);
    });

    test('with the keyboard alone', async () => {
        await page.locator('input[name=tier]:checked').focus();
        await page.keyboard.press('ArrowLeft');

        const before = await shown();

        await page.keyboard.press('ArrowLeft');
        assert.notEqual(await shown(), before);

        await page.keyboard.press('Tab');
        await page.keyboard.press('Tab');
        assert.equal(await page.evaluate(() => document.activeElement.id),
            'place');
        await page.keyboard.type('North Korea');
        assert.match(await page.locator('#said').textContent(),
            /North Korea \(KP\).*refused: JUR_IP_EMBARGO, by embargo-address/);
        assert.match(await shape('KP').getAttribute('class'), /here/);
    });

    test('to a screen reader', async () => {
        for (const role of ['heading', 'radio', 'img', 'table', 'status',
            'combobox'])
        {
            assert.ok(await page.getByRole(role).count() > 0, role);
        }

        assert.ok(await page.getByRole('radio', { name: '3' }).count() >= 2);
        assert.ok(await page.getByRole('group', { name: 'Model tier' })
            .count() === 1);
        assert.ok(await page.getByRole('img', { name: /Tier .* allowed in/ })
            .count() === 1);
        assert.ok(await page.locator('th[scope]').count() > 10);
    });

    test('in the dark, on paper, and without a script', async () => {
        const colour = () => page.evaluate(() =>
            getComputedStyle(document.body).backgroundColor);

        await page.emulateMedia({ colorScheme: 'light' });
        assert.equal(await colour(), 'rgb(255, 255, 255)');
        await page.emulateMedia({ colorScheme: 'dark' });
        assert.notEqual(await colour(), 'rgb(255, 255, 255)');
        await page.emulateMedia({ media: 'print' });
        assert.ok(!await page.locator('form').isVisible());
        assert.ok(await page.locator('main table').first().isVisible());
        await page.emulateMedia({ media: 'screen' });

        const plain = await (await browser.newContext({
            javaScriptEnabled: false })).newPage();

        await plain.goto(pathToFileURL(file).href);
        assert.equal(await plain.locator('svg [data-place=SG]')
            .getAttribute('class'), 'allow');
        assert.equal(await plain.locator('svg [data-place=KP]')
            .getAttribute('class'), 'deny');
        await plain.close();
    });

    test('nothing is fetched, nothing of the policy becomes markup', async () => {
        assert.deepEqual(problems, []);
        assert.match(await page.locator('header').textContent(),
            /a & b &lt;i&gt;/);
    });
});
