//! Whether calls and the simulator's answers are what the vendor's document says.
//!
//! The document is lax: no field is required and unknown ones are allowed. Here an object
//! with named properties is *closed*, so that a field that the simulator invented is a
//! violation. Where reality is known to differ from the document, `openapi/deviations.toml`
//! has one line with its source.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Answer, Body, Call, Sent};
use crate::world::World;

const DOCUMENT: &str = include_str!("../openapi/fly-openapi-2026-05.json");
const DEVIATIONS: &str = include_str!("../openapi/deviations.toml");
/// The document as it is read and compiled once, for all worlds of a process.
static VENDOR: LazyLock<Mutex<Contract>> =
    LazyLock::new(|| Mutex::new(Contract::vendor().expect("invariant: the embedded document can be read")));
/// So many exchanges and violations are kept; later ones are checked and counted only.
const KEPT_MAX: usize = 5_000;

/// One call and its answer, as far as the document speaks about them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exchange {
    /// The vendor's operation id; `None` if the document has no such path.
    pub operation: Option<String>,
    /// The call's method.
    pub method: String,
    /// The call's path.
    pub path: String,
    /// The call's body without its nulls; null for none.
    pub sent: Value,
    /// The answer's status.
    pub status: u16,
    /// The answer's body: null for none, a string for plain text.
    pub body: Value,
}

/// A difference between an answer and the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The call, such as `GET /v1/apps 200`.
    pub call: String,
    /// What is wrong with the answer, and where.
    pub problem: String,
}

/// The reasons why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The vendor's document is no JSON.
    #[error("the document cannot be read")]
    Document(#[source] serde_json::Error),
    /// The list of deviations is no TOML of that shape.
    #[error("the deviations cannot be read")]
    Deviations(#[source] toml::de::Error),
    /// A deviation's schema is no JSON.
    #[error("the schema of deviation {line} cannot be read")]
    Schema {
        /// Its place in the list, from zero.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviations {
    deviations: Vec<Deviation>,
}

/// One line of `deviations.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    /// The operation; `*` for all.
    operation: String,
    /// The status whose body differs; without it a schema differs.
    status: Option<u16>,
    /// The schema that differs.
    schema: Option<String>,
    /// Its field; without it the whole schema, or, without `is`, any field may be there.
    field: Option<String>,
    /// The schema that holds instead, as JSON.
    is: Option<String>,
    differs: String,
    source: String,
}

/// The vendor's document with the known deviations applied.
#[derive(Debug)]
pub struct Contract {
    schemas: Value,
    /// By operation (`*` for all) and status; an answer without content has no body.
    answers: HashMap<(String, u16), Value>,
    /// What calls may send, by operation.
    requests: HashMap<String, Value>,
    operations: Vec<String>,
    deviations: Vec<Deviation>,
    compiled: HashMap<(String, u16), Option<Validator>>,
}

impl Contract {
    /// Reads the embedded document and the list of deviations.
    pub fn vendor() -> Result<Self, ContractError> {
        Self::leaving_out(None)
    }

    /// Reads them and leaves one deviation out: what it allows is then a violation.
    pub fn without(line: usize) -> Result<Self, ContractError> {
        Self::leaving_out(Some(line))
    }

    fn leaving_out(line: Option<usize>) -> Result<Self, ContractError> {
        let mut document: Value = serde_json::from_str(DOCUMENT).map_err(ContractError::Document)?;
        let deviations: Deviations = toml::from_str(DEVIATIONS).map_err(ContractError::Deviations)?;
        let mut schemas = document["components"]["schemas"].take();
        close(&mut schemas);
        let mut contract = Self {
            schemas,
            answers: HashMap::new(),
            requests: HashMap::new(),
            operations: Vec::new(),
            deviations: deviations.deviations,
            compiled: HashMap::new(),
        };
        contract.read_paths(&document["paths"]);
        for (n, deviation) in contract.deviations.clone().iter().enumerate() {
            if line != Some(n) {
                contract.apply(deviation).map_err(|source| ContractError::Schema { line: n, source })?;
            }
        }
        Ok(contract)
    }

    /// The deviations: operation, what differs, source.
    pub fn deviations(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.deviations.iter().map(|d| (d.operation.as_str(), d.differs.as_str(), d.source.as_str()))
    }

    /// The operations of the document.
    pub fn operations(&self) -> &[String] {
        &self.operations
    }

    fn read_paths(&mut self, paths: &Value) {
        let operations = paths.as_object().into_iter().flatten().filter_map(|(_, path)| path.as_object());
        for operation in operations.flatten().map(|(_, operation)| operation) {
            let Some(id) = operation["operationId"].as_str() else { continue };
            self.operations.push(id.to_owned());
            if let Some(schema) = content(&operation["requestBody"]) {
                self.requests.insert(id.to_owned(), schema);
            }
            for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
                let schema = content(answer).unwrap_or_else(|| json!({"type": "null"}));
                self.answers.insert((id.to_owned(), status.parse().unwrap_or(0)), schema);
            }
        }
    }

    fn apply(&mut self, deviation: &Deviation) -> Result<(), serde_json::Error> {
        let is: Value = deviation.is.as_deref().map_or(Ok(Value::Null), serde_json::from_str)?;
        if let Some(status) = deviation.status {
            self.answers.insert((deviation.operation.clone(), status), is);
        } else if let Some(schema) = &deviation.schema {
            let schema = &mut self.schemas[schema];
            match &deviation.field {
                Some(field) => schema["properties"][field] = is,
                None if is.is_null() => schema["additionalProperties"] = json!(true),
                None => *schema = is,
            }
        }
        Ok(())
    }

    /// Checks one call and its answer; returns what is wrong with them.
    ///
    /// What a call sent is checked only if it was accepted: tests send garbage on purpose.
    pub fn check(&mut self, exchange: &Exchange) -> Vec<Violation> {
        let call = format!("{} {} {}", exchange.method, exchange.path, exchange.status);
        let Some(operation) = &exchange.operation else {
            return vec![Violation { call, problem: "the document has no such path".into() }];
        };
        let key = (operation.clone(), exchange.status);
        let anywhere = ("*".to_owned(), exchange.status);
        let mut problems = match self.answers.get(&key).or_else(|| self.answers.get(&anywhere)) {
            None => vec![format!("{operation} has no such status")],
            Some(schema) => {
                let compiled = self.compiled.entry(key).or_insert_with(|| compile(schema, &self.schemas));
                problems(compiled.as_ref(), &exchange.body, "the answer")
            }
        };
        if exchange.status < 400
            && !exchange.sent.is_null()
            && let Some(schema) = self.requests.get(operation)
        {
            // No answer has status 0, so the key is free for the request.
            let key = (operation.clone(), 0);
            let compiled = self.compiled.entry(key).or_insert_with(|| compile(schema, &self.schemas));
            problems.extend(self::problems(compiled.as_ref(), &exchange.sent, "the request"));
        }
        problems.into_iter().map(|problem| Violation { call: call.clone(), problem }).collect()
    }
}

