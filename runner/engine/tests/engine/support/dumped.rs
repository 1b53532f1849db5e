//! The memory of guests, read out of this process as a core dump has it.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt as _;

use aho_corasick::AhoCorasick;

/// What the pool reserves behind a linear memory at least, in bytes; nothing else reserves that much.
const RESERVED: u64 = 1 << 30;

/// A mapping of this process.
struct Mapping {
    from: u64,
    to: u64,
    writable: bool,
    /// Whether nobody may touch it.
    reserved: bool,
    /// Whether its first contents are a file's: the image of a linear memory, or a binary's own data.
    of_file: bool,
}

/// A process that has the memory which this one had when it was made, and does nothing: in one that goes on, other threads change
/// what is mapped between its listing and its reading.
struct Copy(libc::pid_t);

impl Copy {
    #[expect(unsafe_code, reason = "no safe function makes a process without another program")]
    fn made() -> Self {
        // SAFETY: The child has one thread, whatever locks the others held; it takes none, as it calls but `pause`, which a
        // signal handler may call as well.
        let process = unsafe { libc::fork() };
        if process == 0 {
            loop {
                // SAFETY: It takes nothing and gives nothing.
                unsafe { libc::pause() };
            }
        }
        assert!(process > 0, "no copy of the process: {}", std::io::Error::last_os_error());
        Self(process)
    }
}

impl Drop for Copy {
    #[expect(unsafe_code, reason = "the process is no `std::process::Child`")]
    fn drop(&mut self) {
        // SAFETY: It is a child of this process that nobody else waits for, so its number is its own until it is waited for.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

/// Linear memories of the pool, one of which holds what a guest is known to hold: what is writable, begins somewhere as a
/// component's image of it, and is followed without a gap by more than a gigabyte that nobody may touch.
///
/// The host's own heaps hold what guests must never see, and may lie just below a pool: those have no image. Memories of runs
/// that wait are among them as they are, with whatever the guest has freed and not written again.
pub(crate) fn memories_with(known: &str) -> Vec<u8> {
    let copy = Copy::made();
    let maps = read_to_string(format!("/proc/{}/maps", copy.0)).unwrap();
    let all = reserved_as_one(maps.lines().map(Mapping::read));
    let process = File::open(format!("/proc/{}/mem", copy.0)).unwrap();
    let mut memories = Vec::new();
    for (place, reserved) in all.iter().enumerate().filter(|(_, it)| it.reserved && it.len() >= RESERVED) {
        let before: Vec<_> = before(&all[..place], reserved.from).collect();
        if !before.iter().any(|mapping| mapping.of_file) {
            continue;
        }
        for mapping in before {
            let mut bytes = vec![0; mapping.len() as usize];
            process.read_exact_at(&mut bytes, mapping.from).unwrap();
            memories.extend(bytes);
        }
    }
    let found = AhoCorasick::new([known]).unwrap().is_match(&memories);
    assert!(found, "{known} is in no memory, {} bytes, of:\n{maps}", memories.len());
    memories
}

/// The mappings, of which those that nobody may touch and that follow each other without a gap are one: what a memory of the pool
/// had been and is no more remains a mapping of its own.
fn reserved_as_one(all: impl Iterator<Item = Mapping>) -> Vec<Mapping> {
    all.fold(Vec::new(), |mut joined: Vec<Mapping>, mapping| {
        match joined.last_mut().filter(|last| last.reserved && mapping.reserved && last.to == mapping.from) {
            Some(last) => last.to = mapping.to,
            None => joined.push(mapping),
        }
        joined
    })
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
        let may = words.next().unwrap();
        let (writable, reserved) = (may.starts_with("rw"), may.starts_with("---"));
        let of_file = words.nth(2).unwrap() != "0";
        Self { from: number(from), to: number(to), writable, reserved, of_file }
    }

    fn len(&self) -> u64 {
        self.to - self.from
    }
}
