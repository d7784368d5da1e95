//! What each field of LiteLLM's table is the price of, and for which requests.

use crate::price::litellm::scope::Scope;

/// The field that is a price per request instead of per unit.
pub(super) const FIXED_FIELD: &str = "input_cost_per_request";

/// The fields that are used, and the quantity that each prices: one of it, unless the field's name says how many. The
/// documentation of `from_litellm` repeats this; a test compares the two.
pub(super) const QUANTITIES: [(&str, &str); 41] = [
    ("input_cost_per_token", "input_tokens"),
    ("output_cost_per_token", "output_tokens"),
    ("output_cost_per_reasoning_token", "output_reasoning_tokens"),
    ("cache_read_input_token_cost", "cache_read_input_tokens"),
    ("explicit_cache_read_input_token_cost", "explicit_cache_read_input_tokens"),
    ("cache_creation_input_token_cost", "cache_creation_input_tokens"),
    ("cache_creation_input_token_cost_above_1hr", "cache_creation_1h_input_tokens"),
    ("cache_creation_input_token_cost_above_12hr", "cache_creation_12h_input_tokens"),
    ("input_cost_per_audio_token", "input_audio_tokens"),
    ("output_cost_per_audio_token", "output_audio_tokens"),
    ("cache_read_input_audio_token_cost", "cache_read_input_audio_tokens"),
    ("cache_creation_input_audio_token_cost", "cache_creation_input_audio_tokens"),
    ("input_cost_per_image_token", "input_image_tokens"),
    ("output_cost_per_image_token", "output_image_tokens"),
    ("cache_read_input_image_token_cost", "cache_read_input_image_tokens"),
    ("input_cost_per_video_token", "input_video_tokens"),
    ("output_cost_per_video_token", "output_video_tokens"),
    ("citation_cost_per_token", "citation_tokens"),
    ("input_cost_per_character", "input_characters"),
    ("output_cost_per_character", "output_characters"),
    ("input_cost_per_image", "input_images"),
    ("output_cost_per_image", "output_images"),
    ("input_cost_per_pixel", "input_pixels"),
    ("output_cost_per_pixel", "output_pixels"),
    ("input_cost_per_second", "input_seconds"),
    ("output_cost_per_second", "output_seconds"),
    ("input_cost_per_audio_per_second", "input_audio_seconds"),
    ("input_cost_per_video_per_second", "input_video_seconds"),
    ("output_cost_per_video_per_second", "output_video_seconds"),
    ("input_cost_per_query", "queries"),
    ("input_cost_per_text_message", "input_text_messages"),
    ("ocr_cost_per_page", "pages"),
    ("annotation_cost_per_page", "annotated_pages"),
    ("ocr_cost_per_credit", "ocr_credits"),
    ("google_maps_grounding_cost_per_query", "map_searches"),
    ("code_interpreter_cost_per_session", "code_interpreter_sessions"),
    ("computer_use_input_cost_per_1k_tokens", "computer_use_input_tokens"),
    ("computer_use_output_cost_per_1k_tokens", "computer_use_output_tokens"),
    ("file_search_cost_per_1k_calls", "file_searches"),
    ("file_search_cost_per_gb_per_day", "file_search_gb_days"),
    ("vector_store_cost_per_gb_per_day", "vector_store_gb_days"),
];

/// Fields that state the price of another once more, under a name that was used before.
pub(super) const SYNONYMS: [(&str, &str); 2] = [
    ("cost_per_second", "input_cost_per_second"),
    ("input_cost_per_token_cache_hit", "cache_read_input_token_cost"),
];

/// The field that prices searches, by how much they put into the context.
pub(super) const SEARCHES: &str = "search_context_cost_per_query";

pub(super) const SEARCH_SIZES: [(&str, &str); 3] = [
    ("search_context_size_low", "low_context_searches"),
    ("search_context_size_medium", "medium_context_searches"),
    ("search_context_size_high", "high_context_searches"),
];

/// The quantities whose sum is the input of a request.
pub(super) const INPUT: [&str; 12] = [
    "input_tokens",
    "cache_read_input_tokens",
    "explicit_cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens",
    "cache_creation_12h_input_tokens",
    "input_audio_tokens",
    "cache_read_input_audio_tokens",
    "cache_creation_input_audio_tokens",
    "input_image_tokens",
    "cache_read_input_image_tokens",
    "input_video_tokens",
];

/// How many results a search was asked for, where that decides its price. It costs nothing itself.
pub(super) const RESULTS: &str = "max_results";

/// The fields that multiply the price of every token, and the label of the work that they are for.
pub(super) const FACTORS: [(&str, (&str, &str)); 4] = [
    ("regional_processing_uplift_multiplier_eu", ("data_residency", "eu")),
    ("regional_processing_uplift_multiplier_us", ("data_residency", "us")),
    ("fedramp_uplift_multiplier", ("data_residency", "fedramp")),
    ("regional_endpoint_uplift_multiplier", ("endpoint", "regional")),
];

/// The same among the members of [`SPECIFIC`].
pub(super) const SPECIFIC_FACTORS: [(&str, (&str, &str)); 2] =
    [("us", ("inference_geo", "us")), ("fast", ("speed", "fast"))];

