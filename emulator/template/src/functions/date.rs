//! Dates, with .NET's format strings.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use serde_json::Value;

use super::arguments::Arguments;
use crate::fault::Fault;
use crate::limits::Budget;

/// What `utcNow()` answers without a format.
const NOW: &str = "yyyyMMddTHHmmssZ";
/// .NET's default for a date with a time, in the invariant culture's short form.
const GENERAL: &str = "M/d/yyyy h:mm:ss tt";
const ISO: &str = "yyyy-MM-ddTHH:mm:ssZ";

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "datetimeadd" => add(arguments),
        "datetimefromepoch" => from_epoch(arguments),
        "datetimetoepoch" => to_epoch(arguments),
        _ => return None,
    })
}

/// `utcNow([format])` at an instant.
pub(crate) fn utc_now(now: Timestamp, arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(0, 1)?;
    let format = match arguments.get(0) {
        None => NOW,
        Some(_) => arguments.text(0)?,
    };
    shown(arguments, &now.to_zoned(TimeZone::UTC), format)
}

fn read(arguments: &Arguments<'_>, index: usize) -> Result<Zoned, Fault> {
    let text = arguments.text(index)?.trim();
    let instant = text.parse::<Timestamp>().or_else(|_| {
        // `20200407T145314Z` and `2020-04-07 14:53:14Z` are instants, too; bare dates are UTC.
        let bare = text.trim_end_matches('Z').trim_end_matches('z');
        let civil: DateTime = bare.parse()?;
        Ok(civil.to_zoned(TimeZone::UTC)?.timestamp())
    });
    instant
        .map(|instant| instant.to_zoned(TimeZone::UTC))
        .map_err(|_: jiff::Error| arguments.refuse(format!("'{text}' is no date and time")))
}

fn add(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(2, 3)?;
    let base = read(arguments, 0)?;
    let text = arguments.text(1)?;
    // jiff also reads `1 day`; Azure wants ISO 8601.
    let iso = text.trim_start_matches(['-', '+']).starts_with('P');
    let span: Option<Span> = text.parse().ok().filter(|_| iso);
    let span = span.ok_or_else(|| arguments.refuse(format!("'{text}' is no ISO 8601 duration")))?;
    let moved = base.checked_add(span);
    let moved = moved.map_err(|_| arguments.refuse("the date is out of range"))?;
    let format = match arguments.get(2) {
        Some(_) => arguments.text(2)?,
        // The reference's examples answer a base with a blank in .NET's general form.
        None if arguments.text(0)?.contains('T') => ISO,
        None => GENERAL,
    };
    shown(arguments, &moved, format)
}

fn from_epoch(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let instant = Timestamp::from_second(arguments.integer(0)?);
    let instant = instant.map_err(|_| arguments.refuse("the date is out of range"))?;
    shown(arguments, &instant.to_zoned(TimeZone::UTC), ISO)
}

fn to_epoch(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    Ok(read(arguments, 0)?.timestamp().as_second().into())
}

fn shown(arguments: &Arguments<'_>, date: &Zoned, format: &str) -> Result<Value, Fault> {
    if format.len() > 256 {
        return Err(arguments.refuse("the format is longer than 256 characters"));
    }
    let custom = match format {
        "" | "G" => "M/d/yyyy h:mm:ss tt",
        "d" => "M/d/yyyy",
        "D" => "dddd, MMMM d, yyyy",
        "g" => "M/d/yyyy h:mm tt",
        "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffZ",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "t" => "h:mm tt",
        "T" => "h:mm:ss tt",
        "u" => "yyyy-MM-dd HH:mm:ssZ",
        "y" | "Y" => "MMMM yyyy",
        "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        single if single.len() == 1 => {
            return Err(arguments.refuse(format!("the format '{single}' is not known")));
        }
        custom => custom,
    };
    Ok(write(date, custom).into())
}

