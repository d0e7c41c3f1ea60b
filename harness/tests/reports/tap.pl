# Reads KTAP with TAP::Parser, the parser of Perl's own tests, and prints what it understood as JSON.
#
# TAP::Parser knows no nesting: a subtest's lines are lines that it does not know. They are collected, less the two spaces
# that KTAP indents them with, and given to a parser of their own when the line that ends them comes.
use strict;
use warnings;
use JSON::PP;
use TAP::Parser;

sub tests {
    my ($tap) = @_;
    my $parser = TAP::Parser->new( { tap => $tap } );
    my ( @tests, @comments, $inner, $versions );
    while ( my $line = $parser->next ) {
        my $text = $line->raw;
        if ( $text =~ s/^  // ) { $inner .= "$text\n" }
        elsif ( $text eq 'KTAP version 1' ) { $versions++ }
        elsif ( $line->is_comment ) { push @comments, $line->comment }
        elsif ( $line->is_test ) {
            push @tests, {
                ok => $line->is_actual_ok ? JSON::PP::true : JSON::PP::false,
                number => $line->number + 0,
                name => $line->description,
                skip => $line->has_skip ? $line->explanation : undef,
                comments => [@comments],
                inside => defined $inner ? tests($inner) : undef,
            };
            ( $inner, @comments ) = ();
        }
        elsif ( !$line->is_plan ) { die "neither of the four kinds of lines: $text\n" }
    }
    die "lines after the last test: $inner\n" if defined $inner;
    die "not one version line\n" if ( $versions // 0 ) != 1;
    die join( "\n", $parser->parse_errors ) . "\n" if $parser->parse_errors;
    return { plan => $parser->tests_planned + 0, tests => \@tests };
}

local $/;
binmode STDIN, ':encoding(UTF-8)';
print JSON::PP->new->utf8->canonical->encode( tests(<STDIN>) );
