//! `milter-check`: see the library of this package, and its README.

use std::process::ExitCode;

fn main() -> ExitCode {
    milter_check::main()
}
