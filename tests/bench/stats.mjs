// Copyright (C) the Sallyport authors
//
// Medians, and how far they can be trusted.


export function median(list) {
    const sorted = [...list].sort((a, b) => a - b);
    const half = sorted.length >> 1;

    return sorted.length % 2 ? sorted[half]
        : (sorted[half - 1] + sorted[half]) / 2;
}


// A generator with a seed (mulberry32), so that an interval can be had again.
export function random(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;

        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);

        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;

        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}


export function shuffled(list, next) {
    const out = [...list];

    for (let i = out.length - 1; i > 0; i--) {
        const k = Math.floor(next() * (i + 1));

        [out[i], out[k]] = [out[k], out[i]];
    }

    return out;
}


// The 95 % interval of the median, by resampling.
export function interval(list, samples = 2000) {
    const next = random(1);
    const medians = Array.from({ length: samples }, () => median(
        Array.from(list, () => list[Math.floor(next() * list.length)])))
        .sort((a, b) => a - b);

    return [medians[Math.floor(samples * 0.025)],
        medians[Math.floor(samples * 0.975)]];
}
