//! A third party's API, as unkind as they come, and the judge of what happened there.
//!
//! [`Outside`] holds collections of things behind a small REST API. Every way in which real APIs are unkind is a
//! named [knob](Knobs), off by default, or a [`Fault`] of one request: things that listings hide for a while,
//! answers that get lost after their effect, effects that land after the caller gave up, strangers that write in
//! between. What took effect, when and by whom, is in its append-only [log](Effect); [`judge`] tells from that log
//! alone what was doubled at any moment, lost, leaked, or not ours to touch.
//!
//! ```text
//! GET    /things?name=&mark=&cursor=   {"items": [...], "next": cursor or null}
//! POST   /things      {name, mark, ...}   201 (202 while it is being built), 409 name taken, 422 full
//! PUT    /things/ID   {mark, ...}         200; 201 where names are ids
//! GET    /things/ID                       200, 404
//! DELETE /things/ID                       204, 202 while it is being torn down, 404
//! POST   /events      anything            204, kept as a receipt
//! ```
//!
//! What fields and queries are called is a knob, too: [`Words`].
//!
//! The header `x-for: OWNER KEY` says what a write is for. It is noted in the log and shown to nobody, so the judge
//! knows what a thing without name or mark was meant to be, and the caller cannot cheat with it.
//!
//! *Guarantees.* No clock, no randomness, no threads of its own: time comes from the clock that is passed in, and
//! effects that are due land in order of their time before anything else is looked at. The same calls at the same
//! times make the same log. It links neither the runner's deciding code nor its store.

#![forbid(unsafe_code)]

mod api;
mod fault;
pub mod judge;
mod knobs;
mod log;
mod outside;
mod serve;
mod words;
mod world;
mod write;

pub use api::{Reply, Response};
pub use fault::{Fault, Weather};
pub use knobs::{ById, Equals, Ids, Keys, Knobs, Made, Marks, Names, Rate, Words};
pub use log::{By, Effect, Purpose, Receipt, What};
pub use outside::{Clock, Outside};
pub use serve::serve;
pub use world::{Act, Pick};
