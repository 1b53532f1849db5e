//! JSON pointers (RFC 6901) in which `*` stands for any one element or field.
//!
//! `/data/*/secret` names the `secret` of every element of `data`. A field whose name is `*` cannot be named alone;
//! `~0` is `~` and `~1` is `/`, as the RFC says.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A pointer into JSON; the empty text names the whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Named(String),
    Any,
}

/// A text that is no pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no JSON pointer: it is empty or begins with `/`, and `~` stands before 0 or 1")]
pub struct NoPointer(pub String);

impl FromStr for Pointer {
    type Err = NoPointer;

    fn from_str(text: &str) -> Result<Self, NoPointer> {
        let wrong = || NoPointer(text.to_owned());
        if text.is_empty() {
            return Ok(Self { steps: Vec::new() });
        }
        let step = |written: &str| match written {
            "*" => Ok(Step::Any),
            _ => unescaped(written).map(Step::Named).ok_or_else(wrong),
        };
        let steps = text.strip_prefix('/').ok_or_else(wrong)?.split('/').map(step);
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }
}

fn unescaped(written: &str) -> Option<String> {
    let mut parts = written.split('~');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        name.push(match part.chars().next()? {
            '0' => '~',
            '1' => '/',
            _ => return None,
        });
        name.push_str(&part[1..]);
    }
    Some(name)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| match step {
            Step::Any => f.write_str("/*"),
            Step::Named(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
        })
    }
}

impl Pointer {
    /// Everything that it names within a value, in the value's order.
    pub fn all_mut<'a>(&self, value: &'a mut Value) -> Vec<&'a mut Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| below(step, value)).collect();
        }
        found
    }

    /// Whether it names something within a value, or what it names may be said to be missing there.
    ///
    /// That is so where its way ends at null, or at a list or an object without elements of which `*` names any.
    pub fn leads_somewhere(&self, value: &Value) -> bool {
        leads(&self.steps, value)
    }

    /// Whether it names the place that is reached by these steps: names of fields and numbers of elements.
    pub fn names(&self, place: &[String]) -> bool {
        let same = |(step, at): (&Step, &String)| match step {
            Step::Any => true,
            Step::Named(name) => name == at,
        };
        self.steps.len() == place.len() && self.steps.iter().zip(place).all(same)
    }
}

fn leads(steps: &[Step], value: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    match (step, value) {
        (_, Value::Null) => true,
        (Step::Any, Value::Array(items)) => items.is_empty() || items.iter().any(|item| leads(rest, item)),
        (Step::Any, Value::Object(fields)) => {
            fields.is_empty() || fields.values().any(|field| leads(rest, field))
        }
        (Step::Named(name), Value::Object(fields)) => {
            fields.get(name).is_some_and(|field| leads(rest, field))
        }
        (Step::Named(name), Value::Array(items)) => {
            numbered(name).and_then(|at| items.get(at)).is_some_and(|item| leads(rest, item))
        }
        _ => false,
    }
}

/// The number of an element. The RFC knows no leading zeros and no signs.
fn numbered(name: &str) -> Option<usize> {
    name.parse::<usize>().ok().filter(|at| at.to_string() == *name)
}

fn below<'a>(step: &Step, value: &'a mut Value) -> Vec<&'a mut Value> {
    match (step, value) {
        (Step::Any, Value::Array(items)) => items.iter_mut().collect(),
        (Step::Any, Value::Object(fields)) => fields.values_mut().collect(),
        (Step::Named(name), Value::Object(fields)) => fields.get_mut(name).into_iter().collect(),
        (Step::Named(name), Value::Array(items)) => {
            numbered(name).and_then(|at| items.get_mut(at)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Calls `each` for every text within a value, with its place; stops at the first refusal.
///
/// # Errors
/// Whatever `each` refuses.
pub fn each_text<E>(
    value: &mut Value,
    place: &mut Vec<String>,
    each: &mut impl FnMut(&[String], &mut String) -> Result<(), E>,
) -> Result<(), E> {
    let mut within = |step: String, value: &mut Value| {
        place.push(step);
        let done = each_text(value, place, each);
        place.pop();
        done
    };
    match value {
        Value::String(text) => each(place, text),
        Value::Array(items) => {
            items.iter_mut().enumerate().try_for_each(|(at, item)| within(at.to_string(), item))
        }
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, field)| within(name.clone(), field)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(pointer: &str, value: &Value) -> Vec<Value> {
        let mut value = value.clone();
        let pointer: Pointer = pointer.parse().unwrap();
        assert_eq!(pointer, pointer.to_string().parse().unwrap());
        pointer.all_mut(&mut value).into_iter().map(|found| found.clone()).collect()
    }

    #[test]
    fn pointers_name_what_the_rfc_says() {
        // The examples of RFC 6901, section 5.
        let value =
            json!({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8});
        for (pointer, found) in [
            ("", value.clone()),
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ] {
            assert_eq!(named(pointer, &value), [found], "{pointer}");
        }
        for nothing in ["/foo/2", "/foo/01", "/foo/-", "/bar", "/foo/0/x"] {
            assert_eq!(named(nothing, &value), [] as [Value; 0], "{nothing}");
        }
        for wrong in ["foo", "/a~2", "/a~"] {
            assert_eq!(wrong.parse::<Pointer>(), Err(NoPointer(wrong.to_owned())));
        }
    }

    #[test]
    fn a_star_names_every_element_and_field() {
        let value =
            json!({"keys": [{"id": 1, "secret": "a"}, {"id": 2, "secret": "b"}], "by": {"x": "c", "y": "d"}});
        assert_eq!(named("/keys/*/secret", &value), ["a", "b"]);
        assert_eq!(named("/by/*", &value), ["c", "d"]);
        assert_eq!(named("/*/x", &value), ["c"]);
        assert_eq!(named("/keys/*/secret/*", &value), [] as [Value; 0]);
    }

    #[test]
    fn a_way_that_ends_at_null_or_among_none_leads_somewhere() {
        let leads = |pointer: &str, value: Value| pointer.parse::<Pointer>().unwrap().leads_somewhere(&value);
        assert!(leads("/a/b", json!({"a": {"b": 1}})) && leads("/a/b", json!({"a": {"b": null}})));
        assert!(leads("/a/b", json!({"a": null})) && leads("/a/*/b", json!({"a": []})));
        assert!(leads("/a/*/b", json!({"a": [{}, {"b": 1}]})), "one of them has it");
        for (pointer, value) in [
            ("/a/b", json!({"a": {}})),
            ("/a/b", json!({"b": 1})),
            ("/a/b", json!({"a": "text"})),
            ("/a/*/b", json!({"a": [{"c": 1}]})),
            ("/0/b", json!([])),
        ] {
            assert!(!leads(pointer, value.clone()), "{pointer} in {value}");
        }
    }

    #[test]
    fn places_are_named_by_the_same_rules() {
        let mut value = json!({"values": {"A": "one", "B": "two"}, "list": [["three"]], "n": 4});
        let mut places = Vec::new();
        let pointer: Pointer = "/values/*".parse().unwrap();
        let done: Result<(), ()> = each_text(&mut value, &mut Vec::new(), &mut |place, text| {
            places.push((place.join("/"), pointer.names(place)));
            text.push('!');
            Ok(())
        });
        done.unwrap();
        let expected = [("list/0/0", false), ("values/A", true), ("values/B", true)];
        places.sort();
        assert_eq!(places, expected.map(|(place, named)| (place.to_owned(), named)));
        assert_eq!(value["values"]["A"], "one!");
        assert!(!pointer.names(&["values".to_owned()]) && !pointer.names(&[]));
    }
}
