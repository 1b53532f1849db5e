//! `groundcrew label`: labels by hand, over those of every other source.

use std::collections::BTreeMap;

use groundcrew_store::Store;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Answer, Context, Failure};
use crate::control::{self, Request};
use crate::show::{Cell, Table};

/// Show, set or unset labels of an app
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: LabelCommand,
}

#[derive(Debug, clap::Subcommand)]
enum LabelCommand {
    /// Show the labels of an app or machine, merged, and which were set by hand
    Show {
        /// The app or machine
        app: String,
    },
    /// Set labels; they win over those of every other source
    Set {
        /// The app or machine; written in full (fly/ORG/APP), it need not exist yet
        app: String,
        /// `name=value`; a value that is JSON is taken as such: `domains=["a.com"]`, `seats=3`
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = pair)]
        values: Vec<(String, Value)>,
    },
    /// Take back labels that were set
    Unset {
        /// The app or machine
        app: String,
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

fn pair(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected, such as plan=pro")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

#[derive(Serialize)]
struct Shown {
    path: String,
    labels: Map<String, Value>,
    set: Map<String, Value>,
    /// Which source each label is from; `set` is by hand.
    from: BTreeMap<String, String>,
}

pub(super) fn run(context: &Context, args: Args) -> Result<Answer, Failure> {
    match args.command {
        LabelCommand::Show { app } => show(&context.reader()?, &app),
        LabelCommand::Set { app, values } => {
            context.change_and_tell(Request::LabelSet { app, values: values.into_iter().collect() })
        }
        LabelCommand::Unset { app, names } => context.change_and_tell(Request::LabelUnset { app, names }),
    }
}

fn show(store: &Store, app: &str) -> Result<Answer, Failure> {
    let (path, labels) = match control::subject(store, app) {
        Ok(found) => (found.subject.path, found.subject.labels),
        Err(refusal) => (app.parse().map_err(|_| refusal)?, Map::new()),
    };
    let (mut labels, mut set) = (labels, Map::new());
    let mut from: BTreeMap<_, _> = labels.keys().map(|name| (name.clone(), "platform".to_owned())).collect();
    for (source, values) in store.labels_by_source(&path)? {
        from.extend(values.keys().map(|name| (name.clone(), source.clone())));
        labels.extend(values.clone());
        if source == "set" {
            set = values;
        }
    }
    let mut table = Table::new(["LABEL", "VALUE", "FROM"]);
    for (name, value) in &labels {
        let from = from.get(name).map(|source| match source.as_str() {
            "set" => "set by hand",
            source => source,
        });
        table.row([name.clone().into(), value.to_string().into(), Cell::or_nothing(from)]);
    }
    let text = if table.is_empty() { format!("{path} has no labels\n") } else { table.draw() };
    Ok(Answer::both(text, &Shown { path: path.to_string(), labels, set, from }))
}
