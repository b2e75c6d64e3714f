# What MIMEDefang does with a message: what its header X-Stub says, as the stub of amavisd-milter does.
detect_and_load_perl_modules();

sub wish {
    open(my $headers, "<", "./HEADERS") or return "pass";
    while (<$headers>) {
        return $1 if /^X-Stub: *(\S+)/i;
    }
    return "pass";
}

sub filter_begin {
    my $wish = wish();
    return action_bounce("the stub says no", "550", "5.7.1") if $wish eq "reject";
    return action_tempfail("the stub is busy", "450", "4.7.1") if $wish eq "tempfail";
    return action_discard() if $wish eq "discard";
}

sub filter {
    return action_accept();
}

sub filter_end {
    my $wish = wish();
    action_insert_header("X-Inserted", "at the top", 0);
    action_add_header("X-Stub-Says", $wish);
    return unless $wish eq "edit";
    action_change_header("Subject", "by the stub");
    action_delete_header("X-Stub");
    add_recipient('<added@example.org>');
    delete_recipient('<recipient@example.org>');
    change_sender('<bounces@example.net>');
}

1;
