//! Which shape and which language a client would rather have: [`Renderer::negotiate`].

use super::{Renderer, Shape};

/// The most of an `Accept` or `Accept-Language` that is looked at, in bytes, and the most items of it. No client that
/// means it sends more.
const MAX_HEADER: usize = 4 * 1024;
const MAX_ITEMS: usize = 32;

impl Renderer {
    /// The same for one request, in the shape and the language that its `Accept` and `Accept-Language` ask for. What
    /// cannot be read there is passed over, and where nothing fits the host's own choice stays: a refusal is better read
    /// in another form than not at all.
    ///
    /// | type asked for | shape |
    /// |---|---|
    /// | that of the host's shape, `application/json` for all that are JSON | the host's |
    /// | `application/json`, where the host's shape is none | [`FlatWithError`](Shape::FlatWithError), which most clients read |
    /// | `application/problem+json` | [`Problem`](Shape::Problem) |
    /// | `text/plain` | [`Text`](Shape::Text) |
    /// | `text/event-stream` | [`Event`](Shape::Event) |
    ///
    /// Of types that are asked for equally the host's comes first, then as in the table. Languages are those of the
    /// catalogues given by [`with_messages`](Self::with_messages) and [`with_language`](Self::with_language): `de-CH`
    /// finds `de`, `de` finds `de-AT`, and of equals the client's first one counts.
    ///
    /// The answer says in `Vary` what it depends on.
    ///
    /// ```
    /// use billing_guard::{Refusal, Renderer, Shape};
    ///
    /// let renderer = Renderer::new(Shape::FlatWithError);
    /// let shape = |accept| renderer.negotiate(Some(accept), None).shape();
    /// assert_eq!(shape("application/problem+json, application/json;q=0.5"), Shape::Problem);
    /// assert_eq!(shape("text/html, */*;q=0.1"), Shape::FlatWithError);
    /// assert_eq!(shape("image/png"), Shape::FlatWithError);
    /// let answer = renderer.negotiate(Some("text/plain"), None).render(&Refusal::Duplicate);
    /// assert_eq!(answer.header("vary"), Some("accept"));
    /// ```
    #[must_use]
    pub fn negotiate(&self, accept: Option<&str>, accept_language: Option<&str>) -> Self {
        let mut chosen = self.clone();
        if let Some(shape) = accept.and_then(|accept| best_shape(accept, self.shape)) {
            chosen.shape = shape;
        }
        chosen.vary = Some("accept");
        if !self.languages.is_empty() {
            chosen.vary = Some("accept, accept-language");
            let tags: Vec<_> = self.catalogues().map(|messages| messages.language()).collect();
            let best = accept_language.and_then(|accepted| best_language(accepted, &tags));
            let other = best.and_then(|index| chosen.languages.get_mut(index.checked_sub(1)?));
            if let Some(other) = other {
                std::mem::swap(&mut chosen.messages, other);
            }
        }
        chosen
    }
}

/// The shape that is asked for most, if any is asked for at all.
fn best_shape(accept: &str, own: Shape) -> Option<Shape> {
    let ranges: Vec<(&str, u16)> = items(accept).collect();
    let json = if is_json(own) { own } else { Shape::FlatWithError };
    let own_type = essence(own.content_type());
    let candidates = [
        (own_type, own),
        ("application/json", json),
        ("application/problem+json", Shape::Problem),
        ("text/plain", Shape::Text),
        ("text/event-stream", Shape::Event),
    ];
    let mut best: Option<(u16, Shape)> = None;
    for (media_type, shape) in candidates {
        let asked = quality(&ranges, media_type);
        if asked > best.map_or(0, |(quality, _)| quality) {
            best = Some((asked, shape));
        }
    }
    best.map(|(_, shape)| shape)
}

/// Whether a client that asks for JSON gets what it can read.
fn is_json(shape: Shape) -> bool {
    let media_type = essence(shape.content_type());
    media_type == "application/json" || media_type.ends_with("+json")
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or(media_type).trim()
}

