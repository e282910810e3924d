//! Patterns in words.

use super::DAYS;

/// Fixed times on some weekdays, the pattern that people write, in words.
pub(super) fn simple(pattern: &str) -> Option<String> {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    let [minutes, hours, "*", "*", days] = fields.as_slice() else { return None };
    let numbers = |text: &str| -> Option<Vec<u8>> { text.split(',').map(|part| part.parse().ok()).collect() };
    let (minutes, hours) = (numbers(minutes)?, numbers(hours)?);
    let mut times = Vec::new();
    for hour in &hours {
        times.extend(minutes.iter().map(|minute| format!("{hour:02}:{minute:02}")));
    }
    let times = match times.split_last()? {
        (last, []) => last.clone(),
        (last, rest) => format!("{} and {last}", rest.join(", ")),
    };
    if *days == "*" {
        return Some(format!("at {times}, every day"));
    }
    let day = |text: &str| -> Option<&'static str> {
        let upper = text.to_ascii_uppercase();
        let index = match upper.parse::<usize>() {
            Ok(number) => number % 7,
            Err(_) => DAYS.iter().position(|day| *day == upper)?,
        };
        ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].get(index).copied()
    };
    let days: Option<Vec<String>> = days
        .split(',')
        .map(|part| match part.split_once('-') {
            Some((from, to)) => Some(format!("{} to {}", day(from)?, day(to)?)),
            None => day(part).map(str::to_owned),
        })
        .collect();
    Some(format!("at {times}, {}", days?.join(", ")))
}
