//! Identifiers and nonces: deterministic for a seed, never reused.

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LOWER: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// Makes identifiers from a seed and a counter.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    count: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// The next number of the counter, from one.
    pub(crate) fn serial(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// A machine id: 14 hexadecimal digits.
    pub(crate) fn machine(&mut self) -> String {
        format!("{:014x}", self.word() >> 8)
    }

    /// An app id: 16 letters and digits.
    pub(crate) fn app(&mut self) -> String {
        spell(self.word(), LOWER, 8) + &spell(self.word(), LOWER, 8)
    }

    /// A volume id: `vol_` and 16 letters and digits.
    pub(crate) fn volume(&mut self) -> String {
        format!("vol_{}", self.app())
    }

    /// A lease nonce or another secret word: 12 letters and digits.
    pub(crate) fn nonce(&mut self) -> String {
        spell(self.word(), LOWER, 12)
    }

    /// A ULID of the given time; later ones sort after earlier ones.
    pub(crate) fn ulid(&mut self, now_ms: i64) -> String {
        let serial = self.serial();
        let tail = mix(self.seed ^ mix(serial));
        spell(now_ms as u64, CROCKFORD, 10) + &spell(serial, CROCKFORD, 8) + &spell(tail, CROCKFORD, 8)
    }

    fn word(&mut self) -> u64 {
        let serial = self.serial();
        mix(mix(self.seed).wrapping_add(serial))
    }
}

/// Hashes a word (the finaliser of splitmix64, a bijection, so that ids cannot collide).
pub(crate) fn mix(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Hashes text to 16 hexadecimal digits, for digests that clients compare only.
pub(crate) fn digest(text: &str) -> String {
    format!("{:016x}", text.bytes().fold(mix(text.len() as u64), |sum, byte| mix(sum ^ u64::from(byte))))
}

fn spell(word: u64, alphabet: &[u8; 32], digits: u32) -> String {
    (0..digits).rev().map(|place| char::from(alphabet[(word >> (5 * place) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        let (mut a, mut b, mut c) = (Ids::new(7), Ids::new(7), Ids::new(8));
        let first = a.machine();
        assert_eq!(first, b.machine());
        assert_ne!(first, c.machine());
        assert_ne!(first, a.machine());
    }

    #[test]
    fn ids_have_the_shapes_of_the_api() {
        let mut ids = Ids::new(1);
        assert_eq!(ids.machine().len(), 14);
        assert!(ids.machine().chars().all(|c| c.is_ascii_hexdigit()));
        assert_eq!(ids.app().len(), 16);
        assert_eq!(ids.ulid(1_774_937_288_802).len(), 26);
        assert!(ids.ulid(1_774_937_288_802).starts_with("01KN183C32"));
    }

    #[test]
    fn later_ulids_sort_after_earlier_ones_even_in_one_millisecond() {
        let mut ids = Ids::new(1);
        let made: Vec<_> = (0..100).map(|_| ids.ulid(1_000)).collect();
        assert!(made.is_sorted());
    }
}
