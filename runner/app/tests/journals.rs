//! Runs that earlier versions recorded replay for ever: `tests/journals`, each written by `groundcrew replay --export`.

use std::path::Path;

use groundcrew::prove::loaded::Loaded;
use groundcrew::replay::{Recording, Verdict, replay};
use groundcrew_engine::cache::{Cache, Compiler};

#[tokio::test]
async fn every_journal_in_the_repository_replays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/journals");
    let scratch = tempfile::tempdir().unwrap();
    let mut ops = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let recording = Recording::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let bytes = recording.carried().unwrap().unwrap();
        let cache = Cache::new(scratch.path().to_owned(), [7; 32], Compiler::InProcess);
        let loaded = Loaded::within(&bytes, recording.manifest.clone(), cache).await.unwrap();
        let replayed = replay(&loaded, &recording).await;
        assert_eq!(replayed.verdict, Verdict::Same, "{}", path.display());
        assert_eq!(replayed.calls, recording.calls.len(), "{}", path.display());
        ops.push(format!("{} {}", recording.hook, recording.asked.op()));
    }
    ops.sort();
    assert_eq!(ops, ["dns find", "ip create", "tell handle"]);
}
