//! Lengths of time as people write them in scripts, configurations and test calls: `300ms`, `12s`, `31m`, `25h`.

use std::time::Duration;

/// A whole number and `ms`, `s`, `m` or `h`, with or without a space between; nothing for anything else, or over 100
/// days.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|symbol: char| !symbol.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(millis)?);
    (duration <= Duration::from_secs(100 * 24 * 3600)).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_and_a_unit_is_a_length_of_time() {
        assert_eq!(parse_duration("300ms"), Some(Duration::from_millis(300)));
        assert_eq!(parse_duration(" 12 s "), Some(Duration::from_secs(12)));
        assert_eq!(parse_duration("31m"), Some(Duration::from_secs(31 * 60)));
        assert_eq!(parse_duration("25h"), Some(Duration::from_secs(25 * 3600)));
        for bad in ["", "s", "12", "1.5s", "-3s", "3 weeks", "99999999999999999999s", "18446744073709551615h", "３s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
