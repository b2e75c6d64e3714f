//! The deepest path of calls through a program for Thumb-2, out of its code and the frames of its functions.

use std::collections::{BTreeMap, BTreeSet};

use crate::elf::Program;

/// Bytes of stack below the function `entry`, its own frame included.
///
/// # Errors
/// If that cannot be known: a function calls itself or through a pointer, has no frame noted, or is not
/// reached by the calls that were found.
pub fn deepest(program: &Program, entry: &str) -> Result<u64, String> {
    let entry = program.functions.iter().find(|function| function.name == entry).ok_or("no entry")?;
    let mut walk = Walk { calls: calls(program)?, program, path: Vec::new(), known: BTreeMap::new() };
    let depth = walk.depth(entry.address)?;
    match program.functions.iter().find(|function| !walk.known.contains_key(&function.address)) {
        Some(function) => Err(format!("nothing calls {}", function.name)),
        None => Ok(depth),
    }
}

/// Where a function goes, and whether its frame still stands then.
type Calls = BTreeMap<u64, BTreeSet<(u64, bool)>>;

struct Walk<'p> {
    program: &'p Program,
    calls: Calls,
    path: Vec<u64>,
    known: BTreeMap<u64, u64>,
}

impl Walk<'_> {
    fn depth(&mut self, function: u64) -> Result<u64, String> {
        if let Some(&depth) = self.known.get(&function) {
            return Ok(depth);
        }
        if self.path.contains(&function) {
            return Err(format!("the function at {function:x} calls itself"));
        }
        let frame = self.program.frames.get(&function);
        let frame = *frame.ok_or_else(|| format!("the function at {function:x} has no frame"))?;
        self.path.push(function);
        let mut depth = frame;
        for (target, has_frame) in self.calls.get(&function).cloned().unwrap_or_default() {
            depth = depth.max(self.depth(target)? + if has_frame { frame } else { 0 });
        }
        self.path.pop();
        self.known.insert(function, depth);
        Ok(depth)
    }
}

fn calls(program: &Program) -> Result<Calls, String> {
    let mut calls = Calls::new();
    for function in &program.functions {
        let end = function.address + function.bytes;
        let mut address = function.address;
        while address < end {
            let [first, second] = [address, address + 2].map(|address| program.half(address));
            let length = if first >> 11 > 0b11100 { 4 } else { 2 };
            match branch(first, second) {
                _ if program.is_data(address) => address += 2,
                Some((offset, is_call)) => {
                    let target = (address + 4).wrapping_add_signed(offset);
                    // A jump inside of the function is none of its calls.
                    if is_call || !(function.address..end).contains(&target) {
                        calls.entry(function.address).or_default().insert((target, is_call));
                    }
                    address += length;
                }
                None if is_through_pointer(first) => {
                    return Err(format!("{} calls through a pointer", function.name));
                }
                None => address += length,
            }
        }
    }
    Ok(calls)
}

/// BL, and B.W without a condition, which also leaves a function for another: the offset, and whether it
/// comes back.
fn branch(first: u16, second: u16) -> Option<(i64, bool)> {
    let is_call = match (first & 0xf800, second & 0xd000) {
        (0xf000, 0xd000) => true,
        (0xf000, 0x9000) => false,
        _ => return None,
    };
    let [first, second] = [first, second].map(i64::from);
    let sign = first >> 10 & 1;
    let bit = |place: i64| 1 ^ sign ^ (second >> place & 1);
    let offset = bit(13) << 23 | bit(11) << 22 | (first & 0x3ff) << 12 | (second & 0x7ff) << 1;
    Some((offset - (sign << 24), is_call))
}

/// BLX of a register, and BX of any but the one that holds where to return to.
fn is_through_pointer(first: u16) -> bool {
    first & 0xff87 == 0x4780 || first & 0xff87 == 0x4700 && first != 0x4770
}

#[cfg(test)]
mod tests {
    use super::{branch, deepest};
    use crate::elf::{Function, Program};

    #[test]
    fn branches_are_read() {
        assert_eq!(branch(0xf000, 0xf800), Some((0, true)));
        assert_eq!(branch(0xf7ff, 0xfffe), Some((-4, true)));
        assert_eq!(branch(0xf7ff, 0xbffe), Some((-4, false)));
        assert_eq!(branch(0xf000, 0xf802), Some((4, true)));
        // NOP.W, and BNE.W.
        assert_eq!([branch(0xf3af, 0x8000), branch(0xf040, 0x8002)], [None, None]);
    }

    /// Functions of four bytes, one behind the other, with frames of 8, 16, 32 ...
    fn program(code: &[[u16; 2]]) -> Program {
        let mut program = Program { text: (0, Vec::new()), ..Program::default() };
        for (number, halves) in code.iter().enumerate() {
            let address = 4 * number as u64;
            program.functions.push(Function { name: number.to_string(), address, bytes: 4 });
            program.frames.insert(address, 8 << number);
            program.text.1.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
        }
        program
    }

    const RETURN: [u16; 2] = [0x4770, 0xbf00];

    #[test]
    fn frames_of_callers_add_up_and_those_of_jumps_do_not() {
        let (call_next, jump_next) = ([0xf000, 0xf800], [0xf000, 0xb800]);
        assert_eq!(deepest(&program(&[call_next, call_next, RETURN]), "0"), Ok(8 + 16 + 32));
        assert_eq!(deepest(&program(&[call_next, jump_next, RETURN]), "0"), Ok(8 + 32));
    }

    #[test]
    fn what_cannot_be_known_is_an_error() {
        let call_itself = [0xf7ff, 0xfffe];
        assert_eq!(deepest(&program(&[call_itself]), "0"), Err("the function at 0 calls itself".to_owned()));
        let call_pointer = [0x4798, 0x4770];
        assert_eq!(deepest(&program(&[call_pointer]), "0"), Err("0 calls through a pointer".to_owned()));
        assert_eq!(deepest(&program(&[RETURN, RETURN]), "0"), Err("nothing calls 1".to_owned()));
        let mut unknown = program(&[RETURN]);
        unknown.frames.clear();
        assert_eq!(deepest(&unknown, "0"), Err("the function at 0 has no frame".to_owned()));
    }
}
