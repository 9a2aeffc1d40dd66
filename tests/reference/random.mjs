// Random choices that a seed repeats.

export class Random {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    /** 0 .. n - 1 (mulberry32). */
    below(n) {
        let t = this.state = (this.state + 0x6d2b79f5) >>> 0;

        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);

        return ((t ^ (t >>> 14)) >>> 0) % n;
    }

    /** True once in n times. */
    once(n) {
        return this.below(n) === 0;
    }

    of(list) {
        return list[this.below(list.length)];
    }

    /** At most "most" different items of a list, at least one. */
    some(list, most) {
        const n = 1 + this.below(Math.min(most, list.length));
        const left = [...list];

        return Array.from({ length: n },
            () => left.splice(this.below(left.length), 1)[0]);
    }

    /** A number from..to. */
    range(from, to) {
        return from + this.below(to - from + 1);
    }
}
