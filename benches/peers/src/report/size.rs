//! Size and stack of programs for a device.

use std::collections::BTreeMap;

use milter_proto_benches::elf::Program;
use rustc_demangle::demangle;

use super::Section;
use super::table::{Table, count};
use crate::measure::size::{PROGRAMS, Size, TARGETS};

/// Functions that are shown.
const SHOWN: usize = 8;

/// Code, memory, stack, and the largest functions.
pub fn size(size: &Size) -> Section {
    let compilers = TARGETS.iter().zip(&size.programs).map(|(target, programs)| {
        format!("* {target}: {}", programs.first().map(|program| &*program.compiler).unwrap_or_default())
    });
    let text = format!(
        "Programs of [benches/size](benches/size) without std, allocator and C library, on one transport: registers on bare\n\
        metal (thumbv7em), read and write on Linux (x86-64). `nothing` says what it hears. `filter` is the example\n\
        filter_embedded: it refuses a recipient and adds a header. `mta` takes a message through a filter, and counts\n\
        the edits. All are built with `opt-level = \"s\"`, `lto = \"fat\"`, `codegen-units = 1`, `panic = \"abort\"`; on\n\
        thumbv7em `core` is, too. The start code of a board and unwind tables are not counted.\n\n\
        {}\n\n\
        Memory is what is written, without the stack: above all the buffers, which are static. The last column is what\n\
        the library takes, with the adapter and the script of each program.\n\n\
        The stack of thumbv7em is the deepest path of calls from the first function on, whatever is said to the\n\
        program: the frames are those that the compiler notes, the calls those in the code. No function calls itself\n\
        or through a pointer. The stack of x86-64 is what massif sees at the deepest point of a conversation in which\n\
        every byte and the exit code are compared, without the 128 bytes that a function without calls may use below\n\
        its frame. The functions are the largest of thumbv7em; what is inlined is counted in the caller.",
        compilers.collect::<Vec<_>>().join("\n")
    );
    let tables = vec![sizes(size), frames(size), stacks(size), largest(size)];
    Section { title: "Size", text, tables, plot: None }
}

fn sizes(size: &Size) -> Table {
    let head = ["bytes", "code", "constants", "memory", "code and constants, less those of nothing"];
    let mut table = Table::new(head);
    for (target, programs) in TARGETS.iter().zip(&size.programs) {
        let constant = |program: &Program| program.code + program.constants;
        for (name, program) in PROGRAMS.iter().zip(programs) {
            let more = constant(program) - constant(&programs[0]);
            let sizes = [program.code, program.constants, program.memory, more];
            row(&mut table, format!("{name}, {target}"), sizes);
        }
    }
    table
}

fn row<const N: usize>(table: &mut Table, name: String, sizes: [u64; N]) {
    table.row([name].into_iter().chain(sizes.map(|size| count(Some(size)))));
}

fn frames(size: &Size) -> Table {
    let head = format!("bytes of stack, {}", TARGETS[0]);
    let mut table = Table::new([&head, "largest frame", "deepest path"]);
    for ((name, program), deepest) in PROGRAMS.iter().zip(&size.programs[0]).zip(size.deepest) {
        let largest = program.frames.values().max().copied().unwrap_or_default();
        row(&mut table, (*name).to_owned(), [largest, deepest]);
    }
    table
}

fn stacks(size: &Size) -> Table {
    let mut table = Table::new([&format!("bytes of stack, {}", TARGETS[1]), "most"]);
    for stack in &size.stacks {
        row(&mut table, format!("{}: {}", stack.program, stack.what), [stack.bytes]);
    }
    table
}

/// The largest functions of the first target.
fn largest(size: &Size) -> Table {
    let [_, filter, mta] = &size.programs[0];
    let mut functions = BTreeMap::<String, [Option<u64>; 2]>::new();
    for (column, program) in [filter, mta].into_iter().enumerate() {
        for function in &program.functions {
            let name = format!("`{:#}`", demangle(&function.name));
            functions.entry(name).or_default()[column] = Some(function.bytes);
        }
    }
    let mut functions = functions.into_iter().collect::<Vec<_>>();
    functions.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.iter().flatten().max().copied()));
    let mut table = Table::new([&format!("bytes of code, {}", TARGETS[0]), "filter", "mta"]);
    for (name, bytes) in functions.into_iter().take(SHOWN) {
        table.row([name].into_iter().chain(bytes.map(count)));
    }
    table
}