/// .NET's custom format: runs of one letter stand for a part of the date.
fn write(date: &Zoned, format: &str) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if first == '\'' || first == '"' {
            let quoted = &rest[1..];
            let end = quoted.find(first).unwrap_or(quoted.len());
            text.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
            continue;
        }
        if first == '\\' {
            let mut characters = rest[1..].chars();
            text.extend(characters.next());
            rest = characters.as_str();
            continue;
        }
        let run = rest.chars().take_while(|c| *c == first).count();
        let length = run * first.len_utf8();
        match part(date, first, run) {
            Some(part) => text.push_str(&part),
            None => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    text
}

fn part(date: &Zoned, letter: char, run: usize) -> Option<String> {
    let number = |value: i64| format!("{value:0>width$}", width = run.min(2));
    let strftime = |format: &str| date.strftime(format).to_string();
    let hour12 = i64::from((date.hour() + 11) % 12 + 1);
    Some(match (letter, run) {
        ('y', 1 | 2) => number(i64::from(date.year() % 100)),
        ('y', _) => format!("{:0>run$}", date.year()),
        ('M', 1 | 2) => number(date.month().into()),
        ('M', 3) => strftime("%b"),
        ('M', _) => strftime("%B"),
        ('d', 1 | 2) => number(date.day().into()),
        ('d', 3) => strftime("%a"),
        ('d', _) => strftime("%A"),
        ('H', _) => number(date.hour().into()),
        ('h', _) => number(hour12),
        ('m', _) => number(date.minute().into()),
        ('s', _) => number(date.second().into()),
        ('f', 1..=7) => format!("{:09}", date.subsec_nanosecond())[..run].to_owned(),
        ('t', 1) => strftime("%p")[..1].to_owned(),
        ('t', _) => strftime("%p"),
        ('K', _) => "Z".to_owned(),
        ('z', 1 | 2) => format!("+{}", "0".repeat(run)),
        ('z', _) => "+00:00".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn dates_answer_as_the_reference_shows() {
        check(&[
            (
                "dateTimeAdd('2020-04-07 14:53:14Z', 'P3Y')",
                r#""4/7/2023 2:53:14 PM""#,
            ),
            (
                "dateTimeAdd('2020-04-07 14:53:14Z', '-P9D')",
                r#""3/29/2020 2:53:14 PM""#,
            ),
            (
                "dateTimeAdd('2020-04-07 14:53:14Z', 'PT1H')",
                r#""4/7/2020 3:53:14 PM""#,
            ),
            (
                "dateTimeAdd('2023-05-02T15:16:13Z', 'P1D')",
                r#""2023-05-03T15:16:13Z""#,
            ),
            (
                "dateTimeAdd('2023-01-31', 'P1M', 'yyyy-MM-dd')",
                r#""2023-02-28""#,
            ),
            ("dateTimeFromEpoch(1683040573)", r#""2023-05-02T15:16:13Z""#),
            ("dateTimeToEpoch('2023-05-02T15:16:13Z')", "1683040573"),
            (
                "dateTimeToEpoch(dateTimeAdd('2023-05-02T15:16:13Z', 'P1Y', 'u'))",
                "1714662973",
            ),
            (
                "dateTimeAdd('20200407T145314Z', 'PT0S', 'yyyyMMddTHHmmssZ')",
                r#""20200407T145314Z""#,
            ),
            (
                "dateTimeAdd('2020-04-07T14:03:04.5Z', 'PT0S', 'ddd d MMM yy, h:m:s.ff tt')",
                r#""Tue 7 Apr 20, 2:3:4.50 PM""#,
            ),
            (
                "dateTimeAdd('2020-04-07T00:03:04Z', 'PT0S', 'r')",
                r#""Tue, 07 Apr 2020 00:03:04 GMT""#,
            ),
        ]);
        check_refused(&[
            (
                "dateTimeAdd('yesterday', 'P1D')",
                "Unable to evaluate template language function 'dateTimeAdd': 'yesterday' is no date and time.",
            ),
            (
                "dateTimeAdd('2020-04-07T00:03:04Z', '1 day')",
                "Unable to evaluate template language function 'dateTimeAdd': '1 day' is no ISO 8601 duration.",
            ),
            (
                "utcNow()",
                "The template function 'utcNow' is not expected at this location: it belongs into the default value of a parameter.",
            ),
        ]);
    }
}