/// How much a type is asked for, in thousandths: what the range that fits it most closely says.
fn quality(ranges: &[(&str, u16)], media_type: &str) -> u16 {
    let kind = media_type.split('/').next().unwrap_or(media_type);
    let closeness = |range: &str| {
        if range.eq_ignore_ascii_case(media_type) {
            return Some(2);
        }
        let (range_kind, rest) = range.split_once('/')?;
        match (range_kind, rest) {
            ("*", "*") => Some(0),
            (same, "*") if same.eq_ignore_ascii_case(kind) => Some(1),
            _ => None,
        }
    };
    let fitting = ranges.iter().filter_map(|(range, quality)| Some((closeness(range)?, *quality)));
    fitting.max().map_or(0, |(_, quality)| quality)
}

/// The index of the language that is asked for most, if any is asked for at all.
fn best_language(accepted: &str, tags: &[impl AsRef<str>]) -> Option<usize> {
    let ranges: Vec<(&str, u16)> = items(accepted).collect();
    let refused =
        |tag: &str| ranges.iter().any(|(range, quality)| *quality == 0 && range.eq_ignore_ascii_case(tag));
    let found = |range: &str| {
        let any = |fits: &dyn Fn(&str) -> bool| {
            tags.iter().position(|tag| !refused(tag.as_ref()) && fits(tag.as_ref()))
        };
        any(&|tag| tag.eq_ignore_ascii_case(range))
            .or_else(|| any(&|tag| range == "*" || is_within(range, tag)))
            .or_else(|| any(&|tag| is_within(tag, range)))
    };
    let mut best: Option<(u16, usize)> = None;
    for (range, asked) in &ranges {
        if *asked > best.map_or(0, |(quality, _)| quality)
            && let Some(index) = found(range)
        {
            best = Some((*asked, index));
        }
    }
    best.map(|(_, index)| index)
}

/// Whether `narrow` is `wide` with more subtags, as `de-CH` is within `de`.
fn is_within(narrow: &str, wide: &str) -> bool {
    let same = narrow.get(..wide.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(wide));
    same && narrow.get(wide.len()..).is_some_and(|rest| rest.starts_with('-'))
}

/// The items of a list such as `a;q=0.5, b`, with their quality in thousandths. Items that cannot be read are not there.
fn items(header: &str) -> impl Iterator<Item = (&str, u16)> {
    let mut end = header.len().min(MAX_HEADER);
    while !header.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    header.get(..end).unwrap_or_default().split(',').take(MAX_ITEMS).filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let value = parts.next().filter(|value| !value.is_empty())?;
        // Other parameters narrow a range to what we do not have several of.
        let named = parts.filter_map(|parameter| parameter.split_once('='));
        let mut qualities = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
        match qualities.next() {
            Some((_, text)) => Some((value, thousandths(text.trim())?)),
            None => Some((value, 1_000)),
        }
    })
}

