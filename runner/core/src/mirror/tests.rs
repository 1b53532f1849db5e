//! The mirror under test: single lives, every rule with and without, and arbitrary interleavings.

mod bench;
mod converge;
mod life;
mod rules;
mod running;
mod together;
mod unseen;
