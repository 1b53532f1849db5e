//! Automation of the project. `cargo xtask help` lists what there is.
fn main() {}
