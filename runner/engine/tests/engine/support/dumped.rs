//! The memory of guests, read out of this process as a core dump has it.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt as _;
use std::thread::sleep;
use std::time::Duration;

use aho_corasick::AhoCorasick;

/// What the pool reserves behind a linear memory at least, in bytes; nothing else reserves that much.
const RESERVED: u64 = 1 << 30;

/// A mapping of this process.
struct Mapping {
    from: u64,
    to: u64,
    writable: bool,
    /// Whether its first contents are a file's: the image of a linear memory, or a binary's own data.
    of_file: bool,
}

/// How often the process is read at most, and what is waited in between.
const READS: (u32, Duration) = (100, Duration::from_millis(20));

/// Linear memories of the pool, read until one of them holds what a guest is known to hold.
///
/// Since Linux 6.17 the kernel lists mappings without a lock: those that other threads change meanwhile are listed twice, or
/// as nothing ever was. A process that is read once more is another chance, and what is found is what is there.
pub(crate) fn memories_with(known: &str) -> Vec<u8> {
    let (reads, pause) = READS;
    let holds = |memories: &[u8]| AhoCorasick::new([known]).unwrap().is_match(memories);
    let mut memories = memories();
    for _ in 1..reads {
        if holds(&memories) {
            break;
        }
        sleep(pause);
        memories = self::memories();
    }
    memories
}

/// Linear memories of the pool: what is writable, begins somewhere as a component's image of it, and is followed without a gap
/// by more than a gigabyte that nobody may touch.
///
/// The host's own heaps hold what guests must never see, and may lie just below a pool: those have no image. Memories of runs
/// that wait are among them as they are, with whatever the guest has freed and not written again.
fn memories() -> Vec<u8> {
    let maps = read_to_string("/proc/self/maps").unwrap();
    let mut all: Vec<_> = maps.lines().map(Mapping::read).collect();
    all.dedup_by_key(|mapping| (mapping.from, mapping.to));
    let process = File::open("/proc/self/mem").unwrap();
    let mut memories = Vec::new();
    for (place, reserved) in all.iter().enumerate().filter(|(_, it)| !it.writable && it.len() >= RESERVED) {
        let before: Vec<_> = before(&all[..place], reserved.from).collect();
        if !before.iter().any(|mapping| mapping.of_file) {
            continue;
        }
        for mapping in before {
            let mut bytes = vec![0; mapping.len() as usize];
            // Another test's memory may go while it is read.
            if process.read_exact_at(&mut bytes, mapping.from).is_ok() {
                memories.extend(bytes);
            }
        }
    }
    memories
}

/// What is writable before an address, without a gap, the nearest first.
fn before(all: &[Mapping], mut until: u64) -> impl Iterator<Item = &Mapping> {
    all.iter().rev().take_while(move |mapping| {
        let joins = mapping.writable && mapping.to == until;
        until = mapping.from;
        joins
    })
}

impl Mapping {
    /// Reads a line of `/proc/PID/maps`: `FROM-TO PERMISSIONS OFFSET DEVICE INODE PATH`.
    fn read(line: &str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next().unwrap().split_once('-').unwrap();
        let number = |digits| u64::from_str_radix(digits, 16).unwrap();
        let writable = words.next().unwrap().starts_with("rw");
        let of_file = words.nth(2).unwrap() != "0";
        Self { from: number(from), to: number(to), writable, of_file }
    }

    fn len(&self) -> u64 {
        self.to - self.from
    }
}
