//! `groundcrew recover`: after a lost or old database, what exists is taken up before anything is done.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_store::operators::OperatorAct;
use groundcrew_store::recover::Recovery;
use groundcrew_store::{Options, Reader, Store};
use serde::Serialize;

use super::backup::key_of;
use super::{Answer, Code, Context, Failure, Kind};
use crate::control::{self, Request};
use crate::data_dir::DataDir;
use crate::key;
use crate::show::{self, Table, Tone, paint};

/// Rebuild the ledger after its database was lost, or put back from a backup
///
/// Begun while nothing runs. From then on `groundcrew up` asks every hook what each app needs and looks for all of
/// it, takes up what carries this installation's marks and what is unmarked and equal, and writes nothing outside.
/// Called again, this shows how far it is; `--finish` ends it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Put this copy in the database's place first; what is there is kept under another name
    #[arg(long, value_name = "FILE", conflicts_with = "finish")]
    from: Option<PathBuf>,
    /// The installation's key is lost for good: go on with the one that is there, or a new one
    ///
    /// What was sealed under the lost one stays unreadable: its things are replaced by hand.
    #[arg(long, conflicts_with = "finish")]
    new_key: bool,
    /// End it: from here on is done what the levels allow
    #[arg(long)]
    finish: bool,
    /// End it although what exists could not be listed: what is on nobody's record then stays unknown until an audit
    #[arg(long, requires = "finish")]
    unlisted: bool,
}

/// What helps where the database is broken.
pub(super) const FROM_COPY: &str =
    "groundcrew recover --from FILE, if there is a copy; what is there is kept under another name";

/// What is said while not everything that exists is listed.
const UNLISTED: &str = "what else there is is not listed yet";

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    recovery: &'a Recovery,
    complete: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Answer, Failure> {
    if args.finish {
        return finish(context, args.unlisted);
    }
    let dir = context.data_dir();
    let (under_way, said) = match present(context, &dir) {
        Ok(under_way) => (under_way, String::new()),
        // A copy takes its place, whatever it was.
        Err(error) if args.from.is_some() && error.is_broken() => {
            (None, format!("nothing can be read of {}: {error}\n", dir.database().display()))
        }
        Err(error) => return Err(error.into()),
    };
    match (under_way, &args.from) {
        (Some(recovery), None) if !args.new_key => tell(context, &dir, &recovery),
        _ => begin(context, &dir, args, said),
    }
}

/// The recovery that is under way, as the present database says.
fn present(context: &Context, dir: &DataDir) -> groundcrew_store::Result<Option<Recovery>> {
    let database = dir.database();
    if database.exists() { Reader::open(&database)?.recovery(context.now()) } else { Ok(None) }
}

/// Begins one; `said` comes before what else is said of it.
fn begin(context: &Context, dir: &DataDir, args: &Args, mut said: String) -> Result<Answer, Failure> {
    let config = context.config()?;
    let _held_until_begun = dir.lock("recover", context.now()).map_err(|error| {
        let failure = Failure::from(error);
        failure.hint("stop `groundcrew up` first: it must not go on with what is being put in order")
    })?;
    if let Some(copy) = &args.from {
        if !args.new_key {
            refuse_without_key(dir, copy)?;
        }
        said.push_str(&restore(context, dir, copy, &config.installation)?);
    }
    let lost = !dir.database().exists();
    let store = Store::open(&dir.database(), Options::default())?;
    if !args.new_key {
        key::belonging(&store, &dir.key(), &dir.database()).map_err(|error| Failure::of(&error))?;
    }
    let begun = context.block_on(async {
        if let Err(found) = store.claim_meta("installation", &config.installation).await? {
            return Ok(Err(found));
        }
        let act = OperatorAct { who: context.who(), what: "recover".to_owned() };
        store.begin_recovery(act, context.now()).await.map(Ok)
    })?;
    if let Err(found) = begun? {
        let message = format!("the database is installation {found}'s, not {}'s", config.installation);
        return Err(Failure::new(Kind::Configuration, message).hint(format!("installation = \"{found}\"")));
    }
    if args.new_key {
        said.push_str(&renew_key(context, dir, &store)?);
    }
    if lost {
        said.push_str("there was no database: everything is taken up anew\n");
    }
    let up = context.typed("groundcrew up        looks for everything, writes nothing outside");
    let far = "groundcrew recover   how far it is; then groundcrew plan, and groundcrew recover --finish";
    let _ = writeln!(said, "next: {up}\n      {}", context.typed(far));
    let recovery = store.recovery(context.now())?;
    Ok(Answer::both(said, &recovery))
}

