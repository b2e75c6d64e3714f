# Reads `objdump -dC --no-show-raw-insn`, and names every function of which a call leads to a panic: the address
# of the call, and the function.
#
# Where the call is one of `core` and not of its caller, the caller is named; of those that nobody calls by name,
# as is the way with trait objects, the function of `core` itself.

BEGIN { FS = "\t" }

function panics(name) { return name in leads || name ~ /^(core::panicking::|__rustc::rust_begin_unwind)/ }

/^[0-9a-f]+ <.*>:$/ { around = substr($0, index($0, "<") + 1); sub(/>:$/, "", around) }

# The linker puts a prefix before some.
$2 ~ /^([a-z0-9]+ )?(call|j[a-z]+) .*>$/ {
    name = substr($2, index($2, "<") + 1)
    sub(/>$/, "", name)
    if (name == around || name ~ /\+0x[0-9a-f]+$/) next
    gsub(/[ :]/, "", $1)
    address[++count] = $1
    caller[count] = around
    callee[count] = name
    called[name]
}

END {
    do {
        grows = 0
        for (i = 1; i <= count; i++)
            if (caller[i] ~ /^<?core::/ && panics(callee[i]) && !panics(caller[i])) {
                leads[caller[i]] = address[i]
                grows = 1
            }
    } while (grows)
    for (i = 1; i <= count; i++)
        if (panics(callee[i]) && !panics(caller[i])) print address[i] "\t" caller[i]
    for (name in leads)
        if (!(name in called)) print leads[name] "\t" name
}
