// Values that policies and requests share, so that tests meet their facts.

export const NOW = 1795435200;                 // 2026-11-23T12:00:00Z
export const DAY = 86400;

export const POOL = {
    country: ['SG', 'UA', 'IR', 'CN', 'HK', 'US', 'GB', 'XK'],
    region: ['UA-43', 'UA-30', 'UA-40', 'US-CA', 'CN-BJ', 'GB-ENG'],
    place: ['SG', 'UA', 'IR', 'CN', 'HK', 'US', 'UA-43', 'UA-30', 'US-CA',
        'CN-BJ'],
    asn: ['AS64496', 'AS64511', 'AS13335', '4200000000'],
    ip: ['192.0.2.7', '192.0.2.200', '198.51.100.4', '203.0.113.77',
        '2001:db8:40::1', '2001:db8:41::9', '8.8.8.8', '10.1.2.3',
        '100.64.0.1', '2606:4700::6810:1'],
    cidr: ['192.0.2.0/24', '192.0.2.128/25', '198.51.100.4',
        '203.0.113.64/26', '8.0.0.0/7', '2606:4700::/32', '2001:db8:40::/48', '2001:db8::/32'],
    account: ['acct_a', 'acct_b', 'acct:c', 'acct.d'],
    name: ['gold', 'silver', 'pilot', 'vip', 'acct_a', 'key'],
    screen: ['SDN', 'EL', 'MEU'],
    model: ['m-one', 'm-one-mini', 'm-two', 'm-two.5', 'x-three', 'x-other'],
    modelPattern: ['m-one', 'm-one*', 'm-*', '*-three', 'm-two*', 'm-*.5', 'x*'],
};

/** Facts that policies declare, and what records say of them. */
export const OWN = {
    'account.x_cleared': { type: 'bool', absent: 'no',
        record: ['yes', 'no', 'true', 'maybe', ''] },
    'account.x_seats': { type: 'int', max: 9, absent: '2',
        record: ['0', '3', '9', '10', '007', ''] },
    'account.x_grade': { type: 'enum', values: ['low', 'middle', 'high'],
        absent: 'low', record: ['low', 'high', 'middle', 'Low', ''] },
    'account.x_owner': { type: 'string', absent: 'gold',
        record: ['gold', 'pilot', ''] },
    'account.x_plant': { type: 'place', absent: 'SG',
        record: ['UA-43', 'HK', 'CN', 'ZZ', 'ua', ''] },
    'account.x_visit': { type: 'age',
        record: ['1795435200', '1795262400', '1795435201', 'yesterday', ''] },
};

/** Another way to write a place; a list has no "UK". */
export const OTHER_CODE = { HK: 'CN-HK' };
export const OTHER_FACT = { HK: 'CN-HK', GB: 'UK' };
