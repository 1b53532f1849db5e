//! The results for people: a table, a picture in the terminal, a picture as SVG.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::results::{Aim, Measured, rounded};

/// Columns of a whole bar; the aim's mark stands in the middle.
const BAR: usize = 40;
const AIM_AT: usize = BAR / 2;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// A table with aligned columns.
pub(crate) fn table(measured: &[Measured]) -> String {
    let head = ["what", "unit", "ours", "aim", "met", "floor", "peer"].map(str::to_owned);
    let row = |one: &Measured| {
        let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        [
            one.quantity.name.to_owned(),
            one.quantity.unit.to_owned(),
            optional(one.ours),
            aim(one.quantity.aim),
            match one.met() {
                Some(true) => "yes",
                Some(false) => "no",
                None => "-",
            }
            .to_owned(),
            optional(one.floor),
            optional(one.peer),
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(measured.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let style = match (at, row[4].as_str()) {
            (0, _) => FAINT,
            (_, "yes") => GOOD,
            _ => BAD,
        };
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            // Words stand to the left, numbers to the right.
            let padded = if matches!(column, 0 | 1 | 4) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            };
            if column == 4 { format!("{style}{padded}{style:#}") } else { padded }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// One line on an aim that was missed.
pub(crate) fn missed(one: &Measured) -> String {
    let ours = one.ours.map_or_else(|| "-".to_owned(), number);
    format!("{} is {ours} {}, the aim is {}", one.quantity.name, one.quantity.unit, aim(one.quantity.aim))
}

/// How much of an aim is reached: 1 is just met, more is better, whatever the direction.
fn reached(one: &Measured) -> f64 {
    // What could not be measured reaches nothing.
    let Some(ours) = one.ours else { return 0.0 };
    match one.quantity.aim {
        Aim::Above(aim) => ours / aim,
        Aim::Below(aim) => aim / ours.max(f64::MIN_POSITIVE),
        Aim::Told => 1.0,
    }
}

/// Where a bar ends, in columns: logarithmic, 1/10 of the aim at the left edge and 10 times at the right.
fn columns(reached: f64, whole: f64) -> f64 {
    (reached.max(f64::MIN_POSITIVE).log10() + 1.0).clamp(0.0, 2.0) / 2.0 * whole
}

/// Bars whose middle is the aim; what reaches beyond it meets it.
pub(crate) fn picture(measured: &[Measured]) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let names = measured.iter().map(|one| one.quantity.name.len()).max().unwrap_or(0);
    let mut text = format!("{:names$}  {FAINT}{:<AIM_AT$}│ aim{FAINT:#}\n", "", "a tenth of it");
    for one in measured {
        let eighths = (columns(reached(one), BAR as f64) * 8.0).round() as usize;
        let mut bar: Vec<char> = vec!['█'; eighths / 8];
        bar.push(EIGHTHS[eighths % 8]);
        bar.resize(BAR + 1, ' ');
        if bar[AIM_AT] == ' ' {
            bar[AIM_AT] = '│';
        }
        let bar: String = bar.into_iter().collect();
        let style = if one.met() == Some(false) { BAD } else { GOOD };
        let times = format!("{}x", number(reached(one)));
        let _ = writeln!(text, "{:names$}  {style}{}{style:#} {times}", one.quantity.name, bar.trim_end());
    }
    text
}

/// The same picture as an SVG file.
pub(crate) fn svg(measured: &[Measured]) -> String {
    const LEFT: f64 = 250.0;
    const WIDE: f64 = 400.0;
    let height = 40 + measured.len() * 30;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"780\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"780\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (at, one) in measured.iter().enumerate() {
        let y = 20 + at * 30;
        let fill = if one.met() == Some(false) { "#c62828" } else { "#2e7d32" };
        let wide = columns(reached(one), WIDE);
        let (name, unit) = (one.quantity.name, one.quantity.unit);
        let ours = one.ours.map_or_else(|| "-".to_owned(), number);
        let aim = aim(one.quantity.aim).replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            text,
            "<text x=\"10\" y=\"{}\">{name}</text><rect x=\"{LEFT}\" y=\"{y}\" width=\"{wide:.1}\" height=\"18\" fill=\"{fill}\"/>\
             <text x=\"{}\" y=\"{}\">{ours} {unit} ({aim})</text>",
            y + 14,
            LEFT + wide.max(WIDE / 2.0) + 8.0,
            y + 14,
        );
    }
    let middle = LEFT + WIDE / 2.0;
    let _ = writeln!(
        text,
        "<line x1=\"{middle}\" x2=\"{middle}\" y1=\"8\" y2=\"{}\" stroke=\"black\"/>\n</svg>",
        height - 12
    );
    text
}

/// A number with four significant digits, thousands set apart.
fn number(value: f64) -> String {
    let plain = rounded(value).to_string();
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

fn aim(aim: Aim) -> String {
    match aim {
        Aim::Above(value) => format!("> {}", number(value)),
        Aim::Below(value) => format!("< {}", number(value)),
        Aim::Told => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{LATENCY_P50, RUNS_PER_SECOND};

    fn both() -> [Measured; 2] {
        let one = |quantity, ours, peer| Measured {
            quantity,
            ours: Some(ours),
            floor: Some(20_000.0),
            peer,
            note: String::new(),
        };
        [one(RUNS_PER_SECOND, 12_345.6, Some(1_400.0)), one(LATENCY_P50, 3.0, None)]
    }

    #[test]
    fn columns_are_aligned() {
        let text = anstream::adapter::strip_str(&table(&both())).to_string();
        let expected = "\
what                      unit      ours       aim  met   floor   peer
handler.runs_per_second  runs/s  12,350  > 10,000  yes  20,000  1,400
handler.latency_p50_ms   ms           3     < 1.5  no   20,000      -
";
        let squeezed = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(squeezed(&text), squeezed(expected));
        let ends: Vec<_> = text.lines().map(|line| line.trim_end().chars().count()).collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "{text}");
    }

    #[test]
    fn a_missed_aim_is_one_line() {
        assert_eq!(missed(&both()[1]), "handler.latency_p50_ms is 3 ms, the aim is < 1.5");
    }

    #[test]
    fn a_bar_passes_the_aim_exactly_if_it_is_met() {
        let text = anstream::adapter::strip_str(&picture(&both())).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(!lines[1].contains('│') && lines[1].ends_with("1.235x"), "{text}");
        assert!(lines[2].contains('│') && lines[2].ends_with("0.5x"), "{text}");
    }

    #[test]
    fn a_tenth_of_the_aim_is_an_empty_bar_and_ten_times_a_whole_one() {
        let whole = [0.01, 0.1, 1.0, 10.0, 99.0].map(|reached| columns(reached, 40.0).round() as u32);
        assert_eq!(whole, [0, 0, 20, 40, 40]);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([1_234_567.0, 999.0, 0.5].map(number), ["1,235,000", "999", "0.5"]);
    }
}
