//! Links the programs without std also without the C library's start files and without the library itself.
//!
//! They stand at a fixed address, because nobody is there to relocate them.

fn main() {
    for program in ["no-alloc", "no-panic", "no-panic-alloc"] {
        for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
            println!("cargo:rustc-link-arg-bin={program}={argument}");
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
}
