//! Links the programs without start files and libraries, and without what nothing reaches.

use std::env;

fn main() {
    let arguments: &[&str] = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("none") => &["-e_start", "--gc-sections"],
        _ => &["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--gc-sections"],
    };
    for argument in arguments {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
