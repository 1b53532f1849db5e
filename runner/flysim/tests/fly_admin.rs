//! An independent client, npm's `fly-admin`, works against the simulator.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use groundcrew_unchecked::not_checked;
use support::Sim;
use tokio::process::Command;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fly-admin");

async fn run(dir: &Path, program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(program).args(arguments).current_dir(dir).kill_on_drop(true).output().await
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Installs the pinned client below the target directory, once.
async fn install() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fly-admin");
    std::fs::create_dir_all(&dir).unwrap();
    for file in ["package.json", "package-lock.json", "peer.js"] {
        std::fs::copy(Path::new(PEER).join(file), dir.join(file)).unwrap();
    }
    let installed = run(&dir, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).await.unwrap();
    assert!(installed.status.success(), "{}", told(&installed));
    dir
}

#[tokio::test]
async fn fly_admin_works_against_the_simulator() {
    if run(Path::new(PEER), "npm", &["--version"]).await.is_err() {
        not_checked("the simulator against fly-admin", "cargo xtask setup installs npm");
        return;
    }
    let dir = install().await;
    let sim = Sim::start().await;
    let base = sim.server.base_url();
    let output = run(&dir, "node", &["peer.js", &base]).await.unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(sim.world().stats().requests > 35, "{:?}", sim.world().stats());
    assert_eq!(sim.world().stats().too_many, 0);
}
