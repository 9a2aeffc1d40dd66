// Copyright (C) the Sallyport authors
//
// Makes module/cli/page/world.txt, the map of `sallyport access --html`:
//
//   scripts/npm-packages scripts/world build/npm/world
//   node scripts/world/make.mjs build/npm/world > module/cli/page/world.txt
//
// Geometry: Natural Earth 1:50m (public domain), from the npm package
// world-atlas (ISC), made coarser and laid flat here (Equal Earth). Names and
// codes: the npm package i18n-iso-countries (MIT).

import path from 'node:path';
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(path.resolve(process.argv[2], 'package.json'));
const load = (name) => import(require.resolve(name));
const { feature } = await load('topojson-client');
const { presimplify, simplify, quantile } = await load('topojson-simplify');
const { geoEqualEarth, geoPath } = await load('d3-geo');
const countries = require('i18n-iso-countries');
const atlas = JSON.parse(fs.readFileSync(
    require.resolve('world-atlas/countries-50m.json'), 'utf8'));

const WIDTH = 1600;
const HEIGHT = 760;
const KEEP = 0.13;        // of the points, the most telling ones
const SMALL = 14;         // square units; below that a country is a dot

// Areas that the atlas draws without an ISO code, under the code that they
// have in ISO 3166. Others without one are left out.
const WITHOUT = { Kosovo: 'XK', 'N. Cyprus': 'CY', Somaliland: 'SO' };

const LEFT_OUT = ['AQ'];

// What people look for.
const NAMES = { AE: 'United Arab Emirates', AX: 'Åland Islands',
    GB: 'United Kingdom', KR: 'South Korea', NL: 'Netherlands',
    TR: 'Türkiye' };

const code = ({ id, properties }) => WITHOUT[properties.name]
    ?? (id && countries.numericToAlpha2(String(id)));

const pre = presimplify(atlas);
const coarse = simplify(pre, quantile(pre, KEEP));
const features = feature(coarse, coarse.objects.countries).features;
const fine = feature(atlas, atlas.objects.countries).features;
const shown = fine.filter((f) => !LEFT_OUT.includes(code(f)));
const projection = geoEqualEarth().precision(0).fitSize([WIDTH, HEIGHT],
    { type: 'FeatureCollection', features: shown });
const draw = geoPath(projection);

// Absolute points to short relative ones; rings that are only a point go.
function shorten(d) {
    return d.split('M').filter(Boolean).map((ring) => {
        const points = ring.replace(/Z$/, '').split('L')
            .map((p) => p.split(',').map(Math.round));
        const kept = points.filter((p, i) => i === 0
            || p[0] !== points[i - 1][0] || p[1] !== points[i - 1][1]);

        if (kept.length < 3) {
            return '';
        }

        return `M${kept[0].join(' ')}l` + kept.slice(1).map((p, i) =>
            `${p[0] - kept[i][0]} ${p[1] - kept[i][1]}`).join(' ')
            .replace(/ -/g, '-') + 'z';
    }).join('');
}

const world = new Map();

for (const [alpha2, name] of Object.entries(countries.getNames('en',
    { select: 'alias' })))
{
    world.set(alpha2, { name: NAMES[alpha2] ?? name, d: '' });
}

world.set('XK', { name: 'Kosovo', d: '' });

for (const [i, f] of features.entries()) {
    const at = code(f);

    if (!at || LEFT_OUT.includes(at) || !world.has(at)) {
        continue;
    }

    const row = world.get(at);

    const area = draw.area(fine[i]);

    // Of several parts the largest says where it is, and how large.
    if (area > (row.area ?? 0)) {
        row.area = area;
        row.at = draw.centroid(fine[i]).map(Math.round);
    }

    row.d += shorten(draw(f) ?? '');
}

console.log(`# The world as \`sallyport access --html\` draws it: code, name, path, dot.
# Made by scripts/world/make.mjs, which says from what: Natural Earth 1:50m
# (public domain) through world-atlas 2.0.2 (ISC), names of i18n-iso-countries
# 7.14.0 (MIT). Viewed as 0 0 ${WIDTH} ${HEIGHT}.`);

for (const [at, { name, d, area, at: centre }] of [...world].sort()) {
    const dot = centre && area < SMALL ? centre.join(' ') : '';

    console.log([at, name, dot ? '' : d, dot].join('|'));
}
