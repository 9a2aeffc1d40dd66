// Conditions: read into a tree, evaluated in Kleene's three values. A value
// is 0 false, 1 unsure, 2 true; an unsure has FROM_FAILED added if a test
// that it hangs on is unsure because its source failed.

import { ABSENT, FAILED, FIELDS, KNOWN, UNKNOWN, address, countryOf, duration,
    inNetwork, isPart, matches, network, percent, place, time,
} from './fields.mjs';

export const FALSE = 0;
export const UNSURE = 1;
export const TRUE = 2;
export const FROM_FAILED = 4;

export const truth = (value) => value & 3;

const of = (yes) => (yes ? TRUE : FALSE);
const not = (value) => (truth(value) === UNSURE ? value : TRUE - value);


// Reading.

const TOKEN = /\s*(?:(==|!=|<=|>=|<|>)|([()[\],])|"([^"]*)"|@([a-z0-9_]+)|([^\s()[\],"@<>=!]+))/y;

function tokens(text) {
    const list = [];

    TOKEN.lastIndex = 0;

    while (TOKEN.lastIndex < text.trimEnd().length) {
        const m = TOKEN.exec(text);

        if (m === null) {
            throw new Error(`cannot read: ${text}`);
        }

        const [, compare, sign, string, list_, word] = m;

        list.push(compare !== undefined ? { kind: 'compare', text: compare }
            : sign !== undefined ? { kind: sign, text: sign }
            : string !== undefined ? { kind: 'literal', text: string }
            : list_ !== undefined ? { kind: 'list', text: list_ }
            : { kind: 'word', text: word });
    }

    list.push({ kind: 'end', text: '' });

    return list;
}

/**
 * The tree of a condition. "context" has lists (name -> {type, items}), the
 * east of UTC of the file's dates, and fields: name -> type.
 */
export function read(text, context) {
    const list = tokens(text);
    let at = 0;

    const next = () => list[at++];
    const peek = (kind, word) => list[at].kind === kind
        && (word === undefined || list[at].text === word);
    const want = (kind) => {
        if (!peek(kind)) {
            throw new Error(`${kind} expected at ${list[at].text}: ${text}`);
        }

        return next().text;
    };

    function expr() {
        const first = unary();

        for (const op of ['and', 'or']) {
            if (peek('word', op)) {
                const parts = [first];

                while (peek('word', op)) {
                    next();
                    parts.push(unary());
                }

                return { op, parts };
            }
        }

        return first;
    }

    function unary() {
        if (peek('word', 'not')) {
            next();
            return { op: 'not', part: unary() };
        }

        if (peek('(')) {
            next();
            const inner = expr();
            want(')');
            return inner;
        }

        return test();
    }

    function test() {
        const name = want('word');

        if (peek('(')) {
            return call(name);
        }

        const type = context.fields[name];

        if (type === undefined) {
            throw new Error(`no field ${name}: ${text}`);
        }

        if (peek('compare')) {
            return compare(name, type, next().text);
        }

        const negative = peek('word', 'not');

        if (negative) {
            next();
        }

        if (peek('word', 'in')) {
            next();
            const inner = within(name, type);
            return negative ? { op: 'not', part: inner } : inner;
        }

        return { op: 'bool', field: name };
    }

    function call(name) {
        next();

        const argument = next();
        want(')');

        if (name === 'has') {
            return { op: 'has', field: argument.text };
        }

        const items = argument.kind === 'list'
            ? context.lists[argument.text].items : [argument.text];

        if (name === 'control_in') {
            return { op: 'control', items };
        }

        const sign = want('compare');

        return { op: 'share', share: name, items, sign,
            bound: percent(want('word')) };
    }

    function compare(field, type, sign) {
        if (peek('word') && context.fields[list[at].text] !== undefined) {
            const other = next().text;
            const inner = { op: 'same', field, other,
                types: [type, context.fields[other]] };

            return sign === '!=' ? { op: 'not', part: inner } : inner;
        }

        const value = literal(type);

        if (type === 'int' || type === 'duration' || type === 'time') {
            return { op: 'order', field, sign, bound: value };
        }

        const inner = { op: 'in', field, type, items: [value] };

        return sign === '!=' ? { op: 'not', part: inner } : inner;
    }

    function within(field, type) {
        if (peek('list')) {
            return { op: 'in', field, type,
                items: context.lists[next().text].items };
        }

        if (peek('word')) {
            return { op: 'within', field, type, other: next().text };
        }

        const items = [];

        do {
            next();
            items.push(literal(type));
        } while (peek(','));

        want(']');

        return { op: 'in', field, type, items };
    }

    function literal(type) {
        const { kind, text: word } = next();

        if (kind !== 'word' && kind !== 'literal') {
            throw new Error(`no value: ${word} in ${text}`);
        }

        return item(type, word, context.east);
    }

    const tree = expr();

    want('end');

    return tree;
}

/** A word of a list or a condition, by the type of what it is compared to. */
export function item(type, word, east) {
    switch (type) {
    case 'int':
        return Number(word);
    case 'asn':
        return Number(word.replace(/^AS/, ''));
    case 'bool':
        return word === 'yes' || word === 'true';
    case 'duration':
        return duration(word);
    case 'time':
        return time(word, east);
    case 'country':
    case 'region':
    case 'place':
    case 'places':
        return place(word);
    case 'ip':
    case 'cidr':
        return network(word);
    default:
        return word;
    }
}


