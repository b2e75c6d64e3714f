//! What a program consists of, out of its ELF file.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use object::{Architecture, Object, ObjectSection, ObjectSymbol, SymbolKind};

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its mangled name.
    pub name: String,
    /// Where it begins.
    pub address: u64,
    /// Bytes of its code.
    pub bytes: u64,
}

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
    /// All of them.
    pub functions: Vec<Function>,
    /// Stack frames by the addresses of their functions, if the compiler was told to note them.
    pub frames: BTreeMap<u64, u64>,
    /// The code itself, and where it begins.
    pub text: (u64, Vec<u8>),
    /// From which addresses on the code is data, and is no longer data.
    pub data: BTreeMap<u64, bool>,
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
                ".text" => {
                    program.code += section.size();
                    program.text = (section.address(), section.data()?.to_owned());
                }
                ".rodata" | ".data.rel.ro" | ".got" => program.constants += section.size(),
                ".data" | ".bss" => program.memory += section.size(),
                ".stack_sizes" => program.frames = frames(section.data()?, if file.is_64() { 8 } else { 4 }),
                ".comment" => program.compiler = compiler(section.data()?),
                _ => {}
            }
        }
        let is_arm = file.architecture() == Architecture::Arm;
        for symbol in file.symbols() {
            let (name, address) = (symbol.name()?, symbol.address());
            match name {
                "$d" | "$t" => _ = program.data.insert(address, name == "$d"),
                _ if symbol.kind() == SymbolKind::Text => {
                    // The last bit says that it is Thumb.
                    let address = if is_arm { address & !1 } else { address };
                    program.functions.push(Function { name: name.to_owned(), address, bytes: symbol.size() });
                }
                _ => {}
            }
        }
        Ok(program)
    }

    /// Two bytes of code; 0 where there is none.
    pub(crate) fn half(&self, address: u64) -> u16 {
        let (start, bytes) = &self.text;
        let from = usize::try_from(address - start).unwrap_or(usize::MAX);
        let half = bytes.get(from..).and_then(|bytes| bytes.first_chunk());
        half.map_or(0, |half| u16::from_le_bytes(*half))
    }

    /// Whether data stands there.
    pub(crate) fn is_data(&self, address: u64) -> bool {
        self.data.range(..=address).next_back().is_some_and(|(_, is_data)| *is_data)
    }
}

/// Rows of an address, little-endian, and the size of a frame in LEB128.
fn frames(mut rows: &[u8], width: usize) -> BTreeMap<u64, u64> {
    let mut frames = BTreeMap::new();
    while let Some((address, size)) = rows.split_at_checked(width) {
        let more = size.iter().take_while(|&&byte| byte >= 0x80).count();
        let Some((size, rest)) = size.split_at_checked(more + 1) else { break };
        let address = address.iter().rev().fold(0, |address, byte| address << 8 | u64::from(*byte));
        // The last bit may say that it is Thumb.
        let size = size.iter().rev().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f));
        frames.insert(address & !1, size);
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
        let rows = [0x11, 0, 2, 0, 0x18, 0x21, 1, 2, 0, 0xe8, 0x07, 0x30, 0, 2, 0, 0];
        let expected = [(0x2_0010, 24), (0x2_0120, 1000), (0x2_0030, 0)];
        assert_eq!(frames(&rows, 4), expected.into());
    }

    #[test]
    fn the_compiler_is_named() {
        assert_eq!(compiler(b"Linker: LLD\0rustc version 1.85.0 (x)\0"), "rustc 1.85.0 (x)");
    }
}
