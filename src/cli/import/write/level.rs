//! Digits above and below the line, which Markdown has no marks for.

const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ";
const LOWERED: &str = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙ";
const LEVEL: &str = "0123456789+-=()n";

/// `2` as `²`: 10<sup>6</sup> must not become 106.
pub fn superscript(c: char) -> Option<char> {
    let at = LEVEL.chars().position(|level| level == c)?;
    RAISED.chars().nth(at)
}

/// `2` as `₂`.
pub fn subscript(c: char) -> Option<char> {
    let at = LEVEL.chars().position(|level| level == c)?;
    LOWERED.chars().nth(at)
}

/// `²` and `₂` as `2`.
pub fn lowered(c: char) -> Option<char> {
    let at = RAISED.chars().position(|r| r == c).or_else(|| LOWERED.chars().position(|l| l == c))?;
    LEVEL.chars().nth(at)
}
