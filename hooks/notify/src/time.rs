//! RFC 3339 to Unix seconds, for the one header that needs it.

/// Seconds since 1970 of a time such as `2026-11-21T12:00:03.5+01:00`; none for what is no such time.
pub(crate) fn unix_seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u16>().ok().map(i64::from);
    let fits = |at: usize, all: &[u8]| text.as_bytes().get(at).is_some_and(|byte| all.contains(byte));
    let separated = fits(4, b"-") && fits(7, b"-") && fits(10, b"Tt ") && fits(13, b":") && fits(16, b":");
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let legal =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    (separated && legal).then_some(())?;
    Some(seconds - offset(zone)?)
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse::<u8>().ok()?.into(), minutes.parse::<u8>().ok()?.into());
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Days since 1970-01-01 in the Gregorian calendar, with the year beginning in March so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::unix_seconds;

    #[test]
    fn known_times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-21T12:00:03Z", 1_795_262_403),
            ("2026-11-21T12:00:03.999Z", 1_795_262_403),
            ("2026-11-21T13:00:03+01:00", 1_795_262_403),
            ("2026-11-21T04:30:03-07:30", 1_795_262_403),
        ] {
            assert_eq!(unix_seconds(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-11-21T12:00:03",
            "2026-11-21T12:00:03+1",
            "2026/11/21T12:00:03Z",
        ] {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}
