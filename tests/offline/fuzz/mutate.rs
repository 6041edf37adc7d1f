//! Damage: bytes cut, doubled, swapped, flipped, or replaced by what has hurt readers before.

/// A source of numbers that gives the same for the same seed (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn of(seed: u64, round: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (round + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 if there is none.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end.max(1)
    }

    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const NASTY: [&[u8]; 44] = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xe2\x80\xae",
    b"\x1b[2J",
    b"\r",
    b"\r\n",
    b"\t",
    b"\n",
    b": ",
    b" #",
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"!!int ",
    b"!x ",
    b"%YAML 1.1\n",
    b"---\n",
    b"...\n",
    b"|\n",
    b">-\n",
    b"'",
    b"\"",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b"~",
    b"null",
    b"yes",
    b"0o777",
    b"1_000",
    b".inf",
    b"-1",
    b"99999999999999999999",
    b"$(HOME)",
    b"kubeadm.k8s.io/v1",
    b"-----BEGIN X-----\n",
    b"../../x",
    b"::/0",
];

/// One of the files, damaged with pieces of another.
pub(super) fn damaged_one(files: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let (one, other) = (random.one_of(files), random.one_of(files));
    damaged(one, other, random)
}

/// The bytes, damaged at one to six places; `other` is where pieces are taken from.
pub(super) fn damaged(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(7) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => drop(bytes.splice(at..end, random.one_of(&NASTY).iter().copied()).count()),
            3 => drop(bytes.splice(at..at, random.one_of(&NASTY).iter().copied()).count()),
            4 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            5 => {
                let from = random.below(other.len() + 1);
                let piece = other[from..(from + random.below(200)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}
