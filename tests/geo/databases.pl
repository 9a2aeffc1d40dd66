#!/usr/bin/env perl
# Copyright (C) the Sallyport authors
#
# Makes GeoIP databases for tests: databases.pl DIR [SEED [EPOCH [CC-PART]]],
# the last being where 8.8.8.0/24 is (US-CA). They are as MaxMind makes them (City, ASN, Anonymous-IP with nested records), and as
# IPinfo and ip-location lay theirs out; NAME.txt has the networks of each,
# with what it says of them. Networks are drawn at random, and some are fixed.

use strict;
use warnings;

use MaxMind::DB::Writer::Tree;

my ($dir, $seed, $epoch, $place) = @ARGV;
die "databases.pl DIR [SEED [EPOCH [CC-PART]]]\n" unless defined $dir && -d $dir;

$seed //= 1;
srand($seed);

my %types = (
    autonomous_system_number => 'uint32',
    autonomous_system_organization => 'utf8_string',
    asn => 'utf8_string', as_name => 'utf8_string',
    accuracy_radius => 'uint16', city => 'map', continent => 'map',
    code => 'utf8_string', country => 'map', country_code => 'utf8_string',
    en => 'utf8_string', geoname_id => 'uint32', iso_code => 'utf8_string',
    is_anonymous => 'boolean', is_anonymous_vpn => 'boolean',
    is_hosting_provider => 'boolean', is_public_proxy => 'boolean',
    is_residential_proxy => 'boolean', is_tor_exit_node => 'boolean',
    latitude => 'double', location => 'map', longitude => 'double',
    names => 'map', region_code => 'utf8_string',
    registered_country => 'map', state1 => 'utf8_string',
    subdivisions => [ 'array', 'map' ],
    hosting => 'utf8_string', proxy => 'utf8_string', relay => 'utf8_string',
    tor => 'utf8_string', vpn => 'utf8_string',
    type => 'utf8_string', represented_country => 'map',
);

my @places = (
    [ 'US', 'CA' ], [ 'US', 'TX' ], [ 'UA', '43' ], [ 'UA', '14' ],
    [ 'UA', undef ], [ 'DE', 'BE' ], [ 'GB', 'ENG' ], [ 'SG', undef ],
    [ 'RU', 'MOW' ], [ 'CN', 'HK' ], [ 'CN', 'BJ' ], [ 'XK', undef ],
    [ 'IR', '23' ], [ undef, undef ], [ 'ZZ', undef ], [ 'FR', '?!' ],
);

my @flags = qw(is_anonymous_vpn is_hosting_provider is_public_proxy
    is_residential_proxy is_tor_exit_node);


sub city {
    my ($country, $part) = @_;
    my %record = (
        registered_country => { iso_code => 'NL', geoname_id => 2750405,
            names => { en => 'The Netherlands' } },
        continent => { code => 'EU', names => { en => 'Europe' } },
        location => { latitude => 1.5, longitude => -3.25,
            accuracy_radius => 20 },
        city => { names => { en => 'City ' . int(rand(400)) } },
    );

    $record{country} = { iso_code => $country, geoname_id => 1000,
        names => { en => "Country $country" } } if defined $country;
    $record{subdivisions} = [
        { iso_code => $part, geoname_id => 2000,
            names => { en => "Part $part" } },
        { iso_code => 'ZZZ', names => { en => 'A part of the part' } },
    ] if defined $part;

    return \%record;
}


sub anonymous {
    my %record = (is_anonymous => 1);

    for (@_) {
        $record{$_} = 1;
    }

    return \%record;
}


# No two networks of a database have an address in common: each has a block
# of its own.
sub networks {
    my ($n) = @_;
    my @networks;

    for my $i (0 .. $n - 1) {
        if ($i % 3 == 0) {
            my $bits = 32 + int(rand(97));

            push @networks, $bits >= 48
                ? sprintf('2a%02x:%x:%x::/%d', 10 + $i % 100, $i,
                    $bits == 48 ? 0 : int(rand(65536)), $bits == 48 ? 48 : 64)
                : sprintf('2a%02x:%x::/%d', 10 + $i % 100, $i, 32);

        } else {
            my $bits = 16 + int(rand(17));
            my $word = $bits == 16 ? 0
                : int(rand(65536)) & (0xffff << (32 - $bits)) & 0xffff;

            push @networks, sprintf('%d.%d.%d.%d/%d', 20 + int($i / 256),
                $i % 256, $word >> 8, $word & 255, $bits);
        }
    }

    return @networks;
}


