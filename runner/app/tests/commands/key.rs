//! The installation's key beside its database: with another one, or none, nothing begins.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use groundcrew_core::hash::Digest;

use crate::cli::Said;
use crate::fixture::Fixture;

const CONFIGURED: &str = "installation = \"acme\"\nsource.ndjson.path = \"-\"\nstore.path = \"data\"\n";

/// How often is looked whether a runner is up or at its end, and for how long at most.
const LOOKS: (u32, Duration) = (2_400, Duration::from_millis(25));

/// Commands beside `up` that open the key and the database.
const OPENING: [&str; 3] = ["plan", "backup again.db", "recover"];

impl Fixture {
    /// A database that a runner has opened which keeps of which key it is.
    fn begun() -> Self {
        let fixture = Self::empty();
        fixture.write("groundcrew.toml", CONFIGURED.as_bytes());
        fixture.comes_up();
        fixture
    }

    /// A database with hooks and things, of a runner that did not keep yet of which key it is.
    async fn older() -> Self {
        let fixture = Self::filled().await;
        fixture.write("groundcrew.toml", CONFIGURED.as_bytes());
        assert_eq!(fixture.store().key_print().unwrap(), None);
        fixture
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(file), bytes).unwrap();
    }

    fn key(&self) -> PathBuf {
        self.data().join("key")
    }

    fn print(&self) -> Option<String> {
        self.store().key_print().unwrap()
    }

    /// Starts `up`, and ends it once it is up; what it said if it ended by itself before.
    fn up(&self) -> Result<(), Said> {
        let socket = self.data().join("groundcrew.sock");
        drop(fs::remove_file(&socket));
        let mut up = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
        let up = up.arg("up").current_dir(self.dir.path()).env_clear().env("GROUNDCREW_LOG", "off");
        let mut up = up.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (looks, pause) = LOOKS;
        let ended = (0..looks).find_map(|_| {
            sleep(pause);
            let is_over = up.try_wait().unwrap().is_some();
            (is_over || is_up(&socket)).then_some(is_over)
        });
        drop(up.kill());
        let output = up.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        match ended {
            Some(false) => Ok(()),
            Some(true) => Err(Said {
                code: output.status.code().unwrap(),
                out: text(output.stdout),
                err: text(output.stderr),
            }),
            None => panic!("neither up nor at its end: {}", text(output.stderr)),
        }
    }

    fn comes_up(&self) {
        self.up().unwrap_or_else(|said| panic!("{said:?}"));
    }

    /// Nothing that opens both begins; each says which files, why, and what helps.
    fn nothing_begins(&self, why: &str) {
        let up = ("up", self.up().unwrap_err());
        for (typed, said) in OPENING.map(|typed| (typed, self.run(typed))).into_iter().chain([up]) {
            assert_eq!(said.code, 1, "{typed}: {said:?}");
            for part in [why, "data/key", "data/groundcrew.db", "as FILE.key", "groundcrew recover --new-key"]
            {
                assert!(said.err.contains(part), "{typed}: {part}: {said:?}");
            }
        }
        let doctor = self.run("doctor --json").json();
        let found = doctor.as_array().unwrap().iter().find(|found| found["check"] == "key").unwrap().clone();
        assert!(found["grade"] == "bad" && found["message"].as_str().unwrap().contains(why), "{found}");
        assert!(!self.dir.path().join("again.db").exists());
        assert!(!self.store().is_recovering().unwrap());
    }
}

