//! Tables for people: aligned, without lines, as wide as what is in them.

use super::paint::{Tone, paint};

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in a tone.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }

    /// A cell that is empty where there is nothing to say.
    pub fn or_nothing(text: Option<impl Into<String>>) -> Self {
        text.map_or_else(Self::default, |text| Self { text: text.into(), tone: Tone::Plain })
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// Rows under headings; the last column may be as long as it likes.
#[derive(Clone, Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

const GAP: usize = 2;

impl Table {
    /// A table with these headings; a table without rows is empty text.
    pub fn new<const N: usize>(headings: [&'static str; N]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), indent: 0 }
    }

    /// The same, moved to the right.
    #[must_use]
    pub fn indented(mut self, by: usize) -> Self {
        self.indent = by;
        self
    }

    /// Adds a row; what is missing on its right stays empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Draws it, each line with its end. Columns in which no row says anything are left out.
    pub fn draw(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths: Vec<_> = (0..self.headings.len()).map(|column| self.width(column)).collect();
        let headings: Vec<_> = self.headings.iter().map(|text| Cell::toned(Tone::Faint, *text)).collect();
        let lines = std::iter::once(&headings).chain(&self.rows);
        lines.map(|cells| self.line(cells, &widths)).collect()
    }

    fn width(&self, column: usize) -> usize {
        let width = |cell: Option<&Cell>| cell.map_or(0, |cell| cell.text.chars().count());
        let said = self.rows.iter().map(|row| width(row.get(column))).max().unwrap_or(0);
        if said == 0 { 0 } else { said.max(self.headings[column].chars().count()) }
    }

    fn line(&self, cells: &[Cell], widths: &[usize]) -> String {
        let mut line = " ".repeat(self.indent);
        let mut pad = 0;
        for (cell, width) in cells.iter().zip(widths).filter(|(_, width)| **width > 0) {
            if !cell.text.is_empty() {
                line.push_str(&" ".repeat(pad));
                line.push_str(&paint(cell.tone, &cell.text));
                pad = 0;
            }
            pad += width - cell.text.chars().count() + GAP;
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Table::new(["NAME", "NOTE", "AGE"]).indented(2);
        assert_eq!(table.draw(), "");
        table.row(["A/x".into(), Cell::default(), "9 d".into()]);
        table.row(["CNAME/é".into(), Cell::or_nothing(None::<String>), "41 ms".into()]);
        let plain = anstream::adapter::strip_str(&table.draw()).to_string();
        assert_eq!(plain, "  NAME     AGE\n  A/x      9 d\n  CNAME/é  41 ms\n");
    }
}
