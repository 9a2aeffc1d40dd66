# Copyright (C) the Sallyport authors
#
# Perl among the readers of the panel; judge.c says what goes in and out.
# "?": no string is the model.

use strict;
use warnings;
use B;
use Encode;
use JSON::PP;

binmode STDIN;
binmode STDOUT;

my $reader = JSON::PP->new->utf8->max_depth(1000);

while (read(STDIN, my $head, 4) == 4) {
    my $data = '';
    my $size = unpack 'V', $head;
    read(STDIN, $data, $size) == $size or last if $size;
    my $body = eval { $reader->decode($data) };
    if ($@) {
        print "-\n";
        next;
    }
    my $model = ref $body eq 'HASH' ? $body->{model} : undef;
    if (defined $model && !ref $model
        && B::svref_2object(\$model)->FLAGS & B::SVf_POK)
    {
        my $stream = $body->{stream};
        printf "=%s %d\n", unpack('H*', Encode::encode('UTF-8', $model)),
            JSON::PP::is_bool($stream) && $stream ? 1 : 0;
    } else {
        print "?\n";
    }
}