/// Whether a runner answers behind the socket, which is there from the first moment of its start.
fn is_up(socket: &Path) -> bool {
    let asked = || -> io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: runner\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

#[test]
fn a_key_that_is_missing_or_another_is_refused_until_it_is_put_back() {
    let fixture = Fixture::begun();
    let (key, print) = (fs::read(fixture.key()).unwrap(), fixture.print().unwrap());
    let as_digest = Digest::from_bytes(key.as_slice().try_into().unwrap());
    assert_ne!(print, as_digest.to_string(), "not the key itself");

    fs::remove_file(fixture.key()).unwrap();
    fixture.nothing_begins("there is no ");
    assert!(!fixture.key().exists(), "none is made");
    fs::write(fixture.key(), [1; 32]).unwrap();
    fixture.nothing_begins("is not the key that ");
    assert_eq!(fs::read(fixture.key()).unwrap(), [1; 32]);

    fs::write(fixture.key(), key).unwrap();
    fixture.comes_up();
    fixture.data_run("backup again.db");
    assert_eq!(fixture.print().unwrap(), print);
}

#[tokio::test]
async fn an_older_database_takes_the_key_that_is_there() {
    let fixture = Fixture::older().await;
    fixture.comes_up();
    assert!(fixture.print().is_some());
    fs::write(fixture.key(), [1; 32]).unwrap();
    fixture.nothing_begins("is not the key that ");
    fs::write(fixture.key(), [7; 32]).unwrap();
    fixture.comes_up();
}

#[tokio::test]
async fn an_older_database_with_hooks_had_a_key_and_gets_no_new_one() {
    let fixture = Fixture::older().await;
    fs::remove_file(fixture.key()).unwrap();
    fixture.nothing_begins("there is no ");
    assert!(!fixture.key().exists());
}

#[test]
fn a_key_that_is_lost_for_good_is_replaced_on_request_and_everything_is_looked_at_first() {
    let fixture = Fixture::begun();
    let print = fixture.print();
    fs::remove_file(fixture.key()).unwrap();
    let said = fixture.run("recover --new-key");
    assert!(said.code == 0 && said.out.contains("data/key is the key from here on"), "{said:?}");
    assert!(fixture.key().exists() && fixture.print() != print);
    let store = fixture.store();
    assert!(store.is_recovering().unwrap());
    let acts: Vec<_> = store.acts(9).unwrap().into_iter().map(|(_, act)| act.what).collect();
    assert!(acts.contains(&"recover --new-key".to_owned()), "{acts:?}");
    drop(store);
    fixture.comes_up();

    // Again, while a recovery is under way.
    fs::remove_file(fixture.key()).unwrap();
    assert!(fixture.up().is_err());
    assert_eq!(fixture.run("recover --new-key").code, 0);
    fixture.comes_up();
}

#[test]
fn a_copy_without_its_key_is_put_back_on_request_only() {
    let fixture = Fixture::begun();
    fixture.data_run("backup b.db");
    for saved in [Some([1; 32]), None] {
        if let Some(other) = saved {
            fixture.write("b.db.key", &other);
        } else {
            fs::remove_file(fixture.dir.path().join("b.db.key")).unwrap();
            fs::remove_file(fixture.key()).unwrap();
        }
        let said = fixture.run("recover --from b.db");
        assert!(said.code == 1 && said.err.contains("b.db"), "{said:?}");
        assert!(said.err.contains("groundcrew recover --new-key"), "{said:?}");
        let mut names = fs::read_dir(fixture.data()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names.any(|name| name.to_string_lossy().contains("before")), "nothing is moved");
    }
    let said = fixture.run("recover --from b.db --new-key");
    assert!(said.code == 0 && said.out.contains("what was sealed is lost"), "{said:?}");
    fixture.comes_up();
}

#[test]
fn a_copy_takes_the_place_of_a_broken_database_which_is_kept() {
    const BROKEN: [u8; 8192] = [b'x'; 8192];
    let fixture = Fixture::begun();
    fixture.data_run("backup b.db");
    for part in ["groundcrew.db-wal", "groundcrew.db-shm"] {
        drop(fs::remove_file(fixture.data().join(part)));
    }
    fixture.write("data/groundcrew.db", &BROKEN);
    fixture.write("c.db", &BROKEN);
    let doctor = fixture.run("doctor");
    assert!(doctor.out.contains("file is not a database"), "{doctor:?}");
    assert!(doctor.code == 1 && doctor.out.contains("-> groundcrew recover --from FILE"), "{doctor:?}");
    let up = fixture.up().unwrap_err();
    for (typed, said) in [("up", up), ("recover", fixture.run("recover"))] {
        assert!(said.code == 1 && said.err.contains("hint: groundcrew doctor\n"), "{typed}: {said:?}");
        assert!(said.err.contains("hint: groundcrew recover --from FILE"), "{typed}: {said:?}");
    }
    let refused = fixture.run("recover --from c.db");
    assert!(refused.code == 1 && refused.err.contains("c.db is no copy that can be read"), "{refused:?}");
    let mistyped = fixture.run("recover --from d.db");
    assert!(mistyped.code == 1 && mistyped.err.contains("d.db is no copy that can be read"), "{mistyped:?}");
    assert!(!mistyped.err.contains("groundcrew up"), "nobody is advised to begin anew: {mistyped:?}");
    assert_eq!(fs::read(fixture.data().join("groundcrew.db")).unwrap(), BROKEN, "nothing is moved");

    let said = fixture.run("recover --from b.db");
    assert!(said.code == 0 && said.out.contains("nothing can be read of "), "{said:?}");
    let mut files = fs::read_dir(fixture.data()).unwrap().map(|entry| entry.unwrap().path());
    let kept = files.find(|file| file.to_string_lossy().contains("groundcrew.db.before-")).unwrap();
    assert!(said.out.contains("groundcrew.db is kept as ") && fs::read(kept).unwrap() == BROKEN, "{said:?}");
    assert!(fixture.store().is_recovering().unwrap());
    fixture.comes_up();
}
