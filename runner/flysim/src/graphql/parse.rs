//! A hand-written parser of the queries that clients send: selections, arguments, variables,
//! fragments. Directives and type conditions are read and ignored.

use std::collections::HashMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::{Map, Value};

/// A parsed document: the first operation's root selection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) mutation: bool,
    pub(crate) fields: Vec<Field>,
}

/// A selected field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    alias: Option<String>,
    pub(crate) name: String,
    arguments: Vec<(String, Given)>,
    pub(crate) fields: Vec<Field>,
    /// `...name`: replaced by the fragment's fields once all of them are known.
    spread: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Given {
    Variable(String),
    Value(Value),
    Object(Vec<(String, Given)>),
    List(Vec<Given>),
}

impl Field {
    /// The key in the answer.
    pub(crate) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// The arguments with their variables filled in.
    pub(crate) fn resolve(&self, variables: &Value) -> Value {
        object(&self.arguments, variables)
    }
}

impl Given {
    fn resolve(&self, variables: &Value) -> Value {
        match self {
            Self::Variable(name) => variables[name].clone(),
            Self::Value(value) => value.clone(),
            Self::Object(entries) => object(entries, variables),
            Self::List(items) => items.iter().map(|item| item.resolve(variables)).collect(),
        }
    }
}

fn object(entries: &[(String, Given)], variables: &Value) -> Value {
    let resolved = entries.iter().map(|(key, given)| (key.clone(), given.resolve(variables)));
    Value::Object(resolved.collect::<Map<_, _>>())
}

/// Parses a document.
pub(crate) fn document(text: &str) -> Result<Document, String> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), depth: 0 };
    let mut found: Option<Document> = None;
    let mut fragments = HashMap::new();
    while let Some(token) = parser.tokens.peek().cloned() {
        if token == "fragment" {
            parser.next()?;
            let name = parser.next()?;
            parser.skip_to_selection()?;
            fragments.insert(name, parser.selection()?);
        } else {
            let mutation = token == "mutation";
            parser.skip_to_selection()?;
            let fields = parser.selection()?;
            found.get_or_insert(Document { mutation, fields });
        }
    }
    let mut found = found.ok_or("no operation")?;
    found.fields = spread(found.fields, &fragments, 0)?;
    Ok(found)
}

fn spread(fields: Vec<Field>, known: &HashMap<String, Vec<Field>>, depth: u32) -> Result<Vec<Field>, String> {
    if depth > DEPTH_MAX {
        return Err("too deep".into());
    }
    let mut flat = Vec::new();
    for mut field in fields {
        if field.spread && field.fields.is_empty() {
            let inner =
                known.get(&field.name).cloned().ok_or_else(|| format!("no fragment {}", field.name))?;
            flat.extend(spread(inner, known, depth + 1)?);
        } else if field.spread {
            flat.extend(spread(field.fields, known, depth + 1)?);
        } else {
            field.fields = spread(field.fields, known, depth + 1)?;
            flat.push(field);
        }
    }
    Ok(flat)
}

/// Deeper selections are refused.
const DEPTH_MAX: u32 = 32;

struct Parser {
    tokens: Peekable<IntoIter<String>>,
    depth: u32,
}

impl Parser {
    fn next(&mut self) -> Result<String, String> {
        self.tokens.next().ok_or_else(|| "unexpected end".into())
    }

    fn take(&mut self, token: &str) -> bool {
        self.tokens.next_if(|next| next == token).is_some()
    }

    /// Skips the head of an operation: its kind, name, variables, type condition.
    fn skip_to_selection(&mut self) -> Result<(), String> {
        let mut parentheses = 0;
        loop {
            match self.tokens.peek().map(String::as_str) {
                Some("{") if parentheses == 0 => return Ok(()),
                Some("(") => parentheses += 1,
                Some(")") => parentheses -= 1,
                _ => {}
            }
            self.next()?;
        }
    }

