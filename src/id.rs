//! The names things go by: accounts, idempotency keys, labels. Cheap to clone, bounded, free of control characters.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::text::{quoted, serde_as_text};

/// Why text is no id, key or label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not {what}: {rule}")]
pub struct IdError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl IdError {
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self { what, text: quoted(text), rule }
    }
}

macro_rules! visible_ascii {
    ($(#[$doc:meta])* $name:ident, $max:literal, $what:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(ShortText);

        impl $name {
            /// The longest text, in bytes.
            pub const MAX_LEN: usize = $max;

            /// From text of 1 to [`MAX_LEN`](Self::MAX_LEN) visible ASCII characters (no spaces).
            ///
            /// # Errors
            /// [`IdError`], quoting the text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
                if text.is_empty() || text.len() > Self::MAX_LEN || !visible {
                    return Err(IdError::new($what, text, $rule));
                }
                Ok(Self(ShortText::new(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        serde_as_text!($name);
    };
}

visible_ascii! {
    /// Whose balance it is: 1 to 128 visible ASCII characters, chosen by the host.
    ///
    /// Take it from the authenticated credential, never from what a caller claims.
    ///
    /// ```
    /// use billing_guard::AccountId;
    ///
    /// let account = AccountId::new("acct_42")?;
    /// assert_eq!(account.as_str(), "acct_42");
    /// assert!(AccountId::new("two words").is_err());
    /// # Ok::<(), billing_guard::IdError>(())
    /// ```
    AccountId, 128, "an account id", "expected 1 to 128 visible ASCII characters"
}

visible_ascii! {
    /// Which request it is: repeated with the same key, a request is applied once.
    ///
    /// 1 to 255 visible ASCII characters. A hold *is* (account, key), so the key also names the hold.
    ///
    /// ```
    /// use billing_guard::IdempotencyKey;
    ///
    /// let from_client = IdempotencyKey::new("req-7f3a")?;
    /// let made_here = IdempotencyKey::unique();
    /// assert_ne!(from_client, made_here);
    /// # Ok::<(), billing_guard::IdError>(())
    /// ```
    IdempotencyKey, 255, "an idempotency key", "expected 1 to 255 visible ASCII characters"
}

visible_ascii! {
    /// What a spend cap or a usage counter is about: an API key, a user, a team, the whole account. 1 to 128 visible
    /// ASCII characters, chosen by the host. Scopes belong to an account; the same name in another account is another.
    ///
    /// ```
    /// use billing_guard::ScopeId;
    ///
    /// let scope = ScopeId::new("api-key/7f3a")?;
    /// assert!(ScopeId::new("two words").is_err());
    /// # Ok::<(), billing_guard::IdError>(())
    /// ```
    ScopeId, 128, "a scope", "expected 1 to 128 visible ASCII characters"
}

impl ScopeId {
    /// The scope that counts courtesies of one label. No host can name it: it has a space in it.
    pub(crate) fn courtesy(label: &Label) -> Self {
        Self(ShortText::new(&format!("courtesy {label}")))
    }

    /// Reads a scope that was stored: one of a host's, or that of a courtesy.
    pub(crate) fn stored(text: &str) -> Result<Self, IdError> {
        match text.strip_prefix("courtesy ") {
            Some(label) => Label::new(label).map(|label| Self::courtesy(&label)),
            None => Self::new(text),
        }
    }
}

/// The name of a grant or a cap as people read it: "Spring campaign", "Daily budget of the test key". 1 to 64
/// characters, none a control character.
///
/// ```
/// use billing_guard::Label;
///
/// assert_eq!(Label::new("Zürich pilot")?.as_str(), "Zürich pilot");
/// assert!(Label::new("two\nlines").is_err());
/// # Ok::<(), billing_guard::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// The longest text, in characters.
    pub const MAX: usize = 64;

    /// From text of 1 to 64 characters, none a control character.
    ///
    /// # Errors
    /// [`IdError`], quoting the text.
    pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
        let text = text.as_ref();
        if text.is_empty() || !plain(text, Self::MAX) {
            return Err(IdError::new(
                "a label",
                text,
                "expected 1 to 64 characters, none a control character",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Label {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

serde_as_text!(Label);

impl IdempotencyKey {
    /// A key nobody else has: for work whose retries are all made in this process.
    ///
    /// 128 bits: a random start per process (from the standard library's hash seed) and a counter, mixed. Clients
    /// that retry over the network should send a key of their own instead.
    #[must_use]
    pub fn unique() -> Self {
        /// Two hash seeds, and the clock and process at the start: machines cloned with one entropy pool still differ.
        struct Start {
            seeds: [RandomState; 2],
            origin: (SystemTime, u32),
        }
        static START: OnceLock<Start> = OnceLock::new();
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let start = START.get_or_init(|| Start {
            seeds: [RandomState::new(), RandomState::new()],
            origin: (SystemTime::now(), std::process::id()),
        });
        let serial = COUNTER.fetch_add(1, Ordering::Relaxed);
        let hashes = start.seeds.each_ref().map(|seed| seed.hash_one((serial, start.origin)).to_be_bytes());
        let nibbles = hashes.as_flattened().iter().flat_map(|byte| [byte.wrapping_shr(4), byte & 0xf]);
        let mut text = [0_u8; 32];
        for (slot, nibble) in text.iter_mut().zip(nibbles) {
            *slot = if nibble < 10 {
                b'0'.wrapping_add(nibble)
            } else {
                b'a'.wrapping_add(nibble.wrapping_sub(10))
            };
        }
        Self(ShortText::from_ascii(&text))
    }

    /// A key made of parts that are visible ASCII and together at most 255 characters.
    pub(crate) fn derived(text: &str) -> Self {
        Self(ShortText::new(text))
    }

    /// The key of an entry that sums up forgotten ones; none is looked up by it.
    pub(crate) fn opening() -> Self {
        Self(ShortText::new("opening"))
    }
}

/// ASCII text that is kept in place if it is short, as ids and keys are: copying it touches no counter that threads
/// share, and whoever keeps it needs no memory of its own.
#[derive(Clone)]
enum ShortText {
    Inline { len: u8, bytes: [u8; Self::INLINE] },
    Shared(Arc<str>),
}

impl ShortText {
    /// Enough for a UUID. With the length and the tag five words.
    const INLINE: usize = 38;

    fn new(text: &str) -> Self {
        if text.len() <= Self::INLINE { Self::from_ascii(text.as_bytes()) } else { Self::Shared(text.into()) }
    }

    /// From text known to be ASCII, of which what does not fit is left out.
    fn from_ascii(text: &[u8]) -> Self {
        let mut bytes = [0; Self::INLINE];
        let len = text.len().min(Self::INLINE);
        if let (Some(slots), Some(text)) = (bytes.get_mut(..len), text.get(..len)) {
            slots.copy_from_slice(text);
        }
        Self::Inline { len: u8::try_from(len).unwrap_or_default(), bytes }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(text) => text.as_bytes(),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // ASCII, so it is text.
            Self::Inline { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ShortText {}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for ShortText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As text is hashed: the byte that ends it stands in no id.
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

/// Up to eight `name: value` pairs a host puts on work, kept on holds and entries: who, what for, which project.
///
/// Names are 1 to 64 and values 0 to 128 characters, without control characters. They are not part of what a
/// repeated key is compared by: two nodes may label the same request differently.
///
/// ```
/// use billing_guard::Labels;
///
/// let labels = Labels::new([("user", "ana"), ("project", "Zürich pilot")])?;
/// assert_eq!(labels.get("user"), Some("ana"));
/// # Ok::<(), billing_guard::IdError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Option<Arc<[Pair]>>);

/// A name and a value.
type Pair = (Box<str>, Box<str>);

impl Labels {
    /// The most pairs.
    pub const MAX: usize = 8;
    /// The longest name, in characters.
    pub const MAX_NAME: usize = 64;
    /// The longest value, in characters.
    pub const MAX_VALUE: usize = 128;

    /// Labels from pairs; a repeated name keeps the last value.
    ///
    /// # Errors
    /// [`IdError`] naming the first pair that is too long, has control characters or is one too many.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, IdError> {
        let mut kept = std::collections::BTreeMap::<Box<str>, Box<str>>::new();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            if name.is_empty() || !plain(name, Self::MAX_NAME) {
                return Err(IdError::new(
                    "a label name",
                    name,
                    "expected 1 to 64 characters, none a control character",
                ));
            }
            if !plain(value, Self::MAX_VALUE) {
                return Err(IdError::new(
                    "a label value",
                    value,
                    "expected up to 128 characters, none a control character",
                ));
            }
            kept.insert(name.into(), value.into());
            if kept.len() > Self::MAX {
                return Err(IdError::new("one label too many", name, "at most 8 labels"));
            }
        }
        Ok(Self((!kept.is_empty()).then(|| kept.into_iter().collect())))
    }

    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All pairs, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|pairs| pairs.iter()).map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// At most `max` characters and no control character (line breaks, bidirectional overrides and the like).
pub(crate) fn plain(text: &str, max: usize) -> bool {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().count() <= max && !text.chars().any(hostile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ids_behave_alike() {
        assert_eq!(size_of::<AccountId>(), 40);
        let texts: Vec<String> = (1..=128).flat_map(|len| ["a".repeat(len), "b".repeat(len)]).collect();
        let ids: Vec<AccountId> = texts.iter().map(|text| AccountId::new(text).unwrap()).collect();
        let known: std::collections::HashSet<_> = ids.iter().cloned().collect();
        assert_eq!(known.len(), 256);
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!((id.as_str(), id.to_string()), (text.as_str(), text.clone()));
            assert!(known.contains(&AccountId::new(text).unwrap()));
            for (other, its_text) in ids.iter().zip(&texts) {
                assert_eq!(id.cmp(other), text.cmp(its_text));
                assert_eq!(id == other, text == its_text);
            }
        }
    }

    #[test]
    fn each_limit_holds_on_both_sides() {
        assert!(AccountId::new("a".repeat(128)).is_ok());
        assert!(AccountId::new("a".repeat(129)).is_err());
        assert!(IdempotencyKey::new("k".repeat(255)).is_ok());
        assert!(IdempotencyKey::new("k".repeat(256)).is_err());
        let pairs = |count: usize| (0..count).map(|index| (format!("n{index}"), "v")).collect::<Vec<_>>();
        assert!(Labels::new(pairs(8)).is_ok());
        assert!(Labels::new(pairs(9)).is_err());
        assert!(ScopeId::new("s".repeat(128)).is_ok());
        assert!(ScopeId::new("s".repeat(129)).is_err());
        assert!(Label::new("é".repeat(64)).is_ok());
        assert!(Label::new("é".repeat(65)).is_err());
        assert!(Label::new("").is_err());
        assert!(Labels::new([("n".repeat(64), "v".repeat(128))]).is_ok());
        assert!(Labels::new([("n".repeat(65), "v")]).is_err());
        assert!(Labels::new([("n", "v".repeat(129))]).is_err());
    }

    #[test]
    fn bad_text_is_named_and_escaped() {
        for text in ["", "a b", "a\u{0}", "a\r\nX: y", "é", "a\u{7f}"] {
            assert!(AccountId::new(text).is_err(), "{text:?}");
        }
        let error = AccountId::new("a\r\nb").unwrap_err().to_string();
        assert_eq!(error, r#""a\r\nb" is not an account id: expected 1 to 128 visible ASCII characters"#);
        assert!(Labels::new([("user", "a\u{202e}b")]).is_err());
        assert!(Labels::new([("user", "tab\t")]).is_err());
    }

    #[test]
    fn unique_keys_differ_across_threads() {
        let keys = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..2_000).map(|_| IdempotencyKey::unique()).collect::<Vec<_>>()))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect::<std::collections::HashSet<_>>()
        });
        assert_eq!(keys.len(), 16_000);
    }
}