/// `0` to `1` with up to three decimal places.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits_only = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || !digits_only || fraction.len() > 3 {
        return None;
    }
    let thousandths = format!("{whole}{fraction:0<3}").parse().ok()?;
    (thousandths <= 1_000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shape_that_is_asked_for_most_wins_and_the_hosts_among_equals() {
        use Shape::{Event, Flat, FlatWithError, Problem, Text};
        for (accept, own, wanted) in [
            ("*/*", FlatWithError, Some(FlatWithError)),
            ("application/json", FlatWithError, Some(FlatWithError)),
            ("application/json", Problem, Some(Problem)),
            ("application/json", Text, Some(FlatWithError)),
            ("application/json", Event, Some(FlatWithError)),
            ("application/*", Text, Some(FlatWithError)),
            ("text/*", Flat, Some(Text)),
            ("text/event-stream", Flat, Some(Event)),
            ("text/event-stream, application/json", Flat, Some(Flat)),
            ("application/problem+json", Flat, Some(Problem)),
            ("application/problem+json, application/json", Flat, Some(Flat)),
            ("application/problem+json, application/json;q=0.9", Flat, Some(Problem)),
            ("APPLICATION/Problem+JSON;charset=utf-8 , */*; Q=0.8", Flat, Some(Problem)),
            // The closest range counts, not the kindest.
            ("*/*;q=1, application/json;q=0.1, text/plain;q=0.2", Flat, Some(Problem)),
            ("application/json;q=0, */*;q=0.5", Flat, Some(Problem)),
            ("application/*;q=0, text/plain;q=0.001", Flat, Some(Text)),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                FlatWithError,
                Some(FlatWithError),
            ),
            ("image/png", Flat, None),
            ("*/*;q=0", Flat, None),
            ("", Flat, None),
            (",;,q=1,;q=,/,*,*/", Flat, None),
            ("text/plain;q=2", Flat, None),
            ("text/plain;q=1.001", Flat, None),
            ("text/plain;q=0.1234", Flat, None),
            ("text/plain;q=-1", Flat, None),
            ("text/plain;q=0.\u{0665}", Flat, None),
        ] {
            assert_eq!(best_shape(accept, own), wanted, "{accept} for {own}");
        }
    }

    #[test]
    fn a_custom_shape_is_found_by_its_own_type() {
        let xml = Shape::custom("xml", "application/xml; charset=utf-8", |_| Vec::new());
        assert_eq!(best_shape("application/xml", xml), Some(xml));
        assert_eq!(best_shape("application/json", xml), Some(Shape::FlatWithError));
        let json = Shape::custom("hal", "application/hal+json", |_| Vec::new());
        assert_eq!(best_shape("application/json", json), Some(json));
    }

    #[test]
    fn languages_are_found_by_tag_and_by_what_contains_it() {
        let tags = ["en", "de", "pt-BR"];
        for (accepted, wanted) in [
            ("de", Some(1)),
            ("DE", Some(1)),
            ("de-CH, en;q=0.9", Some(1)),
            ("pt", Some(2)),
            ("pt-PT", None),
            ("fr, de;q=0.4, en;q=0.3", Some(1)),
            ("en, de", Some(0)),
            ("de, en", Some(1)),
            ("de;q=0, *", Some(0)),
            ("en;q=0, *", Some(1)),
            ("*", Some(0)),
            ("*;q=0", None),
            ("dex", None),
            ("fr", None),
            ("-, ;q=1, d", None),
        ] {
            assert_eq!(best_language(accepted, &tags), wanted, "{accepted}");
        }
    }

    #[test]
    fn the_work_is_bounded() {
        let late = |before: usize| format!("{}text/plain", "a/b,".repeat(before));
        assert_eq!(best_shape(&late(MAX_ITEMS - 1), Shape::Flat), Some(Shape::Text));
        assert_eq!(best_shape(&late(MAX_ITEMS), Shape::Flat), None);
        let spaced = |spaces: usize| format!("{}text/plain", " ".repeat(spaces));
        assert_eq!(best_shape(&spaced(MAX_HEADER - 10), Shape::Flat), Some(Shape::Text));
        assert_eq!(best_shape(&spaced(MAX_HEADER - 9), Shape::Flat), None);
        // A character across the limit.
        assert_eq!(best_shape(&"\u{fc}".repeat(MAX_HEADER), Shape::Flat), None);
    }

    proptest! {
        #[test]
        fn nonsense_is_tolerated(accept in "\\PC{0,200}", more in "[*/;,=q01.a-]{0,200}") {
            for header in [&accept, &more] {
                let _ = best_shape(header, Shape::Flat);
                let _ = best_language(header, &["en", "de"]);
            }
        }

        #[test]
        fn what_is_refused_is_not_chosen(others in prop::collection::vec("[a-z]{1,8}/[a-z]{1,8}(;q=0\\.[1-9])?", 0..6)) {
            let header = format!("{}, application/json;q=0", others.join(","));
            let chosen = best_shape(&header, Shape::Flat);
            prop_assert!(chosen != Some(Shape::Flat), "{header}");
        }
    }
}
