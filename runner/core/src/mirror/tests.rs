//! The mirror under test: single lives, every rule with and without, and arbitrary interleavings.

mod bench;
mod conflict;
mod converge;
mod gone;
mod life;
mod log;
mod rules;
mod running;
mod together;
mod unseen;
mod vain;
