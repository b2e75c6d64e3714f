//! What a program consists of, out of its ELF file.

use std::fs;
use std::io;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The compiler, as it names itself.
    pub compiler: String,
    /// Instructions.
    pub code: u64,
    /// What is never written, tables of addresses included.
    pub constants: u64,
    /// What is written, without the stack.
    pub memory: u64,
    /// Functions by their mangled names.
    pub functions: Vec<(String, u64)>,
    /// Stack frames of the functions, if the compiler was told to note them.
    pub frames: Vec<u64>,
}

impl Program {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not there, or is no program.
    pub fn read(path: &Path) -> io::Result<Self> {
        let named = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let bytes = fs::read(path).map_err(|error| named(&error))?;
        Self::parse(&bytes).map_err(|error| named(&error))
    }

    fn parse(bytes: &[u8]) -> object::Result<Self> {
        let file = object::File::parse(bytes)?;
        let mut program = Self::default();
        for section in file.sections() {
            match section.name()? {
                ".text" => program.code += section.size(),
                ".rodata" | ".data.rel.ro" | ".got" => program.constants += section.size(),
                ".data" | ".bss" => program.memory += section.size(),
                ".stack_sizes" => program.frames = frames(section.data()?, if file.is_64() { 8 } else { 4 }),
                ".comment" => program.compiler = compiler(section.data()?),
                _ => {}
            }
        }
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            program.functions.push((symbol.name()?.to_owned(), symbol.size()));
        }
        Ok(program)
    }
}

/// Rows of an address and the size of a frame in LEB128.
fn frames(mut rows: &[u8], address: usize) -> Vec<u64> {
    let mut frames = Vec::new();
    while let Some((_, size)) = rows.split_at_checked(address) {
        let more = size.iter().take_while(|&&byte| byte >= 0x80).count();
        let Some((size, rest)) = size.split_at_checked(more + 1) else { break };
        frames.push(size.iter().rev().fold(0, |frame, byte| frame << 7 | u64::from(byte & 0x7f)));
        rows = rest;
    }
    frames
}

/// Tools name themselves, with a NUL behind each.
fn compiler(comment: &[u8]) -> String {
    let mut names = comment.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let name = names.find(|name| name.starts_with("rustc version "));
    name.map(|name| name.replacen(" version", "", 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{compiler, frames};

    #[test]
    fn frames_are_read() {
        let rows = [1, 0, 2, 0, 0x18, 7, 0, 2, 0, 0xe8, 0x07, 9, 0, 2, 0, 0];
        assert_eq!(frames(&rows, 4), [24, 1000, 0]);
    }

    #[test]
    fn the_compiler_is_named() {
        assert_eq!(compiler(b"Linker: LLD\0rustc version 1.85.0 (x)\0"), "rustc 1.85.0 (x)");
    }
}
