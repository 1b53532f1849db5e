//! Which rows a command is about.

use groundcrew_core::row::State;
use groundcrew_store::Store;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::{GoneToo, RowFilter};

use crate::commands::rows::{Names, cells};
use crate::commands::{Context, Failure};
use crate::control;
use crate::show::{Cell, Table};

/// Rows by name, or all that nobody wants of a hook.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Chosen {
    /// Rows, as `groundcrew resources` lists them: row id, `kind/key`, or the thing's id
    #[arg(value_name = "ROW", required_unless_present = "hook", conflicts_with = "hook")]
    rows: Vec<String>,
    /// Everything of this hook that nobody wants
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Of that, only what is for this app or machine
    #[arg(long, value_name = "APP", requires = "hook")]
    app: Option<String>,
}

/// Whether what was let go of already is among what a hook has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retained {
    /// It is.
    Too,
    /// It is not.
    Not,
}

impl Chosen {
    /// The rows; of a hook, those that nobody wants and of which something is known.
    pub(super) fn of(
        &self,
        context: &Context,
        store: &Store,
        retained: Retained,
    ) -> Result<Vec<StoredRow>, Failure> {
        let Some(hook) = &self.hook else {
            return self.rows.iter().map(|name| named(store, name)).collect();
        };
        let owner = self.app.as_deref().map(|app| control::subject(store, app)).transpose()?;
        let filter = RowFilter {
            owner: owner.map(|owner| owner.id),
            hook: Some(Names::of(store)?.hook_named(hook)?),
            state: None,
            gone_too: GoneToo::No,
        };
        let alone = context.alone();
        let mut rows = Vec::new();
        for row in store.rows_where(&filter)? {
            let fits = match row.row.state {
                State::InDoubt | State::Deleting | State::Gone => false,
                State::Retained => retained == Retained::Too,
                State::Creating | State::Pending | State::Present | State::Updating => true,
            };
            if fits && control::wanted_by(store, &alone, &row)?.is_none() {
                rows.push(row);
            }
        }
        if rows.is_empty() {
            let message =
                format!("everything that hook {hook} has there is wanted, in doubt, or on its way out");
            return Err(Failure::failed(message).hint(format!("groundcrew resources --hook {hook}")));
        }
        Ok(rows)
    }

    /// The command line that chooses these.
    pub(super) fn words(&self) -> String {
        match &self.hook {
            None => self.rows.join(" "),
            Some(hook) => {
                let app = self.app.as_ref().map(|app| format!(" --app {app}")).unwrap_or_default();
                format!("--hook {hook}{app}")
            }
        }
    }
}

/// The one row that a name means: the living one, or the last that was.
pub(in crate::commands) fn named(store: &Store, name: &str) -> Result<StoredRow, Failure> {
    let rows = store.rows_named(name)?;
    let exact = rows.iter().find(|row| row.row.id.as_str() == name);
    let living: Vec<_> = rows.iter().filter(|row| row.row.state != State::Gone).collect();
    match (exact, &living[..]) {
        (Some(row), _) => Ok(row.clone()),
        (None, [row]) => Ok((*row).clone()),
        (None, []) => match rows.first() {
            Some(row) => Ok(row.clone()),
            None => Err(Failure::failed(format!("no row `{name}`")).hint("groundcrew resources")),
        },
        (None, several) => {
            let ids: Vec<_> = several.iter().map(|row| row.row.id.as_str()).collect();
            let message = format!("`{name}` may mean several rows: {}", ids.join(", "));
            Err(Failure::usage(message).hint(format!("groundcrew why {}", ids[0])))
        }
    }
}

/// A table of rows of several hooks and owners.
pub(in crate::commands) fn table(
    context: &Context,
    store: &Store,
    rows: &[StoredRow],
) -> Result<String, Failure> {
    let names = Names::of(store)?;
    let mut table = Table::new(["ROW", "HOOK", "OWNER", "NAME", "STATE", "THING", ""]);
    for row in rows {
        let [name, state, _, thing, remark] = cells(row, context.now());
        let id = Cell::from(row.row.id.as_str());
        let owner = names.owner(row.owner)?.0;
        table.row([id, names.hook(row.hook).into(), owner.into(), name, state, thing, remark]);
    }
    Ok(table.draw())
}