sub database {
    my ($name, $type, %networks) = @_;
    my $tree = MaxMind::DB::Writer::Tree->new(
        ip_version => 6, record_size => 28, database_type => $type,
        languages => ['en'], description => { en => 'for tests' },
        alias_ipv6_to_ipv4 => 1, remove_reserved_networks => 0,
        map_key_type_callback => sub { $types{ $_[0] } // die $_[0] },
    );

    open my $list, '>', "$dir/$name.txt" or die "$dir/$name.txt: $!";

    for my $network (sort keys %networks) {
        my ($record, $says) = @{ $networks{$network} };

        $tree->insert_network($network, $record);
        print {$list} "$network $says\n";
    }

    close $list or die $!;

    $tree->_set_build_epoch($epoch) if defined $epoch;

    # whole, or not at all: who follows the file sees the new one at once
    open my $file, '>:raw', "$dir/$name.mmdb.new" or die $!;
    $tree->write_tree($file);
    close $file or die $!;
    rename "$dir/$name.mmdb.new", "$dir/$name.mmdb" or die $!;
}


sub says_place {
    my ($country, $part) = @_;

    return '-' unless defined $country;
    return '?' if $country eq 'ZZ';
    return 'HK' if $country eq 'CN' && defined $part && $part eq 'HK';
    return "$country/?" if defined $part && $part eq '?!';
    return defined $part ? "$country-$part" : $country;
}


my (%city, %flat, %asn, %as_text, %anonymous, %privacy);

for my $network (networks(3000)) {
    my $place = $places[ int(rand(@places)) ];

    $city{$network} = [ city(@$place), says_place(@$place) ];

    $flat{$network} = [ { country_code => $place->[0] // '',
            state1 => 'Some State',
            (defined $place->[1] ? (region_code => $place->[1]) : ()) },
        defined $place->[0] ? says_place(@$place) : '?' ];
}

for my $network (networks(3000)) {
    my $as = 1 + int(rand(4_000_000_000));

    $as = 0 if rand(50) < 1;

    $asn{$network} = [ { autonomous_system_number => $as,
            autonomous_system_organization => "AS $as" }, $as || '-' ];
    $as_text{$network} = [ { asn => "AS$as", as_name => "AS $as" },
        $as || '-' ];
}

for my $network (networks(1000)) {
    my @set = grep { rand(3) < 1 } @flags;
    my %is = map { $_ => 1 } @set;
    my @says;

    push @says, 'tor' if $is{is_tor_exit_node};
    push @says, 'vpn' if $is{is_anonymous_vpn};
    push @says, 'proxy' if $is{is_public_proxy} || $is{is_residential_proxy}
        || !@set;
    push @says, 'hosting' if $is{is_hosting_provider};

    $anonymous{$network} = [ anonymous(@set), join(',', @says) ];

    $privacy{$network} = [ { tor => $is{is_tor_exit_node} ? 'true' : 'false',
            vpn => $is{is_anonymous_vpn} ? 'true' : '',
            proxy => $is{is_public_proxy} ? 'true' : '',
            hosting => $is{is_hosting_provider} ? 'true' : '',
            relay => $is{is_residential_proxy} ? 'true' : 'false' },
        join(',', ($is{is_tor_exit_node} ? 'tor' : ()),
            ($is{is_anonymous_vpn} ? 'vpn' : ()),
            ($is{is_public_proxy} ? 'proxy' : ()),
            ($is{is_hosting_provider} ? 'hosting' : ()),
            ($is{is_residential_proxy} ? 'relay' : ())) || '-' ];
}

# What test names: Crimea as MaxMind's own test data have it, a base abroad.
my %fixed = (
    '1.231.232.0/24' => [ 'UA', '43' ], '8.8.8.0/24' => [ 'US', 'CA' ],
    '9.9.9.0/24' => [ 'US', 'TX' ], '193.0.6.0/24' => [ 'NL', 'NH' ],
    '175.45.176.0/24' => [ 'KP', undef ], '2600:7000::/32' => [ 'US', 'CA' ],
);

$fixed{'8.8.8.0/24'} = [ split /-/, $place ] if defined $place;

for my $network (keys %fixed) {
    $city{$network} = [ city(@{ $fixed{$network} }),
        says_place(@{ $fixed{$network} }) ];
}

my $base = city('PH', '00');
$base->{represented_country} = { iso_code => 'US', type => 'military',
    names => { en => 'United States' } };
$city{'202.196.224.0/20'} = [ $base, 'PH-00' ];

my $registered = city(undef, undef);
$city{'67.43.156.0/24'} = [ $registered, '-' ];

$asn{'8.8.8.0/24'} = [ { autonomous_system_number => 15169 }, 15169 ];
$asn{'1.231.232.0/24'} = [ { autonomous_system_number => 28761 }, 28761 ];
$anonymous{'9.9.9.0/24'} = [ anonymous('is_tor_exit_node'), 'tor' ];
$anonymous{'193.0.6.0/24'} = [ anonymous('is_hosting_provider'), 'hosting' ];

database('city', 'GeoIP2-City', %city);
database('flat', 'ipinfo-location', %flat);
database('asn', 'GeoLite2-ASN', %asn);
database('as-text', 'ipinfo-asn', %as_text);
database('anonymous', 'GeoIP2-Anonymous-IP', %anonymous);
database('privacy', 'ipinfo-privacy', %privacy);
