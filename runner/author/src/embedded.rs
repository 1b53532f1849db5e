//! The texts that travel within the crate; the list is made by its build script.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
