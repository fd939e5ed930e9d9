//! Taking an input apart. Missing bytes read as zeros, so that every input means something.

/// What is left of an input.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (taken, rest) = self.0.split_at(self.0.len().min(N));
        array[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// A number, least significant byte first.
    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// A number, least significant byte first.
    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// A piece with its length, in two bytes, in front of it; shorter where the input ends.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.u16()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything else.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Whether this input is one of the few for which a slow property is checked too: one in `n`, by its bytes.
pub(crate) fn one_in(n: u32, bytes: &[u8]) -> bool {
    let sum = bytes.iter().fold(0_u32, |sum, byte| {
        sum.rotate_left(5) ^ u32::from(*byte).wrapping_mul(0x9e37_79b1)
    });
    (sum ^ (sum >> 16)).is_multiple_of(n)
}
