//! Choices out of bytes.

/// Reads choices from the fuzzer's bytes. When these are used up, every choice is the first one.
///
/// The digits `0` to `9` choose the first ten of anything, so that seeds can be written as text.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether the bytes are used up.
    pub(crate) const fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => b'0',
        }
    }

    /// A number from 0 to `count - 1`.
    pub(crate) fn below(&mut self, count: u8) -> u8 {
        self.byte().wrapping_sub(b'0') % count
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let count = u8::try_from(from.len()).expect("short lists");
        from[usize::from(self.below(count))].clone()
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Any number: eight bytes.
    pub(crate) fn number(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Everything that is left.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
