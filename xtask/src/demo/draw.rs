//! How the play is drawn: a line for each event, and what commands print where a person looks at it.

use std::io::IsTerminal as _;

/// Who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person at a terminal, who is shown tables as well.
    Terminal,
    /// A program or a file, which is given one line for each event and nothing else.
    Pipe,
}

impl Audience {
    /// Who looks at the standard output.
    pub(crate) fn present() -> Self {
        if std::io::stdout().is_terminal() { Self::Terminal } else { Self::Pipe }
    }

    /// What a command printed that was typed so many seconds after the beginning.
    pub(super) fn command(self, seconds: f32, arguments: &[&str], printed: &str) -> String {
        let command = format!("groundcrew {}", arguments.join(" "));
        match self {
            Self::Terminal => format!("\n$ {command}\n{}\n", printed.trim_end()),
            Self::Pipe => event(seconds, "typed", &command),
        }
    }
}

/// One line: seconds since the beginning, who, what.
pub(super) fn event(seconds: f32, who: &str, what: &str) -> String {
    let what = what.lines().map(str::trim_end).collect::<Vec<_>>().join(" ");
    format!("{seconds:>6.1}s  {who:<10} {what}")
}

/// Prints it.
#[expect(clippy::print_stdout, reason = "this is the demo's output")]
pub(super) fn print(text: &str) {
    println!("{text}");
}

/// What a runner found that was started again, by its metrics.
pub(super) fn restarted(metrics: &str) -> String {
    let number = |name: &str| {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        value.map(|value| value as u64)
    };
    let counted = |count: Option<u64>, one: &str| match count {
        None => format!("nobody knows how many {one}s"),
        Some(1) => format!("1 {one}"),
        Some(many) => format!("{many} {one}s"),
    };
    format!(
        "restarted on the same data directory; {} in doubt, {} due",
        counted(number("groundcrew_rows_in_doubt "), "intent"),
        counted(number("groundcrew_lanes_due "), "lane")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "AUDIT  NEXT\nleaks  in 12 s\n";

    #[test]
    fn in_a_pipe_everything_is_one_line() {
        let lines = [
            Audience::Pipe.command(5.04, &["audit", "list"], TABLE),
            event(5.04, "runner", "ERROR: it failed\n  because of this\n"),
        ];
        assert_eq!(lines[0], "   5.0s  typed      groundcrew audit list");
        assert_eq!(lines[1], "   5.0s  runner     ERROR: it failed   because of this");
    }

    #[test]
    fn a_person_is_shown_what_commands_print() {
        let shown = Audience::Terminal.command(5.04, &["audit", "list"], TABLE);
        assert_eq!(shown, "\n$ groundcrew audit list\nAUDIT  NEXT\nleaks  in 12 s\n");
    }

    #[test]
    fn what_a_runner_found_is_counted_by_its_metrics() {
        let metrics =
            "# TYPE groundcrew_lanes_due gauge\ngroundcrew_lanes_due 3\ngroundcrew_rows_in_doubt 1\n";
        assert_eq!(
            restarted(metrics),
            "restarted on the same data directory; 1 intent in doubt, 3 lanes due"
        );
        assert!(restarted("").contains("nobody knows how many lanes"));
    }
}