    fn selection(&mut self) -> Result<Vec<Field>, String> {
        self.depth += 1;
        if !self.take("{") || self.depth > DEPTH_MAX {
            return Err("selection expected".into());
        }
        let mut fields = Vec::new();
        while !self.take("}") {
            fields.push(self.field()?);
        }
        self.depth -= 1;
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field, String> {
        let spread = self.take("...");
        let mut name = self.next()?;
        if spread && name == "on" {
            name = self.next()?;
        }
        let mut alias = None;
        if self.take(":") {
            alias = Some(std::mem::replace(&mut name, self.next()?));
        }
        let arguments = if self.take("(") { self.entries(")")? } else { Vec::new() };
        while self.tokens.peek().is_some_and(|token| token.starts_with('@')) {
            self.next()?;
            if self.take("(") {
                self.entries(")")?;
            }
        }
        let fields = match self.tokens.peek() {
            Some(token) if token == "{" => self.selection()?,
            _ => Vec::new(),
        };
        Ok(Field { alias, name, arguments, fields, spread })
    }

    fn entries(&mut self, end: &str) -> Result<Vec<(String, Given)>, String> {
        let mut entries = Vec::new();
        while !self.take(end) {
            let name = self.next()?;
            if !self.take(":") {
                return Err(format!("value of {name} expected"));
            }
            entries.push((name, self.value()?));
        }
        Ok(entries)
    }

    fn value(&mut self) -> Result<Given, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("too deep".into());
        }
        let token = self.next()?;
        let given = match token.as_str() {
            "{" => Given::Object(self.entries("}")?),
            "[" => {
                let mut items = Vec::new();
                while !self.take("]") {
                    items.push(self.value()?);
                }
                Given::List(items)
            }
            _ => match token.strip_prefix('$') {
                Some(name) => Given::Variable(name.to_owned()),
                // Words such as `v4` are enums; everything else is JSON already.
                None => Given::Value(serde_json::from_str(&token).unwrap_or(Value::String(token))),
            },
        };
        self.depth -= 1;
        Ok(given)
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(start) = chars.next() {
        let mut token = String::from(start);
        match start {
            c if c.is_whitespace() || c == ',' || c == '\u{feff}' => continue,
            '#' => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            '"' => loop {
                let next = chars.next().ok_or("unterminated string")?;
                token.push(next);
                match next {
                    '\\' => token.push(chars.next().ok_or("unterminated string")?),
                    '"' => break,
                    _ => {}
                }
            },
            '.' => {
                while let Some(dot) = chars.next_if_eq(&'.') {
                    token.push(dot);
                }
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '!' | '=' | '|' | '&' => {}
            _ => {
                let word = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
                while let Some(next) = chars.next_if(word) {
                    token.push(next);
                }
            }
        }
        tokens.push(token);
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_clients_send() {
        let text = r#"
            # a comment
            mutation($input: AllocateIPAddressInput!, $x: [Int!] = [1, 2]) {
              allocateIpAddress(input: $input) { ipAddress { id, address } }
              again: allocateIpAddress(input: {type: v4, n: 3, s: "a\"b", l: [$x]}) @skip(if: false) { ...F }
            }
            fragment F on Payload { ipAddress { ... on IP { region } } }"#;
        let document = document(text).unwrap();
        assert!(document.mutation);
        let [first, second] = document.fields.as_slice() else { panic!("two fields") };
        assert_eq!(first.resolve(&json!({"input": {"appId": "a"}})), json!({"input": {"appId": "a"}}));
        assert_eq!(second.key(), "again");
        let want = json!({"input": {"type": "v4", "n": 3, "s": "a\"b", "l": [[7]]}});
        assert_eq!(second.resolve(&json!({"x": [7]})), want);
        assert_eq!(second.fields[0].fields[0].name, "region");
    }

    #[test]
    fn garbage_is_refused_and_does_not_hang() {
        for text in ["", "{", "query { a(", "query { a { b }", "{ ...F }", "query ($a", "{ a(b \"x) }"] {
            assert!(document(text).is_err(), "{text}");
        }
        let deep = "{ a ".repeat(100);
        assert!(document(&deep).is_err());
        assert!(document("{ ...F } fragment F on A { ...F }").is_err(), "a fragment in itself");
    }
}
