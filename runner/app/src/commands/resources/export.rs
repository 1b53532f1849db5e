//! `groundcrew resources export`: what is on record, line by line.

use groundcrew_core::row::{Origin, State};
use groundcrew_core::spec::Output;
use groundcrew_engine::seal;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::RowFilter;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::commands::rows::Names;
use crate::commands::{Answer, Context, Failure};

/// The version of the lines' format.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only what this hook has
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
}

/// One thing, as a line says it; stable within a [`FORMAT`]. Described in `docs/removal.md`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) format: u32,
    pub(super) hook: String,
    pub(super) target: String,
    pub(super) kind: String,
    pub(super) key: String,
    /// The owner's path.
    pub(super) owner: String,
    /// Its incarnation.
    pub(super) owner_id: String,
    pub(super) row: String,
    pub(super) thing: Option<String>,
    pub(super) spec: Value,
    pub(super) outputs: Vec<Shown>,
    pub(super) state: State,
    pub(super) origin: Origin,
}

/// An output; of a sealed one only the name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shown {
    name: String,
    value: Option<String>,
}

impl Shown {
    fn of(output: &Output) -> Self {
        let sealed = seal::tokens(&output.value).next().is_some();
        Self { name: output.name.clone(), value: (!sealed).then(|| output.value.clone()) }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    let store = context.reader()?;
    let names = Names::of(&store)?;
    let hook = args.hook.as_deref().map(|hook| names.hook_named(hook)).transpose()?;
    let rows = store.rows_where(&RowFilter { hook, ..RowFilter::default() })?;
    let lines = rows.iter().map(|row| line(row, &names)).collect::<Result<Vec<_>, _>>()?;
    let text = lines.iter().map(|line| {
        let line = serde_json::to_string(line).expect("invariant: a line is JSON");
        format!("{line}\n")
    });
    Ok(Answer::both(text.collect::<String>(), &lines))
}

fn line(row: &StoredRow, names: &Names<'_>) -> Result<Line, Failure> {
    let (owner, owner_id) = names.owner(row.owner)?;
    Ok(Line {
        format: FORMAT,
        hook: names.hook(row.hook),
        target: row.target.clone(),
        kind: row.kind.clone(),
        key: row.key.clone(),
        owner,
        owner_id,
        row: row.row.id.to_string(),
        thing: row.row.thing.clone(),
        spec: row.row.spec.clone(),
        outputs: row.outputs.iter().map(Shown::of).collect(),
        state: row.row.state,
        origin: row.row.origin,
    })
}
