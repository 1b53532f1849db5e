//! Reading a table as written: each key is asked for by name and type, and what nobody asked for is a problem.
//!
//! Serde would stop at the first problem; this goes on, so that all of them are told at once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use groundcrew_core::duration::Millis;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::defaults;
use super::problem::{Problem, ProblemKind, Problems, Quote, Span};
use super::settings::Allowance;

/// A table as written, and which keys were asked for.
pub(super) struct Section<'a> {
    /// What it is, for messages: `[hook.ip]`.
    pub(super) what: String,
    /// The table's name in the file.
    pub(super) at: Span,
    /// Under which name its defaults are listed: `hook.NAME`.
    defaults: String,
    table: &'a DeTable<'a>,
    asked: RefCell<Vec<Asked>>,
    problems: &'a Problems,
}

/// A key that means something here.
#[derive(PartialEq, Eq)]
struct Asked {
    key: String,
    kind: Known,
}

/// Whether a key is offered to whom mistyped it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Offered,
    Silently,
}

/// A value as written.
pub(super) type Written<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a Spanned<DeTable<'a>>, problems: &'a Problems) -> Self {
        Self::new("the file".to_owned(), 0..0, String::new(), table.get_ref(), problems)
    }

    fn new(what: String, at: Span, defaults: String, table: &'a DeTable<'a>, problems: &'a Problems) -> Self {
        Self { what, at, defaults, table, asked: RefCell::default(), problems }
    }

    /// The same table, read anew: what is wrong with it then is told to somebody else.
    pub(super) fn again<'b>(&self, problems: &'b Problems) -> Section<'b>
    where
        'a: 'b,
    {
        Section::new(self.what.clone(), self.at.clone(), self.defaults.clone(), self.table, problems)
    }

    /// Where a key's name stands.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.table.keys().find(|name| name.get_ref() == key).map(Spanned::span)
    }

    /// Where a key's name stands that is known but does not belong here: what is wrong with it is told elsewhere.
    pub(super) fn misplaced(&self, key: &str) -> Option<Span> {
        self.ask(key, Known::Silently);
        self.key_span(key)
    }

    fn ask(&self, key: &str, kind: Known) {
        self.asked.borrow_mut().push(Asked { key: key.to_owned(), kind });
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// The value of a key, whatever it is; from now on the key is known.
    pub(super) fn raw(&self, key: &str) -> Option<Written<'a>> {
        self.ask(key, Known::Offered);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    pub(super) fn text(&self, key: &str) -> Option<Spanned<&'a str>> {
        self.text_of(&format!("`{key}`"), self.raw(key)?)
    }

    pub(super) fn required_text(&self, key: &str, example: &str) -> Option<Spanned<&'a str>> {
        if !self.has(key) {
            self.lacks(ProblemKind::MissingKey, key, example);
        }
        self.text(key)
    }

    /// Tells that a key is missing; `example` is the line to write.
    pub(super) fn lacks(&self, kind: ProblemKind, key: &str, example: &str) {
        let problem = Problem::new(kind, self.at.clone(), format!("{} lacks `{key}`", self.what));
        self.problems.add(problem.label("here").help(format!("add: {example}")));
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &self,
        key: &str,
        kind: ProblemKind,
    ) -> Option<Spanned<T>> {
        let text = self.text(key)?;
        match text.get_ref().parse() {
            Ok(value) => Some(Spanned::new(text.span(), value)),
            Err(error) => {
                let problem = Problem::new(kind, text.span(), format!("`{key}`: {error}"));
                self.problems.add(problem.label("cannot be read"));
                None
            }
        }
    }

    /// A setting with a default in the table of defaults.
    pub(super) fn setting<T: FromStr<Err: Display + Debug>>(&self, key: &str, kind: ProblemKind) -> T {
        let written = self.parsed(key, kind).map(Spanned::into_inner);
        written.unwrap_or_else(|| defaults::of(&self.default_name(key)))
    }

    /// What a key is called in the table of defaults.
    fn default_name(&self, key: &str) -> String {
        if self.defaults.is_empty() { key.to_owned() } else { format!("{}.{key}", self.defaults) }
    }

    /// A length of time with a default, longer than nothing.
    pub(super) fn duration(&self, key: &str) -> Millis {
        let value: Millis = self.setting(key, ProblemKind::BadDuration);
        if value > Millis::ZERO {
            return value;
        }
        if let Some(text) = self.text(key) {
            let problem = Problem::new(
                ProblemKind::BadDuration,
                text.span(),
                format!("`{key}` must be longer than nothing"),
            );
            self.problems.add(problem.label("no time at all"));
        }
        value
    }

    /// A word out of a few.
    pub(super) fn choice<T: FromStr>(&self, key: &str, words: &[&str]) -> Option<T> {
        self.choose(&format!("`{key}`"), self.raw(key)?, words)
    }

    /// A word out of a few, with a default in the table of defaults.
    pub(super) fn choice_or_default<T: FromStr<Err: Debug>>(&self, key: &str, words: &[&str]) -> T {
        self.choice(key, words).unwrap_or_else(|| defaults::of(&self.default_name(key)))
    }

    pub(super) fn choose<T: FromStr>(&self, what: &str, value: Written<'a>, words: &[&str]) -> Option<T> {
        let text = self.text_of(what, value)?;
        let parsed = text.get_ref().parse().ok();
        if parsed.is_none() {
            let message = format!("{what} cannot be `{}`", text.get_ref());
            let problem =
                Problem::new(ProblemKind::BadChoice, text.span(), message).label("not one of the words");
            self.problems.add(problem.meant(text.get_ref(), words.iter().copied(), text.span(), Quote::Text));
        }
        parsed
    }

    /// A list of texts; nothing written is an empty list.
    pub(super) fn texts(&self, key: &str) -> Vec<Spanned<&'a str>> {
        let Some(value) = self.raw(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(&format!("`{key}`"), value, "a list of texts, such as [\"a\", \"b\"]");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text_of(&format!("an item of `{key}`"), item)).collect()
    }

    /// A whole number within bounds, with a default in the table of defaults.
    pub(super) fn number(&self, key: &str, bounds: std::ops::RangeInclusive<u32>) -> u32 {
        self.count(key, bounds).unwrap_or_else(|| defaults::of(&format!("{}.{key}", self.defaults)))
    }

    /// A whole number within bounds.
    pub(super) fn count(&self, key: &str, bounds: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let value = self.raw(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(&format!("`{key}`"), value, "a whole number");
            return None;
        };
        let number = u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            let message = format!("`{key}` must be from {} to {}", bounds.start(), bounds.end());
            self.problems
                .add(Problem::new(ProblemKind::BadAmount, value.span(), message).label("out of bounds"));
        }
        number
    }

    /// A share, a floor and a while, each with its default: `{ share = "10%", floor = 10, within = "1h" }`.
    pub(super) fn allowance(&self, key: &str) -> Allowance {
        let empty = DeTable::new();
        let nothing = Problems::default();
        let written = self.section(key);
        let defaults = format!("{}.{key}", self.defaults);
        let section = match &written {
            Some(written) => written,
            None => &Section::new(String::new(), 0..0, defaults, &empty, &nothing),
        };
        let percent: Percent = section.setting("share", ProblemKind::BadAmount);
        let allowance = Allowance {
            percent: percent.0,
            floor: section.number("floor", 0..=100_000),
            within: section.duration("within"),
        };
        if let Some(written) = written {
            written.end();
        }
        allowance
    }

    /// A table below this one.
    pub(super) fn section(&self, key: &str) -> Option<Self> {
        let value = self.raw(key)?;
        let name = if self.defaults.is_empty() { key.to_owned() } else { format!("{}.{key}", self.defaults) };
        let what = self.below(key);
        let at = self.key_span(key).unwrap_or_else(|| value.span());
        self.table_of(&what, value).map(|table| Self::new(what, at, name, table, self.problems))
    }

    /// The tables below a table of names: `[hook.ip]` and `[hook.dns]` below `hook`.
    pub(super) fn named(&self, key: &str) -> Vec<(&'a str, Section<'a>)> {
        let Some(tables) = self.raw(key).and_then(|value| self.table_of(&format!("`{key}`"), value)) else {
            return Vec::new();
        };
        let mut named = Vec::new();
        for (name, value) in tables {
            let what = self.below(&format!("{key}.{}", name.get_ref()));
            if let Some(table) = self.table_of(&what, value) {
                let below =
                    if self.defaults.is_empty() { String::new() } else { format!("{}.", self.defaults) };
                let section =
                    Self::new(what, name.span(), format!("{below}{key}.NAME"), table, self.problems);
                named.push((name.get_ref().as_ref(), section));
            }
        }
        named
    }

    fn below(&self, key: &str) -> String {
        let above = self.what.strip_suffix(']');
        above.map_or_else(|| format!("[{key}]"), |above| format!("{above}.{key}]"))
    }

    /// The entries of this table, whatever they are called.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Spanned<&'a str>, Written<'a>)> {
        let table: &'a DeTable<'a> = self.table;
        let entries =
            table.iter().map(|(name, value)| (Spanned::new(name.span(), name.get_ref().as_ref()), value));
        entries.inspect(|(name, _)| self.ask(name.get_ref(), Known::Offered))
    }

    pub(super) fn text_of(&self, what: &str, value: Written<'a>) -> Option<Spanned<&'a str>> {
        let text = value.get_ref().as_str().map(|text| Spanned::new(value.span(), text));
        if text.is_none() {
            self.wrong_type(what, value, "a text in quotation marks");
        }
        text
    }

    fn table_of(&self, what: &str, value: Written<'a>) -> Option<&'a DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(what, value, "a table");
        }
        table
    }

    pub(super) fn wrong_type(&self, what: &str, value: Written<'a>, expected: &str) {
        let problem =
            Problem::new(ProblemKind::WrongType, value.span(), format!("{what} must be {expected}"));
        self.problems.add(problem.label(format!("this is {}", with_article(value.get_ref()))));
    }

    /// Tells of every key that nobody asked for.
    pub(super) fn end(&self) {
        let asked = self.asked.borrow();
        for name in self.table.keys().filter(|name| !asked.iter().any(|asked| asked.key == *name.get_ref())) {
            let message = format!("{} has no key `{}`", self.what, name.get_ref());
            let problem =
                Problem::new(ProblemKind::UnknownKey, name.span(), message).label("nothing reads this");
            let offered =
                asked.iter().filter(|asked| asked.kind == Known::Offered).map(|asked| asked.key.as_str());
            let free: BTreeSet<_> = offered.filter(|key| !self.table.contains_key(*key)).collect();
            self.problems.add(problem.meant(name.get_ref(), free, name.span(), Quote::Bare));
        }
    }

    pub(super) fn problem(&self, problem: Problem) {
        self.problems.add(problem);
    }
}

fn with_article(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    format!("{} {kind}", if kind.starts_with(['a', 'i']) { "an" } else { "a" })
}

/// A share in percent: `10%`.
#[derive(Debug)]
struct Percent(u32);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number =
            text.strip_suffix('%').and_then(|number| number.parse().ok()).filter(|number| *number <= 100);
        number
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no share; write a whole number from 0 to 100 and `%`"))
    }
}

/// A value as JSON; dates become texts.
pub(super) fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(integer) => i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix())
            .map_or(Value::Null, Value::from),
        DeValue::Float(float) => {
            float.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from)
        }
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => table_json(table),
    }
}

/// A table as JSON.
pub(super) fn table_json(table: &DeTable<'_>) -> Value {
    let fields = table.iter().map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref())));
    Value::Object(fields.collect())
}

impl Section<'_> {
    /// The whole table as JSON.
    pub(super) fn json(&self) -> Value {
        table_json(self.table)
    }
}
