//! The parts that every text for a reader has, whatever its language and tone.

/// What a reader is told, a sentence each, in this order. That they are fields is how no text can lack one.
#[derive(Debug)]
pub(super) struct ReaderText {
    /// What happened, and what ran and was charged.
    pub(super) happened: String,
    /// What was needed and what there is, where that may be read.
    pub(super) amounts: Option<String>,
    /// Why the limit is there.
    pub(super) why: String,
    /// What would fit, where anything smaller could.
    pub(super) fits: Option<String>,
    /// What the reader may want, as a question.
    pub(super) question: &'static str,
}

impl ReaderText {
    pub(super) fn joined(self) -> String {
        let Self { happened, amounts, why, fits, question } = self;
        let sentences =
            [Some(happened.as_str()), amounts.as_deref(), Some(&why), fits.as_deref(), Some(question)];
        sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