/// The field of what one provider alone has.
pub(super) const SPECIFIC: &str = "provider_specific_entry";

/// Its member that says how many images of each request are free.
pub(super) const FREE_IMAGES: &str = "minimax_free_input_images";

/// Its members that say nothing about the price.
pub(super) const NOT_PRICES: [&str; 4] = [
    "bedrock_invocation_schema",
    "dashscope_video_reference_input",
    "transcription_json_or_text_only",
    "volcengine_video_frames",
];

/// What a field that is not used has in its name when it says something about the price. Rather one too many: such a
/// field is only reported.
pub(super) const PRICE_WORDS: [&str; 8] =
    ["cost", "pric", "uplift", "multiplier", "free_requests", "billing_unit", "discount", SPECIFIC];

/// How a field's name ends for a service tier, and what the label `tier` of the work is then.
const TIERS: [(&str, &str); 6] = [
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_balanced", "balanced"),
    ("_ultrafast", "ultrafast"),
    ("_decisions", "decisions"),
];

/// The fields whose names may go on with a resolution.
const BY_RESOLUTION: [&str; 2] = ["output_cost_per_second", "output_cost_per_image"];

/// What a field is the price of (`None` for that of a request), and for which requests; `None` if it is not known.
pub(super) fn known(field: &str) -> Option<(Option<&'static str>, Scope)> {
    let (name, mut scope) = scope_of(field);
    if name == FIXED_FIELD {
        return Some((None, scope));
    }
    let quantity_of = |name: &str| QUANTITIES.iter().find(|(known, _)| *known == name);
    if let Some((_, quantity)) = quantity_of(name) {
        return Some((Some(*quantity), scope));
    }
    let (name, resolution) = name.rsplit_once('_')?;
    if !BY_RESOLUTION.contains(&name) || !is_resolution(resolution) {
        return None;
    }
    scope.resolution = Some(resolution.to_owned());
    quantity_of(name).map(|(_, quantity)| (Some(*quantity), scope))
}

/// The power of ten that a field's price is for.
pub(super) fn power(field: &str) -> u8 {
    if field.contains("_per_1k_") { 3 } else { 0 }
}

/// What is left of a field's name without what says for which requests it is.
fn scope_of(field: &str) -> (&str, Scope) {
    let tier = TIERS.iter().find_map(|(end, tier)| Some((field.strip_suffix(end)?, *tier)));
    let (name, tier) = tier.map_or((field, None), |(name, tier)| (name, Some(tier)));
    let above = name.strip_suffix("_tokens").and_then(|name| {
        let (name, bound) = name.rsplit_once("_above_")?;
        let (bound, thousand) = bound.strip_suffix('k').map_or((bound, 1), |bound| (bound, 1_000));
        Some((name, u64::from(bound.parse::<u32>().ok()?).saturating_mul(thousand)))
    });
    let (name, above) = above.map_or((name, None), |(name, bound)| (name, Some(bound)));
    (name, Scope { tier, above, ..Scope::default() })
}

/// Whether it is one of an image or a video: `1080p`, `4k`, `0.5K`, `1024`.
fn is_resolution(text: &str) -> bool {
    let number = text.strip_suffix(['p', 'k', 'K']).unwrap_or(text);
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_of_what_and_for_which_requests_it_is() {
        let of = |tier, above| Scope { tier, above, ..Scope::default() };
        let sized = |text: &str| Scope { resolution: Some(text.to_owned()), ..Scope::default() };
        let hour = "cache_creation_input_token_cost_above_1hr_above_272k_tokens_priority";
        for (field, quantity, wanted) in [
            ("input_cost_per_token", "input_tokens", Scope::default()),
            ("input_cost_per_token_batches", "input_tokens", of(Some("batch"), None)),
            ("input_cost_per_token_above_128k_tokens", "input_tokens", of(None, Some(128_000))),
            ("input_cost_per_token_above_512_tokens", "input_tokens", of(None, Some(512))),
            (hour, "cache_creation_1h_input_tokens", of(Some("priority"), Some(272_000))),
            ("output_cost_per_second_1080p", "output_seconds", sized("1080p")),
            ("output_cost_per_second_4k", "output_seconds", sized("4k")),
            ("output_cost_per_image_0.5K", "output_images", sized("0.5K")),
            ("output_cost_per_image_1536", "output_images", sized("1536")),
            ("output_cost_per_image_token", "output_image_tokens", Scope::default()),
            ("file_search_cost_per_1k_calls", "file_searches", Scope::default()),
        ] {
            assert_eq!(known(field), Some((Some(quantity), wanted)), "{field}");
        }
        assert_eq!(known(FIXED_FIELD), Some((None, Scope::default())));
        for field in [
            "input_cost_per_video_per_second_above_15s_interval",
            "input_cost_per_token_above_k_tokens",
            "input_cost_per_token_above_1.5k_tokens",
            "output_cost_per_second_",
            "output_cost_per_second_hd",
            "output_cost_per_second_p",
            "output_cost_per_pixel_1080p",
            "input_cost_per_second_1080p",
            "input_dbu_cost_per_token",
            "mode",
        ] {
            assert_eq!(known(field), None, "{field}");
        }
        assert_eq!((power("file_search_cost_per_1k_calls"), power("input_cost_per_token")), (3, 0));
    }
}