/// Refuses a copy whose key is neither beside it nor in its place, before anything is moved.
fn refuse_without_key(dir: &DataDir, copy: &Path) -> Result<(), Failure> {
    let saved = key_of(copy);
    let key = if saved.exists() { saved } else { dir.key() };
    let store = Reader::open(copy).map_err(|error| unread(copy, error))?;
    key::belonging(&store, &key, copy).map(drop).map_err(|error| Failure::of(&error))
}

/// Why a copy is not taken that is not there, or cannot be read: it is said which file that is.
fn unread(copy: &Path, error: groundcrew_store::Error) -> Failure {
    if error.is_broken() || matches!(error, groundcrew_store::Error::Open { .. }) {
        let message = format!("{} is no copy that can be read: {error}", copy.display());
        let failure = Failure { message, ..Failure::of(&error) };
        return failure.hint("groundcrew recover --from FILE, with another copy");
    }
    error.into()
}

/// Goes on with another key than the database was begun with.
fn renew_key(context: &Context, dir: &DataDir, store: &Store) -> Result<String, Failure> {
    let act = OperatorAct { who: context.who(), what: "recover --new-key".to_owned() };
    let renewed = context.block_on(key::renew(store, dir.path(), act, context.now()))?;
    renewed.map_err(|error| Failure::of(&error))?;
    let key = dir.key();
    Ok(format!("{} is the key from here on; what another one sealed stays unreadable\n", key.display()))
}

/// Puts a copy in the database's place; what was there is kept.
fn restore(context: &Context, dir: &DataDir, copy: &Path, installation: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::new(Kind::Failed, format!("{}: {error}", copy.display()));
    let whose = Reader::open(copy).and_then(|copy| {
        copy.check()?;
        copy.meta("installation")
    });
    let whose = whose.map_err(|error| unread(copy, error))?;
    if whose.as_deref() != Some(installation) {
        let whose = whose.unwrap_or_else(|| "nobody".to_owned());
        let message =
            format!("{} is installation {whose}'s; the configuration says {installation}", copy.display());
        return Err(Failure::new(Kind::Configuration, message));
    }
    let mut said = String::new();
    let database = dir.database();
    let beside = |suffix: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let before = format!(".before-{}", context.now().as_millis());
    // The key first: with an old database alone a runner would begin as if nothing had been lost.
    said.push_str(&restore_key(dir, &key_of(copy), &before)?);
    for part in ["-wal", "-shm", ""] {
        let file = beside(part);
        if file.exists() {
            let kept = beside(&format!("{before}{part}"));
            fs::rename(&file, &kept).map_err(failed)?;
            let _ = writeln!(said, "{} is kept as {}", file.display(), kept.display());
        }
    }
    fs::copy(copy, &database).and_then(|_| fs::File::open(&database)?.sync_all()).map_err(failed)?;
    let _ = writeln!(said, "{} is in its place", copy.display());
    Ok(said)
}

/// Puts the key that belongs to a copy in its place; another one, which would open nothing of what the copy holds, is
/// kept.
fn restore_key(dir: &DataDir, saved: &Path, before: &str) -> Result<String, Failure> {
    let present = dir.key();
    if !saved.exists() {
        let without = format!("there is no {}: ", saved.display());
        let then = if present.exists() {
            format!("{} opens what is sealed, if it is the one that was there then\n", present.display())
        } else {
            "what was sealed is lost\n".to_owned()
        };
        return Ok(without + &then);
    }
    let mut kept = present.clone().into_os_string();
    kept.push(before);
    let put = key::put(saved, dir.path(), Path::new(&kept)).map_err(|error| Failure::of(&error))?;
    let mut said = String::new();
    if put == key::Put::Other {
        let _ = writeln!(said, "{} is kept as {}", present.display(), Path::new(&kept).display());
    }
    if put != key::Put::Same {
        let _ = writeln!(said, "{} is the installation's key", saved.display());
    }
    Ok(said)
}

