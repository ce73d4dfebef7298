//! What must not be seen: keyed digits, identity numbers, names. A [`Secret`] has no clear `Debug`, no `Display`, no
//! `Serialize`, and wipes itself when dropped.

use std::fmt;

use zeroize::Zeroize;

/// A value that reaches no log, trace, call record, metric or error. To use it, say so with [`Secret::reveal`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value into keeping.
    pub const fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The value itself. Every call of this is a place to look at in a review.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value itself, to change.
    pub const fn reveal_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(·)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
