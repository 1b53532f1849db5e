//! How answers look: aligned tables, a few colours, times as ages, spans of time as bars.
//!
//! Everything here makes text; who prints it decides whether colours survive (`anstream`).

mod paint;
mod span;
mod table;
mod time;

pub use paint::{Tone, paint, tone_of_row};
pub use span::{columns, cut, span};
pub use table::{Cell, Table};
pub use time::{age, ago, length};