fn problems(validator: Option<&Validator>, body: &Value, of: &str) -> Vec<String> {
    let Some(validator) = validator else { return vec![format!("the schema of {of} cannot be compiled")] };
    let errors = validator.iter_errors(body);
    errors.map(|error| format!("{of} at `{}`: {error}", error.instance_path())).collect()
}

/// The schema of a request's or an answer's body, if it has one.
fn content(part: &Value) -> Option<Value> {
    let content = part["content"].as_object()?.values().next()?;
    Some(content["schema"].clone())
}

/// Removes null fields: clients send them for nothing.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        _ => value.clone(),
    }
}

fn compile(schema: &Value, schemas: &Value) -> Option<Validator> {
    let whole = json!({"allOf": [schema], "components": {"schemas": schemas}});
    jsonschema::options().with_draft(Draft::Draft202012).build(&whole).ok()
}

/// Forbids fields that an object's schema does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("properties").is_some_and(Value::is_object)
                && !map.contains_key("additionalProperties")
            {
                map.insert("additionalProperties".into(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Sees every answer of its world.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    exchanges: Vec<Exchange>,
    violations: Vec<Violation>,
}

impl Witness {
    pub(crate) fn see(&mut self, call: &Call, answer: &Answer) {
        let operation = call.route.map(|route| route.operation);
        // The document is about the REST API.
        if operation == Some("graphql") {
            return;
        }
        let body = match &answer.body {
            Body::Nothing => Value::Null,
            Body::Json(body) => body.clone(),
            Body::Text(text) => Value::String(text.clone()),
        };
        let exchange = Exchange {
            operation: operation.map(str::to_owned),
            method: call.method.clone(),
            path: call.path.clone(),
            sent: match &call.sent {
                // Here null means something: it unsets a secret.
                Sent::Json(body) if operation == Some("Secrets_update") => body.clone(),
                Sent::Json(body) => without_nulls(body),
                Sent::Nothing | Sent::Garbage => Value::Null,
            },
            status: answer.status,
            body,
        };
        let mut contract = VENDOR.lock().unwrap_or_else(PoisonError::into_inner);
        self.violations.extend(contract.check(&exchange));
        self.violations.truncate(KEPT_MAX);
        if self.exchanges.len() < KEPT_MAX {
            self.exchanges.push(exchange);
        }
    }
}

impl World {
    /// The differences from the vendor's document that were seen, oldest first.
    pub fn violations(&self) -> Vec<Violation> {
        self.peek(|state| state.witness.violations.clone())
    }

    /// The exchanges that were checked, oldest first, the first five thousand of them.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.peek(|state| state.witness.exchanges.clone())
    }
}