// Evaluating. "facts" maps names to facts; "record" is the account's, or the
// state of its look-up.

const missing = (...facts) => facts.reduce(
    (value, fact) => value | (fact.state === FAILED ? FROM_FAILED : 0), UNSURE);

function ordered(sign, a, b) {
    switch (sign) {
    case '==':
        return a === b;
    case '!=':
        return a !== b;
    case '<':
        return a < b;
    case '<=':
        return a <= b;
    case '>':
        return a > b;
    default:
        return a >= b;
    }
}

/** Whether a place is one of the items: they hold all that lies in them. */
export function placeIn(where, items) {
    let value = FALSE;

    for (const listed of items) {
        if (listed === where || listed === countryOf(where)) {
            return TRUE;
        }

        if (!isPart(where) && countryOf(listed) === where) {
            value = UNSURE;
        }
    }

    return value;
}

const any = (values) => values.reduce((a, b) => Math.max(a, b), FALSE);

function one(type, value, items) {
    switch (type) {
    case 'country':
    case 'region':
    case 'place':
        return placeIn(value, items);
    case 'places':
        return any(value.map((where) => placeIn(where, items)));
    case 'ip':
        return of(items.some((net) => inNetwork(net, address(value))));
    case 'string':
        return of(items.some((pattern) => matches(pattern, value)));
    case 'strings':
        return of(items.some((pattern) => value.some(
            (text) => matches(pattern, text))));
    default:
        return of(items.includes(value));
    }
}

function inItems(node, facts) {
    const fact = facts[node.field];

    if (fact.state === KNOWN) {
        return one(node.type, fact.value, node.items);
    }

    // where the region is not known, the country may settle it

    if (node.field === 'ip.region' && facts['ip.country'].state === KNOWN) {
        const value = placeIn(facts['ip.country'].value, node.items);

        if (value !== UNSURE) {
            return value;
        }
    }

    return missing(fact);
}

function same(node, facts) {
    const a = facts[node.field];
    const b = facts[node.other];

    if (a.state !== KNOWN || b.state !== KNOWN) {
        return missing(a, b);
    }

    if (node.types.includes('country')) {
        return of(countryOf(a.value) === countryOf(b.value));
    }

    if (node.types[0] === 'place' && a.value !== b.value
        && countryOf(a.value) === countryOf(b.value)
        && isPart(a.value) !== isPart(b.value))
    {
        return UNSURE;
    }

    return of(a.value === b.value);
}

function within(node, facts) {
    const a = facts[node.field];
    const b = facts[node.other];

    if (b.state === KNOWN && b.value.length === 0) {
        return FALSE;
    }

    if (a.state !== KNOWN || b.state !== KNOWN) {
        return missing(a, b);
    }

    return node.type === 'string' ? of(b.value.includes(a.value))
        : placeIn(a.value, b.value);
}

const noRecord = (record) => (record === FAILED ? UNSURE | FROM_FAILED
    : UNSURE);

function share(node, record) {
    if (typeof record === 'string') {
        return noRecord(record);
    }

    const [low, high] = record[node.share](node.items);
    const { sign, bound } = node;

    if (sign === '==' || sign === '!=') {
        const yes = low === high ? of(low === bound)
            : bound < low || bound > high ? FALSE : UNSURE;

        return sign === '==' ? yes : not(yes);
    }

    const least = ordered(sign, low, bound);

    return least === ordered(sign, high, bound) ? of(least) : UNSURE;
}

export function evaluate(node, facts, record) {
    switch (node.op) {
    case 'and':
    case 'or': {
        const absorbing = node.op === 'and' ? FALSE : TRUE;
        let value = TRUE - absorbing;

        for (const part of node.parts) {
            const v = evaluate(part, facts, record);

            if (v === absorbing) {
                return v;
            }

            if (truth(v) === UNSURE) {
                value = truth(value) === UNSURE ? value | v : v;
            }
        }

        return value;
    }
    case 'not':
        return not(evaluate(node.part, facts, record));
    case 'has': {
        const fact = facts[node.field];

        return fact.state === KNOWN ? TRUE : fact.state === ABSENT ? FALSE
            : missing(fact);
    }
    case 'bool':
        return facts[node.field].state === KNOWN
            ? of(facts[node.field].value) : missing(facts[node.field]);
    case 'order':
        return facts[node.field].state === KNOWN
            ? of(ordered(node.sign, facts[node.field].value, node.bound))
            : missing(facts[node.field]);
    case 'in':
        return inItems(node, facts);
    case 'same':
        return same(node, facts);
    case 'within':
        return within(node, facts);
    case 'share':
        return share(node, record);
    default:
        return typeof record === 'string' ? noRecord(record)
            : any(record.control.map((where) => placeIn(where, node.items)));
    }
}

/** The facts that a condition reads. */
export function reads(node) {
    return [...(node.parts ?? (node.part ? [node.part] : [])).flatMap(reads),
        node.field, node.other].filter((field) => field !== undefined);
}
