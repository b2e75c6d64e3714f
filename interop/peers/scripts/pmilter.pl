#!/usr/bin/perl
# A filter on Sendmail::PMilter (the protocol in Perl, a process for each connection) that does what its rules say:
# rules.py has their form.

use strict;
use warnings;
use Sendmail::PMilter qw(:all);

my ($socket, @rules) = @ARGV;

my %verdicts = (
    continue => SMFIS_CONTINUE, accept => SMFIS_ACCEPT, reject => SMFIS_REJECT, tempfail => SMFIS_TEMPFAIL,
    discard => SMFIS_DISCARD,
);

my %edits = (
    addheader   => sub { my ($ctx, @words) = @_; $ctx->addheader(@words) },
    chgheader   => sub { my ($ctx, @words) = @_; $ctx->chgheader($words[0], $words[1], $words[2] // '') },
    addrcpt     => sub { my ($ctx, @words) = @_; $ctx->addrcpt(@words) },
    delrcpt     => sub { my ($ctx, @words) = @_; $ctx->delrcpt(@words) },
    replacebody => sub { my ($ctx, @words) = @_; $ctx->replacebody(@words) },
    quarantine  => sub { my ($ctx, @words) = @_; $ctx->quarantine(@words) },
    progress    => sub { my ($ctx) = @_; $ctx->progress() },
    symval      => sub { my ($ctx, @words) = @_; $ctx->addheader($words[0], $ctx->getsymval($words[1]) // '(none)') },
);

sub judge {
    my ($stage, $ctx, $text) = @_;
    my $result = SMFIS_CONTINUE;

    for my $rule (@rules) {
        my ($where, $what) = split(/:/, $rule, 2);
        my ($at, $pattern) = split(/\//, $where, 2);
        next if $at ne $stage or (defined $pattern and index($text // '', $pattern) < 0);
        my ($call, @words) = split(/\|/, $what, -1);
        if (defined $verdicts{$call}) {
            $result = $verdicts{$call};
        } elsif ($call eq 'setreply') {
            $ctx->setreply(@words);
            $result = $words[0] =~ /^4/ ? SMFIS_TEMPFAIL : SMFIS_REJECT;
        } elsif (defined $edits{$call}) {
            # PMilter answers before it shows why a callback died.
            eval { $edits{$call}->($ctx, @words); 1 } or do { print STDERR $@; die $@ };
        } else {
            print STDERR "no call $call\n";
            die;
        }
    }
    return $result;
}

my %stages = (
    connect => 'connect', helo => 'helo', envfrom => 'mail', envrcpt => 'rcpt', data => 'data', header => 'header',
    eoh => 'eoh', body => 'body', eom => 'eom',
);
my %callbacks;
for my $name (keys %stages) {
    $callbacks{$name} = sub { my ($ctx, $text) = @_; return judge($stages{$name}, $ctx, $text) };
}

# The library declines commands without a callback, but always asks for CONNECT and MAIL.
my %declined = (helo => 0x2, header => 0x20, eoh => 0x40);
for my $steps (map { /^negotiate:steps\|(.*)/ ? hex($1) : () } @rules) {
    delete @callbacks{grep { $declined{$_} & $steps } keys %declined};
}

my $milter = Sendmail::PMilter->new;
# More connections at once than 5 are refused by the kernel otherwise, and an MTA may deliver without the filter then.
$milter->set_listen(64);
$milter->setconn("local:$socket") or die "cannot listen on $socket\n";
$milter->register('milter-proto-interop', \%callbacks, SMFI_CURR_ACTS | SMFIF_QUARANTINE) or die "not registered\n";
$milter->main();