fn finish(context: &Context, unlisted: bool) -> Result<Answer, Failure> {
    let Some(recovery) = context.reader()?.recovery(context.now())? else {
        return Err(Failure::new(Kind::Failed, "no recovery is under way").hint("groundcrew recover"));
    };
    let mut causes = open(context, &context.data_dir(), &recovery)?;
    causes.retain(|cause| !(unlisted && cause.starts_with(UNLISTED)));
    if !causes.is_empty() {
        let failure =
            Failure { causes, ..Failure::new(Kind::Incomplete, "not everything was looked at yet") };
        return Err(failure.hint("groundcrew recover"));
    }
    context.change_and_tell(Request::RecoverFinish { unlisted })
}

/// What keeps it from being complete.
fn open(context: &Context, dir: &DataDir, recovery: &Recovery) -> Result<Vec<String>, Failure> {
    let mut open = Vec::new();
    // Only a runner that has heard its sources knows which owners there are.
    match context.block_on(control::page(&dir.socket(), "/readyz"))? {
        Ok((status, _)) if status.is_success() => {}
        Ok(_) => open.push("the runner is not ready yet: groundcrew doctor".to_owned()),
        Err(_) => open.push("nothing runs that could look: groundcrew up".to_owned()),
    }
    if recovery.is_looked_for() && !recovery.listed {
        open.push(format!("{UNLISTED}: groundcrew audit history; `--unlisted` does without"));
    }
    for (count, what) in [
        (recovery.unasked, "owners are not asked yet: groundcrew wait --app APP says why"),
        (recovery.looking, "things are not looked for yet"),
        (recovery.failing, "looks failed: groundcrew resources"),
        (
            recovery.ambiguous,
            "can be one of several: groundcrew findings, then groundcrew settle ROW --id ID",
        ),
    ] {
        if count > 0 {
            open.push(format!("{count} {what}"));
        }
    }
    Ok(open)
}

fn tell(context: &Context, dir: &DataDir, recovery: &Recovery) -> Result<Answer, Failure> {
    let mut table = Table::new(["", "", ""]);
    let mut line = |count: u32, what: &str, then: &str| {
        table.row([count.to_string().into(), what.into(), then.into()]);
    };
    line(recovery.found, "things were found and are on record", "groundcrew resources");
    line(recovery.to_create, "are wanted and were not found: would be created", "groundcrew plan");
    line(recovery.to_change, "are not as they are wanted: would be changed", "groundcrew plan");
    line(recovery.unwanted, "are wanted by nobody: would go, or be held", "groundcrew plan");
    line(recovery.unclear, "cannot be told from somebody else's", "groundcrew findings");
    line(
        recovery.astray,
        "carry our mark without a row, are second ones, or are missing",
        "groundcrew findings",
    );
    if recovery.listed && !recovery.unlisted.is_empty() {
        let names = recovery.unlisted.join(", ");
        table.row([
            "".into(),
            format!("of {names} nothing can be listed: looked for by key only").into(),
            "".into(),
        ]);
    }
    let open = open(context, dir, recovery)?;
    let (tone, state) = if open.is_empty() { (Tone::Good, "complete") } else { (Tone::Waiting, "under way") };
    let since = show::ago(recovery.since, context.now());
    let mut text = format!("recovery {}, begun {since}; nothing is written outside\n", paint(tone, state));
    text.push_str(&table.draw());
    for open in &open {
        let _ = writeln!(text, "  {} {open}", paint(Tone::Waiting, "->"));
    }
    if open.is_empty() {
        text.push_str("\nthen: groundcrew recover --finish\n");
    }
    let answer = Answer::both(text, &Shown { recovery, complete: open.is_empty() });
    Ok(answer.code(if open.is_empty() { Code::Ok } else { Code::Incomplete }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_copy_takes_the_place_of_another_which_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (data, saved) = (folder.path().join("data"), folder.path().join("b.db.key"));
        fs::create_dir(&data).unwrap();
        let dir = DataDir::new(&data);
        let restore = || restore_key(&dir, &saved, ".before-7").unwrap();
        let read = |path: &Path| fs::read(path).unwrap();
        assert!(restore().ends_with("what was sealed is lost\n"));
        fs::write(&saved, [1; 32]).unwrap();
        assert!(restore().ends_with("is the installation's key\n"));
        assert_eq!(read(&dir.key()), [1; 32]);
        assert_eq!(restore(), "", "it is there already");
        fs::write(dir.key(), [2; 32]).unwrap();
        assert_eq!(restore().lines().count(), 2);
        assert_eq!((read(&dir.key()), read(&data.join("key.before-7"))), (vec![1; 32], vec![2; 32]));
    }
}
