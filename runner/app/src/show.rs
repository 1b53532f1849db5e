//! How answers look: aligned tables, a few colours, times as ages.
//!
//! Everything here makes text; who prints it decides whether colours survive (`anstream`).

mod paint;
mod table;
mod time;

pub use paint::{Tone, paint, tone_of_row};
pub use table::{Cell, Table};
pub use time::{age, ago, length};
