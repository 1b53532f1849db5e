//! Colours, by what they mean.

use anstyle::{AnsiColor, Style};
use groundcrew_core::row::State;

/// What a piece of text means to the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// As it should be.
    Good,
    /// Under way, or waiting.
    Waiting,
    /// A person should look.
    Bad,
    /// Beside the point.
    Faint,
}

/// Paints text; without colour support the codes are stripped when it is printed.
pub fn paint(tone: Tone, text: &str) -> String {
    let style = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Strong => Style::new().bold(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Waiting => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Faint => Style::new().dimmed(),
    };
    format!("{style}{text}{style:#}")
}

/// The tone of a ledger row's state.
pub const fn tone_of_row(state: State) -> Tone {
    match state {
        State::Present => Tone::Good,
        State::Creating | State::Pending | State::Updating | State::Deleting => Tone::Waiting,
        State::InDoubt => Tone::Bad,
        State::Retained | State::Gone => Tone::Faint,
    }
}
