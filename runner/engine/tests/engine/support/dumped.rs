//! The memory of guests, read out of this process as a core dump has it.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt as _;

/// What the pool reserves behind a linear memory at least, in bytes; nothing else reserves that much.
const RESERVED: u64 = 1 << 30;

/// A mapping of this process.
struct Mapping {
    from: u64,
    to: u64,
    writable: bool,
}

/// Linear memories of the pool: what is writable and, without a gap, followed by more than a gigabyte that nobody may touch.
///
/// Memories of runs that wait are among them as they are, with whatever the guest has freed and not written again.
pub(crate) fn memories() -> Vec<u8> {
    let maps = read_to_string("/proc/self/maps").unwrap();
    let all: Vec<_> = maps.lines().map(Mapping::read).collect();
    let process = File::open("/proc/self/mem").unwrap();
    let mut memories = Vec::new();
    for (place, reserved) in all.iter().enumerate().filter(|(_, it)| !it.writable && it.len() >= RESERVED) {
        let mut from = reserved.from;
        for mapping in all[..place].iter().rev().take_while(|it| it.writable) {
            if mapping.to != from {
                break;
            }
            let mut bytes = vec![0; mapping.len() as usize];
            // Another test's memory may go while it is read.
            if process.read_exact_at(&mut bytes, mapping.from).is_ok() {
                memories.extend(bytes);
            }
            from = mapping.from;
        }
    }
    memories
}

impl Mapping {
    /// Reads a line of `/proc/PID/maps`: `FROM-TO PERMISSIONS ...`.
    fn read(line: &str) -> Self {
        let mut words = line.split(' ');
        let (from, to) = words.next().unwrap().split_once('-').unwrap();
        let number = |digits| u64::from_str_radix(digits, 16).unwrap();
        let writable = words.next().unwrap().starts_with("rw");
        Self { from: number(from), to: number(to), writable }
    }

    fn len(&self) -> u64 {
        self.to - self.from
    }
}
