//! The answer to a change of secrets, in all the ways in which the document allows it.

use std::collections::BTreeMap;

use groundcrew_fly::{Answer, secrets};

#[test]
fn the_version_may_have_either_name_or_both() {
    let call = secrets::set("web", &BTreeMap::new());
    for (body, version) in [
        (r#"{"secrets": [], "version": 3}"#, Some(3)),
        (r#"{"secrets": null, "Version": 4}"#, Some(4)),
        (r#"{"version": 5, "Version": 5}"#, Some(5)),
        ("{}", None),
    ] {
        let read = call.read(&Answer::new(200, body.as_bytes())).unwrap();
        assert_eq!((read.version, read.secrets.len()), (version, 0), "{body}");
    }
}
