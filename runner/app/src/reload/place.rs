//! What may not change in place: it belongs to the process, and not to a runner.

use std::net::SocketAddr;

use crate::config::Config;
use crate::data_dir::DataDir;

/// Where a process works, and for whom: the same as long as it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose marks it makes.
    pub installation: String,
    /// Whose lock and socket it has.
    pub data: DataDir,
    /// Where it listens on the network.
    pub listen: Option<SocketAddr>,
    /// Whose limits are counted.
    pub fly_api: String,
}

impl Place {
    /// Where a configuration says.
    pub fn of(config: &Config, data: DataDir) -> Self {
        Self {
            installation: config.installation.clone(),
            data,
            listen: config.http.as_ref().map(|http| http.listen),
            fly_api: config.fly_api.clone(),
        }
    }

    /// What another place differs in, one line each; none: it is the same.
    pub fn differing(&self, next: &Self) -> Vec<String> {
        let listens = |place: &Self| match place.listen {
            Some(address) => format!("`{address}`"),
            None => "nowhere".to_owned(),
        };
        let quoted = |text: &str| format!("`{text}`");
        let files = |place: &Self| {
            format!("`{}` in `{}`", place.data.database().display(), place.data.path().display())
        };
        let both = [
            ("installation", quoted(&self.installation), quoted(&next.installation)),
            ("store.path", files(self), files(next)),
            ("http.listen", listens(self), listens(next)),
            ("the address of the Fly API", quoted(&self.fly_api), quoted(&next.fly_api)),
        ];
        let differing = both.into_iter().filter(|(_, is, next)| is != next);
        differing.map(|(what, is, next)| format!("{what} is {is} and would be {next}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::components;
    use crate::config::Environment;

    /// The place that a configuration names; its first lines say what differs.
    fn place(text: &str, data: &str) -> Place {
        let text = format!("{text}\nsource.ndjson.path = \"-\"\n");
        let environment = Environment::fixed([]);
        let config = Config::parse("x.toml", &text, Path::new(""), &environment, &components::manifest);
        Place::of(&config.unwrap_or_else(|report| panic!("{report}")), DataDir::new(data))
    }

    #[test]
    fn what_belongs_to_the_process_is_told_and_nothing_else_is() {
        let running = place("installation = \"acme\"", "data");
        assert_eq!(
            running.differing(&place("installation = \"acme\"\nlevel = \"observe\"", "data")),
            [""; 0]
        );
        for (next, line) in [
            (place("installation = \"other\"", "data"), "installation is `acme` and would be `other`"),
            (
                place("installation = \"acme\"\nhttp.listen = \"127.0.0.1:8080\"", "data"),
                "http.listen is nowhere and would be `127.0.0.1:8080`",
            ),
            (
                place("installation = \"acme\"", "elsewhere"),
                "store.path is `data/groundcrew.db` in `data` and would be `elsewhere/groundcrew.db` in `elsewhere`",
            ),
            (
                Place { fly_api: "http://127.0.0.1:1".to_owned(), ..running.clone() },
                "the address of the Fly API is `https://api.machines.dev` and would be `http://127.0.0.1:1`",
            ),
        ] {
            assert_eq!(running.differing(&next), [line]);
        }
        let all = place("installation = \"other\"\nhttp.listen = \"127.0.0.1:8080\"", "elsewhere");
        assert_eq!(running.differing(&all).len(), 3, "all at once");
    }
}
