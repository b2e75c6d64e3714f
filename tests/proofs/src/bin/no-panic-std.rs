//! Every public function, in a program with the standard library. That is full of panics, so `run` looks for
//! those in functions of this library alone.

extern crate alloc;

fn main() {
    exercise::every_function!();
    std::process::exit(exercise::exercise());
}
